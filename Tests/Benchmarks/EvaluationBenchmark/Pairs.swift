import Detection
import Statistics

/// Two columns of a table whose correlation flips while each by itself stays as it was.
enum Pairs {
  static let correlation = 0.8
  static let columns = 4

  /// Prints for each detector, with and without the flip, how many streams alarmed before row 1000, and the
  /// delays of the others; −1 for none within the rows.
  static func report(seed: UInt64, streams: Int, rows: Int) {
    for isFlipped in [true, false] {
      var outcomes: [(name: String, early: Int, delays: [Int])] = [
        ("mmd, all columns", 0, []), ("meanvar, a column", 0, []), ("glr mean, a column", 0, []),
      ]
      for number in 0..<streams {
        let first = firstAlarms(seed &* 1_000_003 &+ UInt64(number), rows: rows, isFlipped: isFlipped)
        for (index, alarms) in first.enumerated() {
          for alarm in alarms {
            if let alarm, alarm < EvaluationBenchmark.changeAt {
              outcomes[index].early += 1
            } else {
              outcomes[index].delays.append(alarm.map { $0 - EvaluationBenchmark.changeAt } ?? -1)
            }
          }
        }
      }
      for outcome in outcomes {
        print(
          #"{"subject": "\#(outcome.name)", "flipped": \#(isFlipped), "early": \#(outcome.early), "#
            + #""delays": \#(outcome.delays)}"#)
      }
    }
  }

  /// By detector: of the table, then of its first two columns by two detectors of one.
  private static func firstAlarms(_ seed: UInt64, rows: Int, isFlipped: Bool) -> [[Int?]] {
    var stream = Stream(.normal, columns: columns, seed: seed)
    stream.correlation = correlation
    var table = TableSeries(columns: columns)
    var real = [RealSeries(), RealSeries()]
    var means = [ScalarSeries(GLRDetector(.mean)), ScalarSeries(GLRDetector(.mean))]
    var first: [[Int?]] = [[nil], [nil, nil], [nil, nil]]
    withUnsafeTemporaryAllocation(of: Double.self, capacity: columns) { row in
      row.initialize(repeating: 0)
      for place in 0..<rows {
        if isFlipped, place == EvaluationBenchmark.changeAt { stream.correlation = -correlation }
        stream.fill(row)
        if first[0][0] == nil { first[0][0] = table.next(UnsafeBufferPointer(row)).alarm.map { _ in place } }
        for column in 0..<2 {
          if first[1][column] == nil {
            first[1][column] = real[column].next(row[column]).alarm.map { _ in place }
          }
          if first[2][column] == nil {
            first[2][column] = means[column].next(row[column]).alarm.map { _ in place }
          }
        }
      }
    }
    return first
  }
}
