package import Events
import Statistics

/// Where one baseline differs from another, column by column.
///
/// From summaries alone. Where both were cut by the same edges, as ``FeatureBaseline/counting(_:asIn:)`` does
/// where there are rows, the stability index is that of the counts; otherwise the second's counts are taken
/// to lie evenly between its own edges, which is near for continuous columns, rough for few distinct values,
/// and said with each column. Categories are those that each baseline
/// kept, 20 at most; what one did not keep counts as other.
package struct BaselineDifference: Sendable, Equatable {
  /// One column that both have.
  package struct Column: Sendable, Equatable {
    package var name: String
    /// Population stability index, smoothed by ½: Σ (q − p) ln(q/p).
    package var index: Double
    /// What the index of two samples of one population is on average: (K − 1)(φ/N + φ'/N').
    package var expectedIndex: Double
    /// W₁ in the first's interquartile ranges, see ``ReferenceBins/distance(of:)``; NaN for text, or where it
    /// cannot be said.
    package var distance: Double
    /// Of the first and the second; NaN for text.
    package var mean: Pair
    package var standardDeviation: Pair
    package var missingShare: Pair
    /// Labels that only the second kept, and only the first.
    package var newCategories: [String]
    package var vanishedCategories: [String]
    /// Whether both were counted in the same bins.
    package var isExact: Bool
    package var isText: Bool

    /// The difference of means in the first's deviations; NaN where it has none.
    package var meanShift: Double {
      standardDeviation.first > 0 ? (mean.second - mean.first) / standardDeviation.first : .nan
    }
  }

  package struct Pair: Sendable, Equatable {
    package var first: Double
    package var second: Double
  }

  /// The largest index first; columns of one index in the first's order.
  package let columns: [Column]
  /// Names that only the second has.
  package private(set) var new: [String] = []
  /// Names that only the first has.
  package private(set) var vanished: [String] = []
  /// Text in one and numbers in the other.
  package private(set) var retyped: [String] = []
  package let rows: Pair

  /// Columns are matched by name where both have names, else by place among their kind. Cost: O(columns).
  ///
  /// Nil where one has no bins.
  package init?(_ first: FeatureBaseline, _ second: FeatureBaseline) {
    guard let left = first.reference, let right = second.reference else { return nil }
    rows = Pair(first: Double(first.moments.rows), second: Double(second.moments.rows))
    let isNamed = left.names != nil && right.names != nil
    // Places are named alike in both when they have no names.
    func names(_ reference: FeatureReference) -> [String] {
      (0..<reference.columns).map { column in
        isNamed ? reference.name(of: column) : Self.place(column, reference.numbers.count)
      }
    }
    let (leftNames, rightNames) = (names(left), names(right))
    let places = Dictionary(rightNames.enumerated().map { ($1, $0) }) { first, _ in first }
    var found: [Column] = []
    for (column, name) in leftNames.enumerated() {
      guard let other = places[name] else {
        vanished.append(name)
        continue
      }
      guard (column < left.numbers.count) == (other < right.numbers.count) else {
        retyped.append(name)
        continue
      }
      let shown = left.names?[column] ?? right.names?[other] ?? name
      found.append(
        column < left.numbers.count
          ? .init(name: shown, first, column, second, other)
          : .init(
            name: shown, text: left.texts[column - left.numbers.count],
            right.texts[other - right.numbers.count]))
    }
    let known = Set(leftNames)
    new = rightNames.filter { !known.contains($0) }
    // What cannot be said comes last.
    let keys = found.map { $0.index.isNaN ? -1 : $0.index }
    columns = found.indices.sorted { (keys[$1], $0) < (keys[$0], $1) }.map { found[$0] }
  }

  private static func place(_ column: Int, _ numbers: Int) -> String {
    column < numbers ? "feature_\(column)" : "text_\(column - numbers)"
  }
}

extension BaselineDifference.Column {
  /// Of numbers.
  fileprivate init(
    name: String, _ first: FeatureBaseline, _ column: Int, _ second: FeatureBaseline, _ other: Int
  ) {
    let (left, right) = (first.reference!.numbers[column], second.reference!.numbers[other])
    let isExact = left.bins.edges == right.bins.edges
    let counts =
      isExact
      ? right.bins.counts.map { Double($0) }
      : right.bins.spread(
        over: left.bins.edges, from: second.moments.minimum(of: other), to: second.moments.maximum(of: other))
    self.init(
      name: name, index: Self.index(left.bins.counts.map { Double($0) }, counts),
      expectedIndex: Self.expected(left, right), distance: left.bins.distance(of: Self.parts(of: counts)),
      mean: .init(first: first.moments.mean(of: column), second: second.moments.mean(of: other)),
      standardDeviation: .init(
        first: first.moments.standardDeviation(of: column),
        second: second.moments.standardDeviation(of: other)),
      missingShare: Self.missing(left, right), newCategories: [], vanishedCategories: [], isExact: isExact,
      isText: false)
  }

  fileprivate init(name: String, text left: FeatureReference.Column, _ right: FeatureReference.Column) {
    let (own, others) = (left.categories ?? [], right.categories ?? [])
    let bins = Dictionary(own.enumerated().map { ($1.hash, $0 + 2) }) { first, _ in first }
    var counts = [Double](repeating: 0, count: left.bins.counts.count)
    for (bin, count) in right.bins.counts.enumerated() {
      counts[bin < 2 ? bin : bins[others[bin - 2].hash] ?? 1] += Double(count)
    }
    let kept = Set(others.map(\.hash))
    self.init(
      name: name, index: Self.index(left.bins.counts.map { Double($0) }, counts),
      expectedIndex: Self.expected(left, right), distance: .nan, mean: .init(first: .nan, second: .nan),
      standardDeviation: .init(first: .nan, second: .nan), missingShare: Self.missing(left, right),
      newCategories: others.filter { bins[$0.hash] == nil }.map(\.label),
      vanishedCategories: own.filter { !kept.contains($0.hash) }.map(\.label),
      isExact: true, isText: true)
  }

  private static func index(_ first: [Double], _ second: [Double]) -> Double {
    let (rows, others) = (first.reduce(0, +), second.reduce(0, +))
    guard rows > 0, others > 0 else { return .nan }
    let half = Double(first.count) / 2
    return zip(first, second).reduce(0) { sum, pair in
      let (p, q) = ((pair.0 + 0.5) / (rows + half), (pair.1 + 0.5) / (others + half))
      return sum + (q - p) * (Exactly.log(q) - Exactly.log(p))
    }
  }

  private static func expected(_ left: FeatureReference.Column, _ right: FeatureReference.Column) -> Double {
    guard left.bins.rows > 0, right.bins.rows > 0 else { return .nan }
    return ColumnBins.expectedIndex(
      bins: left.bins.counts.count, rows: Double(right.bins.rows) / right.dependence,
      referenceRows: Double(left.bins.rows) / left.dependence)
  }

  private static func missing(
    _ left: FeatureReference.Column, _ right: FeatureReference.Column
  ) -> BaselineDifference.Pair {
    func share(_ bins: ReferenceBins) -> Double {
      bins.rows > 0 ? Double(bins.counts[0]) / Double(bins.rows) : .nan
    }
    return .init(first: share(left.bins), second: share(right.bins))
  }

  /// As whole counts of the same shares to a billionth.
  private static func parts(of counts: [Double]) -> [UInt32] {
    let sum = counts.reduce(0, +)
    return counts.map { sum > 0 ? UInt32(($0 / sum * 1e9).rounded()) : 0 }
  }
}

extension ReferenceBins {
  /// The rows as they would lie between other edges, if they lay evenly between these; the outermost bins begin
  /// and end at the least and greatest value. The missing first.
  fileprivate func spread(over other: [Double], from least: Double, to greatest: Double) -> [Double] {
    func below(_ edge: Double) -> Double {
      var sum = 0.0
      for bin in 1..<counts.count {
        let low = bin == 1 ? least : edges[bin - 2]
        let high = bin == counts.count - 1 ? greatest : edges[bin - 1]
        if edge > high || edge == high && bin < counts.count - 1 {
          sum += Double(counts[bin])
        } else if edge > low {
          // Halves first: the difference of two large numbers is infinite.
          let share = (edge / 2 - low / 2) / (high / 2 - low / 2)
          sum += Double(counts[bin]) * (share.isFinite ? min(max(share, 0), 1) : 0.5)
        }
      }
      return sum
    }
    var result = [Double(counts[0])]
    var before = 0.0
    for edge in other {
      let next = max(before, below(edge))
      result.append(next - before)
      before = next
    }
    let all = counts.dropFirst().reduce(0.0) { $0 + Double($1) }
    return result + [max(0, all - before)]
  }
}

extension FeatureBaseline {
  /// This baseline with the rows it was made from counted again, between the edges of another one: its columns of
  /// numbers that the other has, too.
  ///
  /// Cost: a pass over the rows.
  /// - Parameter batch: the rows that this was made from.
  package func counting(_ batch: FeatureBatch, asIn other: FeatureBaseline) -> FeatureBaseline {
    guard var own = reference, let wanted = other.reference else { return self }
    var match = FeatureMatch()
    _ = match.match(batch, to: wanted)
    let (values, width) = (batch.rowMajorValues, batch.columns)
    for (column, place) in match.numbers.enumerated() {
      guard let place, place < own.numbers.count else { continue }
      let bins = wanted.numbers[column].bins
      let counts = bins.count(stride(from: place, to: values.count, by: width).map { values[$0] })
      own.numbers[place].bins = bins.counting(counts) ?? own.numbers[place].bins
    }
    return FeatureBaseline(names: names, moments: moments, reference: own)
  }
}
