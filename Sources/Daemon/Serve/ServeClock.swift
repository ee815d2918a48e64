import Events
import Foundation

/// Arrival time: the wall clock at start plus monotonic time since, so that it never goes back.
struct ServeClock: Sendable {
  private let wallStart = Self.nanoseconds(CLOCK_REALTIME)
  private let monotonicStart = Self.nanoseconds(CLOCK_MONOTONIC)

  var now: Timestamp {
    Timestamp(nanoseconds: wallStart &+ Self.nanoseconds(CLOCK_MONOTONIC) &- monotonicStart)
  }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
