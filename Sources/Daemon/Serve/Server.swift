import Foundation
package import Logging
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

  /// Serves until SIGTERM or SIGINT; SIGHUP reads the configuration again.
  ///
  /// Must be called before any other thread is made: the signals are blocked here, so that every
  /// later thread, libzmq's among them, leaves them to `sigwait`.
  package func run() -> ExitStatus {
    LogStream.standardError.settings = configuration.log
    DescriptorLimit.raise()
    let hangups = Hangups()
    let notice = ServiceNotice()
    return ProcessSignals(log: log, notice: notice, onHangup: { hangups.signal() }).run { [self] in
      serve(until: $0, hangups, notice)
    }
  }

  /// Runs on the socket thread: makes the sockets, loops, closes them.
  private func serve(
    until stop: StopSignal, _ hangups: Hangups, _ notice: ServiceNotice?
  ) -> ExitStatus {
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
      let serving = try Serving(
        configuration: configuration, log: log, stop: stop, hangups: hangups, notice: notice)
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
    if let http = bound.http { metadata["http"] = .string(http) }
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
}
