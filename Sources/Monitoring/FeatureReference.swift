package import Statistics

/// What preset `standard` holds a model's features to: every column as counts in bins. Rows are not kept.
///
/// Columns of numbers come first, then those of text, each kind in the order of the reference. Memory: about
/// 300 bytes a column, and 80 a category.
package struct FeatureReference: Sendable, Equatable {
  /// One column.
  package struct Column: Sendable, Equatable {
    /// Of numbers, 20 intervals that are equally likely at most; of text, the missing, what is none of
    /// ``categories``, and one bin a category.
    package var bins: ReferenceBins
    /// How many rows of the column say as much as one independent one, at least 1.
    package var dependence: Double
    /// The most frequent values of a column of text, at most ``mostCategories``; nil for numbers.
    package var categories: [Category]?

    package init(bins: ReferenceBins, dependence: Double, categories: [Category]? = nil) {
      (self.bins, self.dependence, self.categories) = (bins, dependence, categories)
    }
  }

  /// A value of a column of text.
  package struct Category: Sendable, Equatable {
    /// See ``StableHash``.
    package var hash: UInt64
    /// The text, cut to ``HeavyHitters/nameLimit`` bytes.
    package var label: String

    package init(hash: UInt64, label: String) { (self.hash, self.label) = (hash, label) }
  }

  /// Bins of text are the missing, the others, and these.
  package static let mostCategories = ReferenceBins.capacity - 2

  package var numbers: [Column]
  package var texts: [Column]
  /// One a column, numbers first; nil when the producer gave none.
  package var names: [String]?

  package init(numbers: [Column], texts: [Column], names: [String]?) {
    (self.numbers, self.texts, self.names) = (numbers, texts, names)
  }

  var columns: Int { numbers.count + texts.count }

  /// The name of a column, numbers first.
  package func name(of column: Int) -> String {
    names?[column]
      ?? (column < numbers.count ? "feature_\(column)" : "text_\(column - numbers.count)")
  }
}

/// Counts the values of a column of text.
struct CategoryCounter: Sendable, Equatable {
  private(set) var summary = HeavyHitters()
  private(set) var missing = 0
  private(set) var rows = 0

  mutating func add(_ cell: UnsafeRawBufferPointer) {
    rows += 1
    if cell.isEmpty { missing += 1 } else { summary.add(cell, hash: StableHash.of(cell)) }
  }

  init() {}

  init(summary: HeavyHitters, missing: Int, rows: Int) {
    (self.summary, self.missing, self.rows) = (summary, missing, rows)
  }

  /// The column as a reference. What is not among the most frequent counts as other, and so does what
  /// Space-Saving may have counted too much.
  var column: FeatureReference.Column {
    let kept = summary.entries.prefix(FeatureReference.mostCategories)
    let sure = kept.map { max(0, $0.count - $0.error) }
    let most = ReferenceBins.mostRows
    // Of more rows than are counted, shares.
    let scale = rows > most ? Double(most) / Double(rows) : 1
    let counts = ([missing, rows - missing - sure.reduce(0, +)] + sure).map {
      UInt32(Double($0) * scale)
    }
    return FeatureReference.Column(
      // Two bins and at most twenty more, of at most so many rows: there is always a reference.
      bins: ReferenceBins(categories: counts)!, dependence: 1,
      categories: kept.map { entry in
        let label =
          switch entry.name {
          case .text(let text): text
          case .number(let number): "\(number)"
          }
        return .init(hash: entry.hash, label: label)
      })
  }
}
