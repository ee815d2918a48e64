import Foundation
package import Logging
import Synchronization
import ZeroMQ

/// `tidemark serve`: the composition of sockets, thread, engine and signals.
package struct Server: Sendable {
  private let configuration: Configuration
  private let log: Logger

  package init(_ configuration: Configuration, log: Logger) {
    self.configuration = configuration
    self.log = log
  }

  /// Serves until SIGTERM or SIGINT.
  ///
  /// Must be called before any other thread is made: the signals are blocked here, so that every
  /// later thread, libzmq's among them, leaves them to `sigwait`.
  package func run() -> ExitStatus {
    var signals = Self.blockSignals()
    do throws(ZeroMQError) {
      let stop = try StopSignal()
      let outcome = Outcome()
      let thread = try SocketThread(name: "tidemark-serve") { [self] in
        outcome.status = serve(until: stop)
        // The loop ended by itself only if it failed: wake the wait below.
        if !stop.isRequested { kill(getpid(), SIGTERM) }
      }
      var received: Int32 = 0
      sigwait(&signals, &received)
      stop.request()
      thread.join()
      return outcome.status
    } catch {
      log.error("\(error)")
      return .system
    }
  }

  /// Runs on the socket thread: makes the sockets, loops, closes them.
  private func serve(until stop: StopSignal) -> ExitStatus {
    do throws(ServeFailure) {
      let account = try Serving(configuration: configuration, log: log, stop: stop).run { bound in
        let list = { (endpoints: [Endpoint]) in
          Logger.MetadataValue.string(endpoints.map(\.description).joined(separator: ","))
        }
        var metadata: Logger.Metadata = ["ingest": list(bound.ingest), "output": list(bound.output)]
        if !bound.features.isEmpty { metadata["features"] = list(bound.features) }
        if !bound.control.isEmpty { metadata["control"] = list(bound.control) }
        if !bound.reliable.isEmpty { metadata["reliable"] = list(bound.reliable) }
        log.notice("ready", metadata: metadata)
      }
      log.notice("stopped", metadata: account)
      return .success
    } catch {
      log.error("\(error)")
      switch error {
      case .socket(let error): return Self.bindFailures.contains(error.code) ? .unavailable : .system
      case .journal(.locked): return .unavailable
      case .journal, .state: return .system
      }
    }
  }

  /// What keeps an address from being bound, whoever is to blame.
  private static let bindFailures: Set<Int32> = [
    EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOENT, EEXIST, ENODEV, ENOTDIR, EROFS, EPERM,
  ]

  /// What the thread came to; written by it, read after joining it.
  private final class Outcome: Sendable {
    private let value = Mutex(ExitStatus.success)
    var status: ExitStatus {
      get { value.withLock { $0 } }
      set { value.withLock { $0 = newValue } }
    }
  }

  private static func blockSignals() -> sigset_t {
    signal(SIGPIPE, SIG_IGN)
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    return signals
  }
}
