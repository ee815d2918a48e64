import Events
import Statistics

/// A feature baseline as plain figures: what baseline files hold, and what is shown of one.
///
/// It has everything that ``FeatureBaseline`` has, and no rows: either becomes the other without loss.
package struct BaselineSummary: Sendable, Equatable {
  /// Of the rows that the baseline was made from.
  package var rows: Int
  /// Numbers first, then text.
  package var columns: [Column]

  package init(rows: Int, columns: [Column]) { (self.rows, self.columns) = (rows, columns) }

  /// One column.
  package struct Column: Sendable, Equatable {
    /// Nil when the producer gave none; then no column has one.
    package var name: String?
    /// Rows in each bin: the missing, then intervals of numbers; or the missing, the others, and a bin for each
    /// category of text.
    package var counts: [UInt32]
    /// How many rows say as much as an independent one, at least 1.
    package var dependence: Double
    package var content: Content

    package init(name: String?, counts: [UInt32], dependence: Double, content: Content) {
      (self.name, self.counts, self.dependence, self.content) = (name, counts, dependence, content)
    }

    /// The share of rows that have no value; NaN without rows.
    package var missingShare: Double {
      let rows = counts.reduce(0.0) { $0 + Double($1) }
      return rows > 0 ? Double(counts.first ?? 0) / rows : .nan
    }
  }

  package enum Content: Sendable, Equatable {
    case numbers(Numbers)
    case categories([FeatureReference.Category])
  }

  /// Figures of a column of numbers; those of a column without any are as ``ColumnMoments`` begins.
  package struct Numbers: Sendable, Equatable {
    /// Finite values.
    package var present: Int
    package var mean: Double
    /// The sum of squared distances from the mean.
    package var squares: Double
    package var minimum: Double
    package var maximum: Double
    /// Between intervals: ascending, two fewer than bins.
    package var edges: [Double]

    package init(
      present: Int, mean: Double, squares: Double, minimum: Double, maximum: Double, edges: [Double]
    ) {
      (self.present, self.mean, self.squares) = (present, mean, squares)
      (self.minimum, self.maximum, self.edges) = (minimum, maximum, edges)
    }

    /// Of the population (ddof 0); NaN without a value.
    package var standardDeviation: Double {
      present > 0 ? (squares / Double(present)).squareRoot() : .nan
    }
  }

  /// Why a summary is none.
  package struct Problem: Error, Equatable {
    /// Nil: the whole.
    package var column: Int?
    package var message: String
  }

  /// The longest text that a category is shown with.
  package static var mostLabelBytes: Int { HeavyHitters.nameLimit }
}

extension FeatureBaseline {
  /// Nil for a baseline without bins. Cost: a copy.
  package var summary: BaselineSummary? {
    guard let reference else { return nil }
    let (count, state) = (moments.columns, moments.state)
    let numbers = reference.numbers.enumerated().map { index, column in
      BaselineSummary.Column(
        name: reference.names?[index], counts: column.bins.counts, dependence: column.dependence,
        content: .numbers(
          .init(
            present: moments.present(in: index), mean: state[count + index],
            squares: state[2 * count + index],
            minimum: state[3 * count + index], maximum: state[4 * count + index], edges: column.bins.edges)))
    }
    let texts = reference.texts.enumerated().map { index, column in
      BaselineSummary.Column(
        name: reference.names?[count + index], counts: column.bins.counts, dependence: column.dependence,
        content: .categories(column.categories ?? []))
    }
    return BaselineSummary(rows: moments.rows, columns: numbers + texts)
  }

  /// What a summary says, its columns of numbers first, whatever order they had.
  ///
  /// - Throws: what does not fit, with the column as the summary counts it.
  package init(_ summary: BaselineSummary) throws(BaselineSummary.Problem) {
    var numbers: [FeatureReference.Column] = []
    var texts: [FeatureReference.Column] = []
    var names: (numbers: [String], texts: [String]) = ([], [])
    var figures: [BaselineSummary.Numbers] = []
    for (index, column) in summary.columns.enumerated() {
      let made = try column.reference(index)
      switch column.content {
      case .numbers(let own):
        guard own.present >= 0, own.present <= summary.rows else {
          throw .init(column: index, message: "\(own.present) values of \(summary.rows) rows")
        }
        numbers.append(made)
        figures.append(own)
        if let name = column.name { names.numbers.append(name) }
      case .categories:
        texts.append(made)
        if let name = column.name { names.texts.append(name) }
      }
    }
    let named = names.numbers.count + names.texts.count
    guard !numbers.isEmpty else { throw .init(message: "no column of numbers") }
    guard named == 0 || named == summary.columns.count else {
      throw .init(message: "\(named) names for \(summary.columns.count) columns, want all or none")
    }
    if let twice = FeatureNames.firstDuplicate(in: names.numbers + names.texts) {
      throw .init(message: "the name '\(twice.prefix(64))' stands twice")
    }
    let state =
      figures.map { Double($0.present) } + figures.map(\.mean) + figures.map(\.squares)
      + figures.map(\.minimum) + figures.map(\.maximum)
    guard let moments = ColumnMoments(columns: figures.count, rows: summary.rows, state: state) else {
      throw .init(message: "\(summary.rows) rows")
    }
    self.init(
      names: named == 0 ? nil : FeatureNames(names.numbers), moments: moments,
      reference: FeatureReference(
        numbers: numbers, texts: texts, names: named == 0 ? nil : names.numbers + names.texts))
  }
}

extension BaselineSummary.Column {
  /// - Parameter index: the column's, for what is thrown.
  func reference(_ index: Int) throws(BaselineSummary.Problem) -> FeatureReference.Column {
    guard dependence >= 1, dependence.isFinite else {
      throw .init(column: index, message: "a dependence of \(dependence), want 1 or more")
    }
    switch content {
    case .numbers(let numbers):
      guard let bins = ReferenceBins(edges: numbers.edges, counts: counts) else {
        throw .init(
          column: index,
          message: "\(counts.count) counts and \(numbers.edges.count) edges, want at most "
            + "\(ReferenceBins.intervals - 1) edges that ascend, two counts more, and at most "
            + "\(ReferenceBins.mostRows) rows")
      }
      return .init(bins: bins, dependence: dependence)
    case .categories(let categories):
      guard categories.count <= FeatureReference.mostCategories, counts.count == categories.count + 2,
        let bins = ReferenceBins(categories: counts)
      else {
        throw .init(
          column: index,
          message: "\(counts.count) counts of \(categories.count) categories, want at most "
            + "\(FeatureReference.mostCategories) categories, two counts more, and at most "
            + "\(ReferenceBins.mostRows) rows")
      }
      guard Set(categories.map(\.hash)).count == categories.count else {
        throw .init(column: index, message: "a category that stands twice")
      }
      guard categories.allSatisfy({ $0.label.utf8.count <= BaselineSummary.mostLabelBytes }) else {
        throw .init(
          column: index, message: "a category's label of more than \(BaselineSummary.mostLabelBytes) bytes")
      }
      return .init(bins: bins, dependence: dependence, categories: categories)
    }
  }
}
