import Foundation
package import Logging
import Synchronization
import ZeroMQ

/// `tidemark serve`: the composition of sockets, thread, engine and signals.
package struct Server: Sendable {
  private let configuration: Configuration
  /// Where everything that is received is written down, if anywhere.
  private let recording: String?
  private let log: Logger

  package init(_ configuration: Configuration, recording: String? = nil, log: Logger) {
    self.configuration = configuration
    self.recording = recording
    self.log = log
  }

  /// Serves until SIGTERM or SIGINT.
  ///
  /// Must be called before any other thread is made: the signals are blocked here, so that every
  /// later thread, libzmq's among them, leaves them to `sigwait`.
  package func run() -> ExitStatus {
    Self.runUntilSignal(log) { [self] in serve(until: $0) }
  }

  /// Runs `body` on a thread of its own and asks it to stop on SIGTERM or SIGINT; see ``run()``.
  static func runUntilSignal(
    _ log: Logger, _ body: @escaping @Sendable (StopSignal) -> ExitStatus
  ) -> ExitStatus {
    var signals = Self.blockSignals()
    do throws(ZeroMQError) {
      let stop = try StopSignal()
      let outcome = Outcome()
      let thread = try SocketThread(name: "tidemark-serve") {
        outcome.status = body(stop)
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
    // What was made and not begun would stand in the way of the next attempt.
    var emptyRecording: String?
    defer { if let emptyRecording { unlink(emptyRecording) } }
    var recorder: Recorder?
    if let recording {
      recorder = Recorder.make(recording, of: configuration, log: log)
      if recorder == nil { return .cannotCreate }
      emptyRecording = recording
    }
    FileLimit.raise(log)
    do throws(ServeFailure) {
      let serving = try Serving(configuration: configuration, log: log, stop: stop)
      let account = try serving.run(recorder: recorder.take()) { bound in
        emptyRecording = nil
        log.notice("ready", metadata: metadata(of: bound))
      }
      log.notice("stopped", metadata: account)
      return .success
    } catch {
      log.error("\(error)")
      return error.status
    }
  }

  private func metadata(of bound: Configuration.Sockets) -> Logger.Metadata {
    let list = { (endpoints: [Endpoint]) in
      Logger.MetadataValue.string(endpoints.map(\.description).joined(separator: ","))
    }
    var metadata: Logger.Metadata = ["ingest": list(bound.ingest), "output": list(bound.output)]
    if !bound.features.isEmpty { metadata["features"] = list(bound.features) }
    if !bound.control.isEmpty { metadata["control"] = list(bound.control) }
    if !bound.reliable.isEmpty { metadata["reliable"] = list(bound.reliable) }
    if let recording { metadata["recording"] = .string(recording) }
    return metadata
  }

  static func status(of error: ZeroMQError) -> ExitStatus {
    bindFailures.contains(error.code) ? .unavailable : .system
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
