import Events
import Foundation

/// Arrival time: the wall clock at start plus monotonic time since, so that it never goes back.
struct ServeClock: Sendable {
  /// A journal that is further ahead of the wall clock than this was written by a clock that was wrong.
  static let furthestAhead = Duration.seconds(3_600)

  private let wallStart: Int64
  private let monotonicStart = Self.nanoseconds(CLOCK_MONOTONIC)

  /// - Parameter arrival: where the process before this one stood, by its journal.
  init(after arrival: Timestamp = .min) {
    let wall = Self.nanoseconds(CLOCK_REALTIME)
    // A clock that was set back a little while no process ran makes no timer begin anew.
    let isBelieved = Timestamp(nanoseconds: wall).duration(to: arrival) <= Self.furthestAhead
    wallStart = isBelieved ? max(wall, arrival.nanoseconds) : wall
  }

  var now: Timestamp {
    Timestamp(nanoseconds: wallStart &+ Self.nanoseconds(CLOCK_MONOTONIC) &- monotonicStart)
  }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
