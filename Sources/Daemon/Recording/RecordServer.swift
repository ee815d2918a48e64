import Events
import Foundation
package import Logging
import ZeroMQ

extension Recorder {
  /// Makes the recording of a daemon that starts now; nil when it cannot be made, which the log then says.
  static func make(_ path: String, of configuration: Configuration, log: Logger) -> Recorder? {
    // A limit on the size of files is to be an error of write(2), as a full disk is.
    signal(SIGXFSZ, SIG_IGN)
    do throws(RecordingProblem) {
      return try Recorder(path: path, name: configuration.name, start: ServeClock().now) { failure in
        let why =
          failure.map { String(cString: systemText($0)) } ?? "the disk is too slow, or a message too large"
        log.warning("\(path) lacks messages from here on: \(why)")
      }
    } catch {
      log.error("\(path) \(error)")
      return nil
    }
  }
}

/// `tidemark record`: binds what a daemon would read from, and only writes down what comes.
package struct RecordServer: Sendable {
  private let configuration: Configuration
  private let path: String
  private let log: Logger

  package init(_ configuration: Configuration, path: String, log: Logger) {
    self.configuration = configuration
    self.path = path
    self.log = log
  }

  /// Records until SIGTERM or SIGINT. Must be called before any other thread is made.
  package func run() -> ExitStatus {
    LogStream.standardError.settings = configuration.log
    return ProcessSignals(log: log).run { [self] in record(until: $0) }
  }

  private func record(until stop: StopSignal) -> ExitStatus {
    // What was made and not begun would stand in the way of the next attempt.
    var isEmpty = false
    defer { if isEmpty { unlink(path) } }
    do throws(ZeroMQError) {
      let context = try Context()
      guard let recorder = Recorder.make(path, of: configuration, log: log) else { return .cannotCreate }
      isEmpty = true
      var loop = try RecordLoop(configuration, context: context, stop: stop, recorder: recorder)
      isEmpty = false
      log.notice(
        "ready",
        metadata: [
          "ingest": .string(loop.ingestEndpoints.map(\.description).joined(separator: ",")),
          "features": .string(loop.featuresEndpoints.map(\.description).joined(separator: ",")),
          "recording": .string(path),
        ].filter { $0.value != .string("") })
      try loop.run()
      return report(loop.finish())
    } catch {
      log.error("\(error)")
      return Server.status(of: error)
    }
  }

  /// Says what was taken; status `system` when the disk did not take all of it.
  private func report(_ outcome: RecordLoop.Outcome) -> ExitStatus {
    let account = outcome.account
    let out = Terminal(descriptor: 1)
    let received = "\(outcome.ingest) over ingest, \(outcome.features) over features"
    out.print("\(path): \(account.messages) messages (\(received)), \(account.bytes) bytes")
    guard account.lost > 0 else { return .success }
    let why = account.failure.map { ": \(String(cString: systemText($0)))" } ?? ""
    Terminal(descriptor: 2).print("tidemark: \(path): \(account.lost) messages lost to the disk\(why)")
    return .system
  }
}

/// The thread that receives and records, as ``ServeLoop`` does, with nothing behind it.
private struct RecordLoop: ~Copyable {
  struct Outcome {
    var ingest: UInt64 = 0
    var features: UInt64 = 0
    var account = RecordingFile.Account()
  }

  private var ingest: Socket<Subscriber>
  private let ingestSlot: Poller.Slot
  private var features: Socket<Subscriber>
  private let featuresSlot: Poller.Slot
  private var poller = Poller()
  private let stop: StopSignal
  private let clock = ServeClock()
  private var message = Multipart()
  private var recorder: Recorder
  private var outcome = Outcome()
  private(set) var ingestEndpoints: [Endpoint] = []
  private(set) var featuresEndpoints: [Endpoint] = []

  init(
    _ configuration: Configuration, context: borrowing Context, stop: StopSignal, recorder: consuming Recorder
  ) throws(ZeroMQError) {
    var ingest = try IngestPorts.lossy(
      context, configuration.wire, highWaterMark: IngestPorts.eventsHighWaterMark)
    var features = try IngestPorts.lossy(
      context, configuration.wire, highWaterMark: IngestPorts.featuresHighWaterMark)
    for endpoint in configuration.sockets.ingest { ingestEndpoints.append(try ingest.bind(endpoint)) }
    for endpoint in configuration.sockets.features { featuresEndpoints.append(try features.bind(endpoint)) }
    ingestSlot = poller.add(ingest)
    featuresSlot = poller.add(features)
    _ = poller.add(stop.wakeup)
    self.ingest = ingest
    self.features = features
    self.stop = stop
    self.recorder = recorder
  }

  mutating func run() throws(ZeroMQError) {
    recorder.tell(clock.now)
    while !stop.isRequested {
      _ = try poller.wait(milliseconds: timeout)
      if poller.isReadable(ingestSlot) { outcome.ingest += try take(.ingest) }
      if poller.isReadable(featuresSlot) { outcome.features += try take(.features) }
      recorder.flush(at: clock.now)
    }
  }

  private var timeout: Int? {
    recorder.nextFlush.map { due in Int(max(0, clock.now.nanoseconds(to: due)) / 1_000_000) + 1 }
  }

  /// Takes what waits, at most ``ServeLoop/messagesPerTurn``. Returns how many.
  private mutating func take(_ lane: RecordingFormat.Lane) throws(ZeroMQError) -> UInt64 {
    for count in 0..<ServeLoop.messagesPerTurn {
      let receipt =
        lane == .ingest ? try ingest.receive(into: &message) : try features.receive(into: &message)
      guard receipt != .nothing else { return UInt64(count) }
      recorder.record(receipt, message.frames, lane: lane, at: clock.now)
    }
    return UInt64(ServeLoop.messagesPerTurn)
  }

  mutating func finish() -> Outcome {
    outcome.account = recorder.close()
    return outcome
  }
}
