import Events
import Foundation

/// Arrival time: the wall clock at start plus monotonic time since, so that it never goes back.
struct ServeClock: Sendable {
  private let wallStart: Int64
  private let monotonicStart: UInt64

  init() {
    wallStart = Int64(clock_gettime_nsec(CLOCK_REALTIME))
    monotonicStart = clock_gettime_nsec(CLOCK_MONOTONIC)
  }

  var now: Timestamp {
    Timestamp(nanoseconds: wallStart &+ Int64(clock_gettime_nsec(CLOCK_MONOTONIC) &- monotonicStart))
  }
}

private func clock_gettime_nsec(_ clock: clockid_t) -> UInt64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
