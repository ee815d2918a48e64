import Engine
import Events
import Logging
import Synchronization
import Wire
import ZeroMQ

/// The one thread that reads events, runs the engine and publishes: nothing is shared, nothing waits.
///
/// libzmq's own I/O thread does the network on the other core. It polls the ingest sockets, the output
/// socket's subscriptions and a wake-up, with the next deadline as its timeout.
struct ServeLoop: ~Copyable {
  /// Messages taken before subscriptions and deadlines are looked at again: at 1 M msg/s this is 0.3 ms.
  static let messagesPerTurn = 256
  /// And how long a turn may take, since messages can be megabytes.
  static let turn = Duration.milliseconds(5)
  /// Messages that wait for each publisher; libzmq counts messages, not bytes.
  static let eventsHighWaterMark = 1_000
  /// The same where batches of tens of megabytes come.
  static let featuresHighWaterMark = 16

  private var ingest: Socket<Subscriber>
  private let ingestSlot: Poller.Slot
  /// A second way in, for large feature batches; bound to nothing unless configured.
  private var features: Socket<Subscriber>
  private let featuresSlot: Poller.Slot
  private var output: OutputPort
  private var poller = Poller()
  private let stop: StopSignal
  private let clock: ServeClock

  private var message = Multipart()
  private var decoder: MessageDecoder
  private var engine: MonitoringEngine
  private var effects: [Effect] = []
  private var account: Account
  /// Writes down what is received, when asked to.
  private var recorder: Recorder?

  /// Makes and binds the sockets, on the thread that will run the loop, and reports the endpoints.
  init(
    _ configuration: Configuration, context: borrowing Context, stop: StopSignal, log: Logger,
    recorder: consuming Recorder? = nil, onReady: (_ bound: Configuration.Sockets) -> Void
  ) throws(ZeroMQError) {
    let clock = ServeClock()
    let sockets = configuration.sockets
    var ingest = try Self.ingestSocket(context, configuration.wire, highWaterMark: Self.eventsHighWaterMark)
    var features = try Self.ingestSocket(
      context, configuration.wire, highWaterMark: Self.featuresHighWaterMark)
    var bound = sockets
    // Outputs first: whoever waits for the ingest address can rely on the other one.
    let output = try OutputPort(
      context, name: configuration.name, endpoints: sockets.output, now: clock.now)
    bound.output = output.endpoints
    bound.ingest = []
    for endpoint in sockets.ingest { bound.ingest.append(try ingest.bind(endpoint)) }
    bound.features = []
    for endpoint in sockets.features { bound.features.append(try features.bind(endpoint)) }
    ingestSlot = poller.add(ingest)
    featuresSlot = poller.add(features)
    output.add(to: &poller)
    _ = poller.add(stop.wakeup)
    self.ingest = ingest
    self.features = features
    self.output = output
    self.stop = stop
    self.clock = clock
    decoder = MessageDecoder(limits: configuration.wire)
    engine = MonitoringEngine(settings: configuration.engine)
    account = Account(log: log)
    self.recorder = recorder
    onReady(bound)
  }

  static func ingestSocket(
    _ context: borrowing Context, _ limits: WireLimits, highWaterMark: Int
  ) throws(ZeroMQError) -> Socket<Subscriber> {
    // Memory: peers × high-water mark × message size at worst. libzmq's own limit is twice ours, since it
    // cuts the connection and loses its neighbours, where ours refuses one message.
    try Socket<Subscriber>(
      context, linger: .none,
      options: [
        .receiveHighWaterMark(highWaterMark), .maximumFrameSize(2 * limits.frameBytes),
        .handshakeTimeout(milliseconds: 5_000), .backlog(256), .subscribe(""),
      ] + SocketOption.tcpKeepAlive(idle: 10, interval: 5, count: 3))
  }

  /// Runs until told to stop; then nothing more is read, and what was published goes out while the
  /// sockets linger.
  ///
  /// - Returns: the account of the run.
  mutating func run() throws(ZeroMQError) -> Logger.Metadata {
    // Sources that begin from here on are accounted from their first message.
    let start = clock.now
    recorder?.tell(start)
    engine.advance(to: start, into: &effects)
    while !stop.isRequested {
      _ = try poller.wait(milliseconds: timeout)
      // Before every turn, ready or not: libzmq acts on a subscription when it next sends, and whoever
      // is sent alerts should be sent the assessments that he subscribed to.
      try output.takeSubscriptions(at: clock.now)
      engine.reportsAssessments = output.wantsAssessments
      if poller.isReadable(ingestSlot) { try takeMessages(from: .events) }
      if poller.isReadable(featuresSlot) { try takeMessages(from: .features) }
      let now = clock.now
      effects.removeAll(keepingCapacity: true)
      engine.advance(to: now, into: &effects)
      recorder?.flush(at: now)
      try perform(at: now)
      try output.sendHeads(at: now)
      if output.owesSources(at: now) {
        try output.sendSources(
          engine.sourceReports, received: account.received, rejected: account.rejected, at: now)
      }
    }
    try output.sendBye(at: clock.now)
    account.enter(recorder?.close())
    return account.metadata
  }

  /// Milliseconds to what is due next, rounded up and at most an hour; nil when nothing is.
  private var timeout: Int? {
    let due = min(engine.nextDeadline ?? .max, output.nextDue ?? .max, recorder.nextFlush ?? .max)
    guard due != .max else { return nil }
    let nanoseconds = clock.now.duration(to: due).clampedNanoseconds
    return Int(max(0, min(nanoseconds, 3_600_000_000_000)) / 1_000_000) + 1
  }

  private enum Way {
    case events, features

    var lane: RecordingFormat.Lane { self == .events ? .ingest : .features }
  }

  private mutating func takeMessages(from way: Way) throws(ZeroMQError) {
    var end: Timestamp?
    for _ in 0..<Self.messagesPerTurn {
      let receipt =
        switch way {
        case .events: try ingest.receive(into: &message)
        case .features: try features.receive(into: &message)
        }
      guard receipt != .nothing else { return }
      let now = clock.now
      recorder?.record(receipt, message.frames, lane: way.lane, at: now)
      if !effects.isEmpty { effects.removeAll(keepingCapacity: true) }
      var isSign = false
      do throws(Remark) {
        let event = try decode(receipt)
        isSign = event.body.isSign
        if isSign { account.countHead() } else { account.countReceived() }
        engine.handle(event, at: now, into: &effects)
      } catch {
        account.countReceived()
        account.enter(error, at: now)
      }
      if !effects.isEmpty { try perform(at: now, isOfSign: isSign) }
      end = end ?? now.advanced(by: Self.turn)
      if stop.isRequested || now >= end! { return }
    }
  }

  private mutating func decode(_ receipt: Receipt) throws(Remark) -> Event {
    if case .tooManyFrames(let count) = receipt {
      throw Remark(.malformed, "\(count) frames, at most \(Multipart.maximumFrames) are taken")
    }
    return try decoder.decode(message.frames)
  }

  /// Does what the engine asked for, in its order.
  private mutating func perform(at now: Timestamp, isOfSign: Bool = false) throws(ZeroMQError) {
    for effect in effects {
      switch effect {
      case .account(let remark): account.enter(remark, isOfSign: isOfSign, at: now)
      case .publish(let publication):
        if try output.publish(publication, at: now) { account.countPublished(publication.output) }
      }
    }
  }
}

/// Tells a polling thread to stop, from any other thread.
final class StopSignal: Sendable {
  let wakeup: Wakeup
  private let flag = Atomic(false)

  init() throws(ZeroMQError) { wakeup = try Wakeup() }

  var isRequested: Bool { flag.load(ordering: .acquiring) }

  func request() {
    flag.store(true, ordering: .releasing)
    wakeup.signal()
  }
}
