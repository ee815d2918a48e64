package import Events
import Foundation
import Synchronization

/// Where the serving thread leaves what it sends, for the threads of the sinks to take.
///
/// One ring of the latest messages for all sinks, each of which has its own place in it: leaving a message
/// costs a lock that nobody holds for long and a signal for each sink, whatever a sink is doing. A sink that
/// the ring has overtaken reads the journal, or has lost what is no longer there.
package final class SinkExchange: Sendable {
  /// Messages in the ring: of about 2 KiB each, 2 MiB.
  package static let capacity = 1_024

  private struct State: Sendable {
    /// Consecutive numbers, the last of which is `head`.
    var ring: [SinkMessage] = []
    /// Where the oldest stands once the ring is full.
    var oldest = 0
    var head: UInt64
    /// When the sinks are to be done; nil while the daemon serves.
    var closesAt: Timestamp?
    /// Nothing is left any more.
    var isEnded = false

    var first: UInt64 { head - UInt64(ring.count) + 1 }

    subscript(number: UInt64) -> SinkMessage {
      ring[(oldest + Int(number - first)) % ring.count]
    }
  }

  private let state: Mutex<State>
  /// The last number that was given before this process.
  let start: UInt64
  private let bells: [DispatchSemaphore]

  /// - Parameters:
  ///   - head: the last number that was given before this process.
  ///   - sinks: how many threads wait, each with its index from 0.
  package init(head: UInt64, sinks: Int) {
    state = Mutex(State(head: head))
    start = head
    bells = (0..<sinks).map { _ in DispatchSemaphore(value: 0) }
  }

  /// Leaves a message; never waits for a sink.
  package func offer(_ message: SinkMessage) {
    state.withLock { state in
      if message.number != state.head + 1 { (state.ring, state.oldest) = ([], 0) }
      state.head = message.number
      if state.ring.count < Self.capacity {
        state.ring.append(message)
      } else {
        state.ring[state.oldest] = message
        state.oldest = (state.oldest + 1) % Self.capacity
      }
    }
    ring()
  }

  private func ring() {
    for bell in bells { bell.signal() }
  }

  /// The last number that was left.
  package var head: UInt64 { state.withLock { $0.head } }

  /// Messages above `number`; nil when some of them are no longer in the ring.
  func take(after number: UInt64, limit: Int) -> SinkBatch? {
    state.withLock { state in
      guard number < state.head else { return SinkBatch(messages: [], end: number) }
      guard number + 1 >= state.first else { return nil }
      let end = min(state.head, number + UInt64(limit))
      return SinkBatch(messages: (number + 1...end).map { state[$0] }, end: end)
    }
  }

  /// The oldest number in the ring, or the next one when it is empty.
  var first: UInt64 { state.withLock { $0.first } }

  // MARK: Waiting

  /// Waits until something was left or told since the last wait of this sink, or until so much time has passed.
  func wait(sink: Int, for time: Duration) {
    let nanoseconds = Int(max(0, time.clampedNanoseconds))
    guard bells[sink].wait(timeout: .now() + .nanoseconds(nanoseconds)) == .success else { return }
    // One look is enough for all that was left meanwhile.
    while bells[sink].wait(timeout: .now()) == .success {}
  }

  /// Says that the daemon ends: sinks finish what they can until `time`.
  package func close(at time: Timestamp) {
    state.withLock { $0.closesAt = $0.closesAt ?? time }
    ring()
  }

  /// Says that nothing will be left any more.
  package func end(by time: Timestamp) {
    state.withLock { state in
      state.closesAt = state.closesAt ?? time
      state.isEnded = true
    }
    ring()
  }

  var isEnded: Bool { state.withLock { $0.isEnded } }

  /// When the sinks are to be done; nil while the daemon serves.
  var closesAt: Timestamp? { state.withLock { $0.closesAt } }
}
