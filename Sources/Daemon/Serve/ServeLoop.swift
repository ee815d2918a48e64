import Engine
import Events
import Logging
import Synchronization
import Wire
import ZeroMQ

/// The one thread that reads events, runs the engine and publishes: nothing is shared, nothing waits.
///
/// libzmq's own I/O thread does the network on the other core. It polls the ingest socket, the output
/// socket's subscriptions and a wake-up, with the engine's next deadline as its timeout.
struct ServeLoop: ~Copyable {
  /// Messages taken before subscriptions and deadlines are looked at again: at 1 M msg/s this is 0.3 ms.
  static let messagesPerTurn = 256
  /// And how long a turn may take, since messages can be megabytes.
  static let turn = Duration.milliseconds(5)

  private var ingest: Socket<Subscriber>
  private var output: Socket<ExtendedPublisher>
  private var poller = Poller()
  private let ingestSlot: Poller.Slot
  private let stop: StopSignal
  private let clock = ServeClock()

  private var message = Multipart()
  private var decoder: PlainDecoder
  private var engine: MonitoringEngine
  private var effects: [Effect] = []
  private var encoder: PublicationEncoder
  private var subscriptions = SubscriptionTable()
  private var account: Account

  /// Makes and binds the sockets, on the thread that will run the loop, and reports the endpoints.
  init(
    _ configuration: Configuration, context: borrowing Context, stop: StopSignal, log: Logger,
    onReady: (_ ingest: [Endpoint], _ output: [Endpoint]) -> Void
  ) throws(ZeroMQError) {
    var ingest = try Self.ingestSocket(context, configuration.wire)
    var output = try Self.outputSocket(context)
    // Outputs first: whoever waits for the ingest address can rely on the other one.
    var bound: (ingest: [Endpoint], output: [Endpoint]) = ([], [])
    for endpoint in configuration.sockets.output { bound.output.append(try output.bind(endpoint)) }
    for endpoint in configuration.sockets.ingest { bound.ingest.append(try ingest.bind(endpoint)) }
    ingestSlot = poller.add(ingest)
    _ = poller.add(output)
    _ = poller.add(stop.wakeup)
    self.ingest = ingest
    self.output = output
    self.stop = stop
    decoder = PlainDecoder(limits: configuration.wire)
    engine = MonitoringEngine(settings: configuration.engine)
    encoder = PublicationEncoder(source: configuration.name)
    account = Account(log: log)
    onReady(bound.ingest, bound.output)
  }

  private static func ingestSocket(
    _ context: borrowing Context, _ limits: WireLimits
  ) throws(ZeroMQError) -> Socket<Subscriber> {
    // Memory: peers × 1,000 × message size at worst. libzmq's own limit is twice ours, since it cuts
    // the connection and loses its neighbours, where ours refuses one message.
    try Socket<Subscriber>(
      context, linger: .none,
      options: [
        .receiveHighWaterMark(1_000), .maximumFrameSize(2 * limits.frameBytes),
        .handshakeTimeout(milliseconds: 5_000), .backlog(256), .subscribe(""),
      ] + SocketOption.tcpKeepAlive(idle: 10, interval: 5, count: 3))
  }

  private static func outputSocket(
    _ context: borrowing Context
  ) throws(ZeroMQError) -> Socket<ExtendedPublisher> {
    // 10,000 outputs a subscriber wait before its newest are dropped. Peers send subscriptions only,
    // so a frame of 4 KiB is ample.
    try Socket<ExtendedPublisher>(
      context, linger: .milliseconds(1_000),
      options: [
        .sendHighWaterMark(10_000), .receiveHighWaterMark(1_000), .maximumFrameSize(4_096), .verbose,
        .handshakeTimeout(milliseconds: 5_000), .backlog(256),
      ] + SocketOption.tcpKeepAlive(idle: 10, interval: 5, count: 3))
  }

  /// Runs until told to stop; then nothing more is read, and what was published goes out while the
  /// sockets linger.
  ///
  /// - Returns: the account of the run.
  mutating func run() throws(ZeroMQError) -> Logger.Metadata {
    // Sources that begin from here on are accounted from their first message.
    engine.advance(to: clock.now, into: &effects)
    while !stop.isRequested {
      _ = try poller.wait(milliseconds: timeout)
      // Before every turn, ready or not: libzmq acts on a subscription when it next sends, and whoever
      // is sent alerts should be sent the assessments that he subscribed to.
      try takeSubscriptions()
      if poller.isReadable(ingestSlot) { try takeMessages() }
      effects.removeAll(keepingCapacity: true)
      engine.advance(to: clock.now, into: &effects)
      try perform()
    }
    return account.metadata
  }

  /// Milliseconds to the next deadline, rounded up and at most an hour; nil when there is none.
  private var timeout: Int? {
    guard let deadline = engine.nextDeadline else { return nil }
    let nanoseconds = clock.now.duration(to: deadline).clampedNanoseconds
    return Int(max(0, min(nanoseconds, 3_600_000_000_000)) / 1_000_000) + 1
  }

  private mutating func takeSubscriptions() throws(ZeroMQError) {
    for _ in 0..<Self.messagesPerTurn {
      guard try output.receive(into: &message) == .message else { return }
      message.withFrame(0) { subscriptions.apply($0) }
    }
  }

  private mutating func takeMessages() throws(ZeroMQError) {
    let end = clock.now.advanced(by: Self.turn)
    for _ in 0..<Self.messagesPerTurn {
      let receipt = try ingest.receive(into: &message)
      guard receipt != .nothing else { return }
      let now = clock.now
      account.countReceived()
      effects.removeAll(keepingCapacity: true)
      do throws(Remark) {
        engine.handle(try decode(receipt), at: now, into: &effects)
      } catch {
        account.enter(error, at: now)
      }
      try perform()
      if stop.isRequested || clock.now >= end { return }
    }
  }

  private mutating func decode(_ receipt: Receipt) throws(Remark) -> Event {
    if case .tooManyFrames(let count) = receipt {
      throw Remark(.malformed, "\(count) frames, want 2")
    }
    guard message.frameCount == 2 else { throw Remark(.malformed, "\(message.frameCount) frames, want 2") }
    return try message.withFrame(0) { (topic) throws(Remark) in
      try message.withFrame(1) { (body) throws(Remark) in try decoder.decode(topic: topic, body: body) }
    }
  }

  /// Does what the engine asked for, in its order.
  private mutating func perform() throws(ZeroMQError) {
    for effect in effects {
      switch effect {
      case .account(let remark): account.enter(remark, at: clock.now)
      case .publish(let publication): try publish(publication)
      }
    }
  }

  private mutating func publish(_ publication: Publication) throws(ZeroMQError) {
    let isOnDemand = publication.output.isOnDemand
    if isOnDemand && !subscriptions.mayWant(publication.output.topicKind) { return }
    encoder.encodeTopic(of: publication)
    if isOnDemand && !subscriptions.wants(encoder.topic) { return }
    encoder.encodeBody(of: publication)
    account.countPublished(publication.output)
    // XPUB drops for a subscriber whose queue is full and never refuses.
    _ = try output.send(encoder.topic, more: true)
    _ = try output.send(encoder.body, more: false)
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
