import Detection
import Statistics

/// Large batches in which hardly anything has changed, and small ones in which nothing has: both gates must hold.
enum Gates {
  /// A population and its batches.
  private struct Case {
    let name: String
    let referenceRows: Int
    let rows: Int
    let shift: Double
    let batches: Int
    let features: Int
  }

  private static let cases = [
    Case(name: "large", referenceRows: 1_000_000, rows: 1_000_000, shift: 0.001, batches: 5, features: 4),
    Case(name: "large", referenceRows: 1_000_000, rows: 1_000_000, shift: 0.01, batches: 5, features: 4),
    Case(name: "small", referenceRows: 1_000, rows: 8, shift: 0, batches: 200, features: 100),
    Case(name: "moved", referenceRows: 1_000, rows: 1_000, shift: 0.5, batches: 5, features: 100),
  ]

  static func report(seed: UInt64) {
    for (number, each) in cases.enumerated() {
      var (alarms, features, judged) = (0, 0, 0)
      for feature in 0..<each.features {
        var stream = Stream(.normal, seed: seed &+ UInt64(number * 1_000 + feature))
        var detector = BinsDetector([ReferenceBins(sample: drawn(&stream, each.referenceRows))])
        stream.shift = each.shift
        var hasAlarmed = false
        for _ in 0..<each.batches {
          let batch = drawn(&stream, each.rows)
          batch.withUnsafeBytes { detector.bins.count($0, .float64, rows: each.rows, columns: 1) }
          detector.judge()
          judged += 1
          if detector.verdicts[0].isDrifted {
            alarms += 1
            hasAlarmed = true
          }
        }
        if hasAlarmed { features += 1 }
      }
      print(
        #"{"case": "\#(each.name)", "rows": \#(each.rows), "reference": \#(each.referenceRows), "#
          + #""shift": \#(each.shift), "batches": \#(judged), "alarms": \#(alarms), "#
          + #""features": \#(each.features), "featuresAlarmed": \#(features)}"#)
    }
  }

  private static func drawn(_ stream: inout Stream, _ rows: Int) -> [Double] {
    var values = [Double](repeating: 0, count: rows)
    values.withUnsafeMutableBufferPointer { values in
      for row in 0..<rows { stream.fill(UnsafeMutableBufferPointer(rebasing: values[row..<row + 1])) }
    }
    return values
  }
}
