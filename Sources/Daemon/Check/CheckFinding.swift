/// One line of `tidemark check --online`.
package struct CheckFinding: Sendable, Equatable {
  /// What was looked at, such as `ingest tcp://127.0.0.1:7410`.
  package var subject: String
  /// What was found, and for a problem what to do.
  package var words: String
  package var isProblem: Bool

  static func right(_ subject: String, _ words: String) -> CheckFinding {
    CheckFinding(subject: subject, words: words, isProblem: false)
  }

  static func problem(_ subject: String, _ words: String) -> CheckFinding {
    CheckFinding(subject: subject, words: words, isProblem: true)
  }

  package var line: String { "\(isProblem ? "problem" : "ok     ")  \(subject): \(words)" }
}
