import Events

/// How far arrival is ahead of a source's send times: the least difference over the last one to two
/// minutes, so that a queue which delayed some messages does not pass for a clock that is wrong.
///
/// A clock that is ahead shows as a negative offset, which no delay can cause. One that is behind looks
/// like delay; it is told and nothing more.
struct ClockOffset: Sendable {
  static let window = Duration.seconds(60)
  /// Beyond this, either way, a person is told.
  static let tolerance = Duration.seconds(5)
  /// A clock that is further ahead than this is not believed: arrival is taken for its event times.
  static let believed = Duration.seconds(60)

  private var windowStart = Timestamp.min
  private var current = Duration.zero
  private var previous: Duration?
  private var isTold = false

  /// The offset; nil before the first message.
  var offset: Duration? {
    guard windowStart != .min else { return nil }
    return min(current, previous ?? current)
  }

  /// Whether event times of this source are to be replaced by arrival.
  var isFarAhead: Bool { offset.map { $0 < .zero - Self.believed } ?? false }

  /// Takes a message's times. Returns whether the clocks differ and nobody was told yet.
  mutating func observe(sentAt: Timestamp, arrival: Timestamp) -> Bool {
    let difference = sentAt.duration(to: arrival)
    if windowStart == .min || windowStart.duration(to: arrival) >= Self.window {
      previous = windowStart == .min ? nil : current
      (windowStart, current) = (arrival, difference)
    } else {
      current = min(current, difference)
    }
    let least = min(current, previous ?? current)
    let isOff = least > Self.tolerance || least < .zero - Self.tolerance
    defer { isTold = isOff }
    return isOff && !isTold
  }
}
