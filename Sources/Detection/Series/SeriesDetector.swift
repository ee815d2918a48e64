/// Goes through a series of rows, learns from the first ones what is usual, and alarms when that ends.
///
/// After an alarm it starts anew, so what came before is forgotten and the next rows are the new
/// baseline. No alarm comes before row ``firstAlarm``.
package protocol SeriesDetector: Sendable {
  /// Takes the next row.
  ///
  /// - Returns: the evidence for a change, in nats, and the alarm when there is one.
  mutating func next(_ row: UnsafeBufferPointer<Double>) -> SeriesStep

  /// Forgets what was usual; the next row begins a stretch.
  mutating func startAnew()
}

/// What a row came to.
package struct SeriesStep: Sendable, Equatable {
  /// In nats; 0 while there is nothing to compare.
  package var evidence: Double
  package var alarm: SeriesAlarm?

  package init(evidence: Double, alarm: SeriesAlarm? = nil) {
    self.evidence = evidence
    self.alarm = alarm
  }

  /// Rows before this one raise no alarm.
  package static let firstAlarm = 30
}

package struct SeriesAlarm: Sendable, Equatable {
  /// The row at which the alarm was raised, counted from 0.
  package var index: Int
  /// The first row after the change; at most `index`.
  package var change: ChangePoint
  /// In nats.
  package var evidence: Double
  /// Columns that contribute most, the largest first; empty for a series of one.
  package var columns: [Int]

  package init(index: Int, change: ChangePoint, evidence: Double, columns: [Int] = []) {
    self.index = index
    self.change = change
    self.evidence = evidence
    self.columns = columns
  }
}

/// The latest values of a series by their row, for what is told after an alarm.
struct RecentValues: Sendable {
  /// Values kept: 32 KiB.
  static let capacity = 4_096
  private(set) var values: [Double] = []
  /// The row of the first value kept.
  private(set) var first = 0

  mutating func append(_ value: Double) {
    // In halves, so that removing costs nothing on the whole.
    if values.count == 2 * Self.capacity {
      values.removeFirst(Self.capacity)
      first += Self.capacity
    }
    values.append(value)
  }

  /// From a row on, at most ``capacity`` of them.
  func since(_ row: Int) -> ArraySlice<Double> {
    values[max(values.count - Self.capacity, max(0, row - first))...]
  }

  mutating func removeAll(from row: Int) {
    values.removeAll(keepingCapacity: true)
    first = row
  }
}
