/// How bad a finding is.
package enum Severity: String, Comparable, CaseIterable, Sendable {
  case low
  case medium
  case high

  private var rank: Int {
    switch self {
    case .low: 0
    case .medium: 1
    case .high: 2
    }
  }

  package static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }
}
