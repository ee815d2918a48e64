import Events

/// How long to wait after one failure after another: twice as long each time, up to a limit, of which a random
/// half is left away so that many daemons do not come back at one moment.
package struct Backoff: Sendable {
  /// After the first failure.
  static let first = Duration.seconds(1)
  /// The longest that a receiver may ask for (`Retry-After`).
  static let longestAsked = Duration.seconds(3_600)

  private let limit: Duration
  private var random: any RandomNumberGenerator & Sendable
  package private(set) var failures = 0

  package init(limit: Duration, random: any RandomNumberGenerator & Sendable) {
    (self.limit, self.random) = (limit, random)
  }

  package mutating func succeed() { failures = 0 }

  /// Counts a failure.
  ///
  /// - Parameter asked: how long the receiver asks to be left alone.
  /// - Returns: how long to wait.
  package mutating func fail(asked: Duration? = nil) -> Duration {
    // Beyond 2^20 s any limit is reached.
    let whole = min(limit, Self.first * (1 << min(failures, 20)))
    failures += 1
    let wait = whole * Double.random(in: 0.5...1, using: &random)
    return max(wait, min(asked ?? .zero, Self.longestAsked))
  }
}
