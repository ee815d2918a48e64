import Detection
import Statistics

/// Errors of a classifier, read from standard input as one line of zeroes and ones, through the detector that
/// preset `standard` runs on accuracy: the first 1000 rows are the reference, and again those after an alarm.
enum Errors {
  static let referenceRows = 1_000

  /// Prints the rows of the alarms.
  static func report() {
    let errors = (readLine() ?? "").utf8.map { $0 == UInt8(ascii: "1") ? 1.0 : 0 }
    var alarms: [Int] = []
    var first = 0
    while first + referenceRows < errors.count {
      let reference = errors[first..<first + referenceRows]
      var detector = BernoulliDetector(
        reference: ReferenceRate(events: reference.reduce(0, +), trials: Double(referenceRows)))
      let alarm = (first + referenceRows..<errors.count).first { row in
        detector.observe(.init(events: errors[row], trials: 1)).isDrifted
      }
      guard let alarm else { break }
      alarms.append(alarm)
      first = alarm + 1
    }
    print(#"{"alarms": \#(alarms)}"#)
  }
}
