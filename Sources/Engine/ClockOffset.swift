import Events

/// How far arrival is ahead of a source's send times: the least difference over the last one to two
/// minutes, so that a queue which delayed some messages does not pass for a clock that is wrong.
///
/// A clock that is ahead shows as a negative offset, which no delay can cause. One that is behind looks
/// like delay; it is told and nothing more. All in nanoseconds, since every message passes here.
struct ClockOffset: Sendable {
  static let window: Int64 = 60_000_000_000
  /// Beyond this, either way, a person is told.
  static let tolerance: Int64 = 5_000_000_000
  /// A clock that is further ahead than this is not believed: arrival is taken for its event times.
  static let believed: Int64 = 60_000_000_000

  private var windowEnd = Timestamp.min
  /// The least difference of the window, and of the one before it.
  private var current = Int64.max
  private var previous = Int64.max
  private var isTold = false

  private var least: Int64 { min(current, previous) }

  /// The offset; nil before the first message.
  var offset: Duration? { windowEnd == .min ? nil : .nanoseconds(least) }

  /// Whether event times of this source are to be replaced by arrival.
  var isFarAhead: Bool { least < -Self.believed }

  /// Takes a message's times. Returns whether the clocks differ and nobody was told yet.
  mutating func observe(sentAt: Timestamp, arrival: Timestamp) -> Bool {
    let difference = sentAt.nanoseconds(to: arrival)
    if arrival >= windowEnd {
      // A window that nothing was heard in says nothing.
      let isRecent = arrival < windowEnd.advanced(byNanoseconds: Self.window)
      (previous, current) = (isRecent ? current : .max, difference)
      windowEnd = arrival.advanced(byNanoseconds: Self.window)
    } else {
      current = min(current, difference)
    }
    let isOff = least > Self.tolerance || least < -Self.tolerance
    defer { isTold = isOff }
    return isOff && !isTold
  }
}
