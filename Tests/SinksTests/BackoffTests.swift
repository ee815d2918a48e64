import Events
import TestSupport
import Testing

@testable import Sinks

@Suite struct BackoffTests {
  /// Doubles from 1 s to the limit, a random half of it left away; a success begins anew.
  @Test func waitsDoubleUpToTheLimit() {
    for seed in 0..<200 as Range<UInt64> {
      var backoff = Backoff(limit: .seconds(300), random: SeededGenerator(seed: seed))
      for failure in 0..<70 {
        let whole = min(300, Double(UInt64(1) << UInt64(min(failure, 20))))
        let wait = backoff.fail().secondsValue
        #expect(wait >= whole / 2 && wait <= whole, "failure \(failure) of seed \(seed): \(wait) s")
      }
      backoff.succeed()
      #expect(backoff.fail() <= .seconds(1))
    }
  }

  @Test func daemonsDoNotComeBackAtOnce() {
    let waits = (0..<50 as Range<UInt64>).map { seed in
      var backoff = Backoff(limit: .seconds(300), random: SeededGenerator(seed: seed))
      return backoff.fail()
    }
    #expect(Set(waits).count == 50)
  }

  @Test func aLongerWaitThatTheReceiverAsksForIsKeptUpToAnHour() {
    var backoff = Backoff(limit: .seconds(300), random: SeededGenerator(seed: 1))
    #expect(backoff.fail(asked: .seconds(17)) == .seconds(17))
    #expect(backoff.fail(asked: .seconds(86_400)) == .seconds(3_600))
    #expect(backoff.fail(asked: .zero) >= .seconds(2))
  }

  @Test(arguments: [
    ("120", Duration.seconds(120)), ("0", .zero), ("Thu, 01 Jan 2026 00:00:30 GMT", .seconds(30)),
    ("Wed, 31 Dec 2025 23:59:59 GMT", nil), ("-1", nil), ("soon", nil), ("1e3", nil), ("", nil),
  ])
  func retryAfterIsSecondsOrADate(text: String, expected: Duration?) {
    #expect(RetryAfter.parse(text, wall: Build.start) == expected)
  }
}
