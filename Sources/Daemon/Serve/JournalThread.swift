import Events
import Foundation
import Journal
import Synchronization
import ZeroMQ

/// The thread that writes the journal, so that the one that serves never waits for a disk.
///
/// One transaction at a time: the serving thread submits it, goes on taking events, and is woken when it is
/// committed or has failed. Between transactions it does the journal's maintenance.
final class JournalThread: Sendable {
  enum Outcome: Sendable {
    /// With the processor time that it took.
    case committed(cost: Duration)
    case failed(JournalError)
  }

  private struct State: Sendable {
    var submitted: JournalTransaction?
    var outcome: Outcome?
    var isStopped = false
    var bytes: Int64 = 0
    /// Samples that lost their resolution early, not told yet.
    var thinned: UInt64 = 0
  }

  /// How often old history is rolled up and old messages go.
  static let maintenanceInterval = Duration.seconds(60)

  private let state = Mutex(State())
  private let work: Wakeup
  /// Readable when there is an outcome.
  let finished: Wakeup
  private let database: JournalDatabase
  private let thread = Mutex<SocketThread?>(nil)

  init(_ database: JournalDatabase) throws(ZeroMQError) {
    self.database = database
    work = try Wakeup()
    finished = try Wakeup()
    state.withLock { $0.bytes = Int64(database.size) }
  }

  /// Starts it; it ends with ``stop()``.
  func start(_ clock: ServeClock, onTrouble: @escaping @Sendable (String) -> Void) throws(ZeroMQError) {
    try thread.withLock { (thread) throws(ZeroMQError) in
      thread = try SocketThread(name: "tidemark-journal") { [self] in
        do throws(ZeroMQError) { try run(clock, onTrouble) } catch { onTrouble(error.description) }
      }
    }
  }

  /// Bytes on disk, as of the last commit.
  var bytes: Int64 { state.withLock { $0.bytes } }

  /// Samples that lost their resolution before their time, since the last call.
  func takeThinned() -> UInt64 {
    state.withLock { state in
      defer { state.thinned = 0 }
      return state.thinned
    }
  }

  /// - Precondition: the outcome of the one before it was taken.
  func submit(_ transaction: JournalTransaction) {
    state.withLock { state in
      precondition(state.submitted == nil && state.outcome == nil)
      state.submitted = transaction
    }
    work.signal()
  }

  func takeOutcome() -> Outcome? {
    finished.drain()
    return state.withLock { state in
      defer { state.outcome = nil }
      return state.outcome
    }
  }

  /// Ends the thread. A transaction that a disk does not finish is not waited for: it is whole or not there when
  /// the journal is next opened, and the process is about to end.
  func stop() {
    let isStuck = state.withLock { state in
      state.isStopped = true
      return state.submitted != nil
    }
    work.signal()
    guard !isStuck else { return }
    let running = thread.withLock { $0.take() }
    running?.join()
  }

  private func run(_ clock: ServeClock, _ onTrouble: (String) -> Void) throws(ZeroMQError) {
    var poller = Poller()
    _ = poller.add(work)
    var nextMaintenance = clock.now.advanced(by: Self.maintenanceInterval)
    while true {
      let now = clock.now
      let left = now.duration(to: nextMaintenance).clampedNanoseconds / 1_000_000
      _ = try poller.wait(milliseconds: Int(max(0, left)) + 1)
      work.drain()
      let (submitted, isStopped) = state.withLock { ($0.submitted, $0.isStopped) }
      if let submitted {
        let outcome = apply(submitted)
        let size = Int64(database.size)
        state.withLock { state in
          (state.submitted, state.outcome, state.bytes) = (nil, outcome, size)
        }
        finished.signal()
      } else if isStopped {
        return
      }
      if clock.now >= nextMaintenance {
        nextMaintenance = maintain(clock.now, onTrouble)
      }
    }
  }

  private func apply(_ transaction: JournalTransaction) -> Outcome {
    let begun = Self.processorTime
    do throws(JournalError) {
      try database.apply(transaction)
      return .committed(cost: Self.processorTime - begun)
    } catch { return .failed(error) }
  }

  /// Of this thread. Cost: one call of the kernel.
  private static var processorTime: Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  /// A bounded piece of maintenance. Returns when the next one is due.
  private func maintain(_ now: Timestamp, _ onTrouble: (String) -> Void) -> Timestamp {
    do throws(JournalError) {
      let done = try database.maintain(at: now)
      if done.thinned > 0 { state.withLock { $0.thinned += UInt64(done.thinned) } }
      if done.unreadable > 0 {
        onTrouble("\(done.unreadable) samples of the history could not be read and were removed")
      }
      if done.forgotten > 0 {
        onTrouble("\(done.forgotten) messages of what is still open were too many to keep")
      }
      return now.advanced(by: done.isMoreLeft ? .milliseconds(100) : Self.maintenanceInterval)
    } catch {
      onTrouble(error.description)
      return now.advanced(by: Self.maintenanceInterval)
    }
  }
}
