/// A series of one column that a detector of values judges as they are: rates of zeroes and ones, or means.
package struct ScalarSeries<Values: Detector>: SeriesDetector where Values.Observation == Double {
  private let fresh: Values
  private var detector: Values
  private var stretch = RecentValues()
  /// The row of each value, since missing ones are passed over.
  private var rows = RecentValues()
  private var row = 0

  /// - Parameter detector: one that has seen nothing; each stretch begins with a copy.
  package init(_ detector: Values) { (fresh, self.detector) = (detector, detector) }

  package mutating func next(_ row: UnsafeBufferPointer<Double>) -> SeriesStep { next(row[0]) }

  package mutating func next(_ value: Double) -> SeriesStep {
    defer { row += 1 }
    guard value.isFinite else { return SeriesStep(evidence: 0) }
    stretch.append(value)
    rows.append(Double(row))
    let verdict = detector.observe(value)
    let evidence = verdict.score.isFinite ? verdict.score : 0
    guard verdict.isDrifted, row >= SeriesStep.firstAlarm else { return SeriesStep(evidence: evidence) }
    let alarm = SeriesAlarm.told(at: row, evidence: evidence, verdict.change?.index ?? 0, stretch, rows)
    startAnew()
    return SeriesStep(evidence: evidence, alarm: alarm)
  }

  package mutating func startAnew() {
    detector = fresh
    stretch.removeAll(from: 0)
    rows.removeAll(from: 0)
  }
}

extension SeriesAlarm {
  /// - Parameters:
  ///   - change: the first value after the change, counted from the first of the stretch.
  ///   - stretch: its latest values, and the row of each.
  static func told(
    at row: Int, evidence: Double, _ change: Int, _ stretch: RecentValues, _ rows: RecentValues
  ) -> SeriesAlarm {
    let values = stretch.since(0)
    let held = rows.since(0)
    let offset = stretch.first + stretch.values.count - values.count
    let place = max(0, min(change - offset, values.count - 1))
    return SeriesAlarm(
      index: row,
      change: ChangePoint(
        index: Int(held[held.startIndex + place]), kind: ChangeShape.kind(of: values)),
      evidence: evidence)
  }
}
