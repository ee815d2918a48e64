import Statistics

/// A series of several columns: changes of any column's level, slope or spread, and of how columns hang
/// together, by ``MMDDetector`` on what ``RecursiveResiduals`` and ``SequentialRanks`` leave of each.
package struct TableSeries: SeriesDetector {
  /// Columns that an alarm names.
  package static let namedColumns = 3

  private let columns: Int
  private let rowsPerFalseAlarm: Double
  private var detector: MMDDetector
  private var whiteners: [Whitener]
  /// Rows of normal scores since the start of the stretch, at most ``RecentValues/capacity`` of them a column.
  private var scores: [RecentValues]
  private var row = 0
  private var start = 0

  /// Makes about independent standard normal values of one column.
  private struct Whitener {
    private var first: [Double] = []
    private var residuals: RecursiveResiduals?
    private var ranks = SequentialRanks()
    private var last = 0.0

    /// Hands over the scores of all values that have one now.
    mutating func next(_ value: Double, _ body: (Double) -> Void) {
      let value = value.isFinite ? value : last
      last = value
      guard residuals == nil else { return take(value, body) }
      first.append(value)
      guard first.count == RealSeries.first else { return }
      residuals = RealSeries.unit(of: first)
      for value in first { take(value, body) }
    }

    private mutating func take(_ value: Double, _ body: (Double) -> Void) {
      guard let residual = residuals!.next(value) else { return }
      ranks.next(residual, body)
    }
  }

  /// - Parameter columns: at least 1.
  package init(columns: Int, rowsPerFalseAlarm: Double = 1e5) {
    self.columns = columns
    self.rowsPerFalseAlarm = rowsPerFalseAlarm
    detector = MMDDetector(columns: columns, rowsPerFalseAlarm: rowsPerFalseAlarm)
    whiteners = [Whitener](repeating: Whitener(), count: columns)
    scores = [RecentValues](repeating: RecentValues(), count: columns)
  }

  package mutating func next(_ values: UnsafeBufferPointer<Double>) -> SeriesStep {
    defer { row += 1 }
    for column in 0..<columns {
      var scores = scores[column]
      self.scores[column] = RecentValues()
      whiteners[column].next(values[column]) { scores.append($0) }
      self.scores[column] = scores
    }
    let held = scores[0].first + scores[0].values.count
    var verdict: Verdict?
    while detector.count < held {
      let offset = detector.count - scores[0].first
      verdict = detector.observe(scores.map { $0.values[offset] })
    }
    guard let found = verdict else { return SeriesStep(evidence: 0) }
    let evidence = found.score.isFinite ? found.score : 0
    guard found.isDrifted, row >= SeriesStep.firstAlarm else { return SeriesStep(evidence: evidence) }
    let alarm = alarm(found, held: held)
    startAnew()
    return SeriesStep(evidence: evidence, alarm: alarm)
  }

  private func alarm(_ verdict: Verdict, held: Int) -> SeriesAlarm {
    let changed = verdict.change?.index ?? 0
    let split = max(1, min(changed - scores[0].first, scores[0].values.count - 1))
    let contributions = Contributions.ofColumns(scores.map(\.values), split: split)
    let order = contributions.indices.sorted { contributions[$0] > contributions[$1] }
    return SeriesAlarm(
      index: row,
      // Scores begin some rows after the stretch, and the latest is that of this row.
      change: ChangePoint(
        index: row - (held - 1 - changed), kind: ChangeShape.kind(of: scores[order[0]].values[...])),
      evidence: verdict.score, columns: Array(order.prefix(Self.namedColumns)))
  }

  package mutating func startAnew() {
    start = row + 1
    detector = MMDDetector(columns: columns, rowsPerFalseAlarm: rowsPerFalseAlarm)
    whiteners = [Whitener](repeating: Whitener(), count: columns)
    for column in 0..<columns { scores[column].removeAll(from: 0) }
  }
}

/// Which columns a change of many is about.
enum Contributions {
  /// Columns between which pairs are looked at: all but in very wide tables.
  private static let widest = 64

  /// For each column the largest of how far its mean, its deviation's logarithm and its correlations
  /// with others differ between two parts, each in standard errors.
  ///
  /// Cost: O(n · columns²) up to 64 columns.
  static func ofColumns(_ columns: [[Double]], split: Int) -> [Double] {
    let (before, after) = (columns.map { $0[..<split] }, columns.map { $0[split...] })
    let (n1, n2) = (Double(split), Double(columns[0].count - split))
    let error = (1 / n1 + 1 / n2).squareRoot()
    let (first, second) = (before.map(Self.moments), after.map(Self.moments))
    var result = columns.indices.map { column in
      max(
        abs(first[column].mean - second[column].mean) / error,
        abs(Elementary.ln(second[column].deviation / first[column].deviation)) / error * 2.0.squareRoot())
    }
    guard columns.count <= widest else { return result }
    for a in columns.indices {
      for b in 0..<a {
        // Fisher's z of a correlation has a standard error of about 1/√n.
        let change = abs(
          fisher(after[a], after[b], second[a], second[b]) - fisher(before[a], before[b], first[a], first[b]))
        result[a] = max(result[a], change / error)
        result[b] = max(result[b], change / error)
      }
    }
    return result
  }

  private typealias Moments = (mean: Double, deviation: Double)

  private static func moments(_ values: ArraySlice<Double>) -> Moments {
    let n = Double(values.count)
    let mean = values.reduce(0, +) / n
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (mean, max((squares / n).squareRoot(), 1e-6))
  }

  private static func fisher(
    _ x: ArraySlice<Double>, _ y: ArraySlice<Double>, _ ofX: Moments, _ ofY: Moments
  ) -> Double {
    var sum = 0.0
    for (a, b) in zip(x, y) { sum += (a - ofX.mean) * (b - ofY.mean) }
    let correlation = max(-0.999, min(0.999, sum / Double(x.count) / (ofX.deviation * ofY.deviation)))
    return 0.5 * Elementary.ln((1 + correlation) / (1 - correlation))
  }
}
