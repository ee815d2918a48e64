import Events
import Foundation
package import Logging
import Wire
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
    do throws(ServeFailure) { return try record(to: stop, &isEmpty) } catch {
      log.error("\(error)")
      return error.status
    }
  }

  private func record(to stop: StopSignal, _ isEmpty: inout Bool) throws(ServeFailure) -> ExitStatus {
    let door = try Doorkeeper.make(configuration)
    let context = try ServeFailure.ofSockets { () throws(ZeroMQError) in try Context() }
    try ServeFailure.ofSockets { () throws(ZeroMQError) in try door?.start(context) }
    defer { door?.stop() }
    guard let recorder = Recorder.make(path, of: configuration, log: log) else { return .cannotCreate }
    isEmpty = true
    var loop = try RecordLoop.make(configuration, context, stop, recorder, door)
    isEmpty = false
    var bound = Configuration.Sockets.none
    (bound.ingest, bound.features) = (loop.ingestEndpoints, loop.featuresEndpoints)
    try door?.testItself(context, bound)
    let list = { (endpoints: [Endpoint]) in
      Logger.MetadataValue.string(endpoints.map(\.description).joined(separator: ","))
    }
    log.notice(
      "ready",
      metadata: ["ingest": list(bound.ingest), "features": list(bound.features), "recording": .string(path)]
        .filter { $0.value != .string("") })
    do throws(ZeroMQError) { try loop.run() } catch { throw .socket(error) }
    return report(loop.finish())
  }

  /// Says what was taken; status `system` when the disk did not take all of it.
  private func report(_ outcome: RecordLoop.Outcome) -> ExitStatus {
    let account = outcome.account
    let out = Terminal(descriptor: 1)
    let received = "\(outcome.ingest) over ingest, \(outcome.features) over features"
    out.print("\(path): \(account.messages) messages (\(received)), \(account.bytes) bytes")
    if outcome.refused > 0 {
      Terminal(descriptor: 2).print("tidemark: \(outcome.refused) messages refused for who sent them")
    }
    guard account.lost > 0 else { return .success }
    let why = account.failure.map { ": \(String(cString: systemText($0)))" } ?? ""
    Terminal(descriptor: 2).print("tidemark: \(path): \(account.lost) messages lost to the disk\(why)")
    return .system
  }
}

extension Configuration.Sockets {
  /// No endpoints at all.
  fileprivate static var none: Self {
    Self(ingest: [], features: [], output: [], control: [], reliable: [])
  }
}

/// The thread that receives and records, as ``ServeLoop`` does, with nothing behind it.
private struct RecordLoop: ~Copyable {
  struct Outcome {
    var ingest: UInt64 = 0
    var features: UInt64 = 0
    /// Not written down, since their senders may not send them.
    var refused: UInt64 = 0
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
  private let door: Doorkeeper?
  private let doorSlot: Poller.Slot?
  private var gate: Gate
  private var decoder: MessageDecoder
  private var recorder: Recorder
  private var outcome = Outcome()
  private(set) var ingestEndpoints: [Endpoint] = []
  private(set) var featuresEndpoints: [Endpoint] = []

  init(
    _ configuration: Configuration, context: borrowing Context, stop: StopSignal,
    recorder: consuming Recorder, door: Doorkeeper?
  ) throws(ZeroMQError) {
    var ingest = try IngestPorts.lossy(
      context, configuration.wire, highWaterMark: IngestPorts.eventsHighWaterMark)
    var features = try IngestPorts.lossy(
      context, configuration.wire, highWaterMark: IngestPorts.featuresHighWaterMark)
    let (sockets, binding) = (configuration.sockets, configuration.binding)
    ingestEndpoints = try binding.bind(&ingest, sockets.ingest, as: .ingest)
    featuresEndpoints = try binding.bind(&features, sockets.features, as: .features)
    ingestSlot = poller.add(ingest)
    featuresSlot = poller.add(features)
    _ = poller.add(stop.wakeup)
    if let door { doorSlot = poller.add(door.changed) } else { doorSlot = nil }
    (self.door, gate) = (door, Gate(door))
    decoder = MessageDecoder(limits: configuration.wire)
    self.ingest = ingest
    self.features = features
    self.stop = stop
    self.recorder = recorder
  }

  /// - Throws: when a socket cannot be bound.
  static func make(
    _ configuration: Configuration, _ context: borrowing Context, _ stop: StopSignal,
    _ recorder: consuming Recorder, _ door: Doorkeeper?
  ) throws(ServeFailure) -> RecordLoop {
    do throws(ZeroMQError) {
      return try RecordLoop(configuration, context: context, stop: stop, recorder: recorder, door: door)
    } catch { throw .socket(error) }
  }

  mutating func run() throws(ZeroMQError) {
    recorder.tell(clock.now)
    while !stop.isRequested {
      _ = try poller.wait(milliseconds: timeout)
      if poller.isReadable(ingestSlot) { outcome.ingest += try take(.ingest) }
      if poller.isReadable(featuresSlot) { outcome.features += try take(.features) }
      try heedDoor()
      recorder.flush(at: clock.now)
    }
  }

  private mutating func heedDoor() throws(ZeroMQError) {
    guard let door, let doorSlot, poller.isReadable(doorSlot) else { return }
    _ = door.takeRefused()
    try door.requireAlive()
  }

  /// Whether the sender may send the last message; what cannot be decoded is written down as it is.
  private mutating func isAdmitted() -> Bool {
    guard door != nil else { return true }
    do throws(Remark) {
      let sender = try gate.sender(message.userID)
      let event: Event
      do throws(Remark) { event = try decoder.decode(message.frames) } catch { return true }
      try gate.admit(event.body, of: event.header.source, from: sender)
      return true
    } catch { return false }
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
      if isAdmitted() {
        recorder.record(receipt, message.frames, lane: lane, at: clock.now)
      } else {
        outcome.refused += 1
      }
    }
    return UInt64(ServeLoop.messagesPerTurn)
  }

  mutating func finish() -> Outcome {
    outcome.account = recorder.close()
    return outcome
  }
}
