package import Events
import Synchronization

/// What other threads may ask of the life of this process: whether it serves, and how its last reload went.
///
/// Written by the serving thread, the reloading thread and the one that waits for signals; read by whoever is
/// asked for health or figures. Every answer is a value of one moment.
package final class ServiceState: Sendable {
  /// The account of reloads. Times are arrival times, as in everything that is published.
  package struct Reloads: Sendable, Equatable {
    /// Whether the configuration in force is the one that was last asked for; true before the first reload.
    package var isLastSuccessful = true
    /// When the configuration in force was taken: at the start, or by the last reload that succeeded.
    package var lastSuccess: Timestamp
    package var succeeded: UInt64 = 0
    package var failed: UInt64 = 0
    /// Of the configuration in force; see `EngineSettings.revision`.
    package var revision: String
  }

  private enum Phase: UInt8, AtomicRepresentable {
    case starting
    case serving
    case stopping
  }

  private let phase = Atomic(Phase.starting)
  private let account: Mutex<Reloads>

  package init(revision: String, at now: Timestamp) {
    account = Mutex(Reloads(lastSuccess: now, revision: revision))
  }

  /// Whether every socket is bound and nobody has asked it to stop.
  package var isReady: Bool { phase.load(ordering: .acquiring) == .serving }
  /// Whether it was asked to stop.
  package var isStopping: Bool { phase.load(ordering: .acquiring) == .stopping }

  package var reloads: Reloads { account.withLock { $0 } }

  /// For a service manager's one line of status.
  var summary: String {
    let reloads = reloads
    return
      "configuration \(reloads.revision)\(reloads.isLastSuccessful ? "" : ", the last reload was refused")"
  }

  /// Every socket is bound. Nothing once it was asked to stop.
  func beginServing() {
    _ = phase.compareExchange(expected: .starting, desired: .serving, ordering: .acquiringAndReleasing)
  }

  func beginStopping() { phase.store(.stopping, ordering: .releasing) }

  func reloaded(revision: String, at now: Timestamp) {
    account.withLock { account in
      account.isLastSuccessful = true
      account.succeeded += 1
      (account.lastSuccess, account.revision) = (now, revision)
    }
  }

  func reloadFailed() {
    account.withLock { account in
      account.isLastSuccessful = false
      account.failed += 1
    }
  }
}
