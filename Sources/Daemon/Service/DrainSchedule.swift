import Events

/// Until when each step of an orderly end may take, so that the whole keeps its promise of 3 s, whatever is
/// stuck.
///
/// All of it counts from when the serving thread sees that it is to stop, one turn after the signal: reading
/// what waits, then the last commits, then the recording, then what the sockets still send. Each step that is
/// quick gives its time to those behind it, and none takes from them. Who outlasts ``whole`` all the same, as
/// a thread that a dead disk holds would, is ended by ``Server``.
struct DrainSchedule {
  /// What has arrived by then is taken: 0.3 s are 300,000 events, and a flood does not end.
  static let reading = Duration.milliseconds(300)
  /// When nothing came for so long, nothing is left: what lies in a connection is read by another thread.
  static let quiet = Duration.milliseconds(10)
  /// The journal's last commits.
  static let committing = Duration.milliseconds(1_400)
  /// The recording is written out.
  static let recording = Duration.milliseconds(1_700)
  /// The sockets have sent what they hold, or dropped it.
  static let lingering = Duration.milliseconds(2_400)
  /// A socket lingers no longer than this, even when there is time.
  static let longestLinger = Duration.milliseconds(1_000)
  /// After this the process ends as it is: 3 s, less 50 ms to do so. What lies between is for a machine that has other
  /// things to do.
  static let whole = Duration.milliseconds(2_950)

  private var begun: Timestamp?
  /// From when on nothing was left to read.
  private var quietFrom = Timestamp.min

  /// Whether the loop takes another turn, after one in which `isDrained` tells whether nothing was left to
  /// read.
  ///
  /// The first call begins the schedule, and asks for one turn.
  mutating func wantsTurn(at now: Timestamp, isDrained: Bool) -> Bool {
    guard let begun else {
      (self.begun, quietFrom) = (now, now)
      return true
    }
    if !isDrained { quietFrom = now }
    return begun.duration(to: now) < Self.reading && quietFrom.duration(to: now) < Self.quiet
  }

  /// When a step must be over; `now` for a schedule that did not begin.
  func end(of step: Duration, at now: Timestamp) -> Timestamp { (begun ?? now).advanced(by: step) }

  /// What is left for a step; not below zero.
  func left(for step: Duration, at now: Timestamp) -> Duration {
    max(.zero, now.duration(to: end(of: step, at: now)))
  }

  /// How long sockets may linger from now on.
  func linger(at now: Timestamp) -> Duration { min(Self.longestLinger, left(for: Self.lingering, at: now)) }
}

extension Duration {
  /// Rounded down; not below zero.
  var wholeMilliseconds: Int { Int(max(0, clampedNanoseconds) / 1_000_000) }
}
