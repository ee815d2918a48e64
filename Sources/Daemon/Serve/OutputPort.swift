import Events
import Journal
import Wire
import ZeroMQ

/// The output socket with all that goes out on it: numbered messages, heads, the account of sources.
///
/// Every message has three frames: topic, framed header, JSON. What must not be lost comes numbered under
/// the daemon's name (`Outbox`); what is made only for those who are there is numbered here, under `NAME.live`.
struct OutputPort: ~Copyable {
  static let headInterval = Duration.seconds(1)
  static let sourcesInterval = Duration.seconds(10)
  /// New subscriptions are answered at once, but not more often than this: whoever subscribes again and
  /// again makes work for everybody who reads the same. 4,096 sources are 16 messages of 77 KiB.
  static let headSpacing = Duration.milliseconds(100)
  static let sourcesSpacing = Duration.seconds(1)
  /// Subscriptions taken in one turn.
  private static let subscriptionsPerTurn = 256

  private var socket: Socket<ExtendedPublisher>
  private var encoder: PublicationEncoder
  /// Where the durable numbering stands: the last number that was sent.
  private var durable: SequenceNumber
  private var live: Numbering
  private var subscriptions = SubscriptionTable()
  private var message = Multipart()
  private var header = [UInt8](repeating: 0, count: FramedHeader.size)
  private var nextHead: Timestamp
  private var nextSources: Timestamp
  /// When one may be sent again.
  private var headAllowed: Timestamp
  private var sourcesAllowed: Timestamp
  private let since: Timestamp
  /// As bound.
  let endpoints: [Endpoint]
  /// Given up to cut their connections, and to be bound again.
  private var unbound: [Endpoint] = []

  /// Makes and binds the socket.
  init(
    _ context: borrowing Context, name: SourceName, endpoints: [Endpoint], binding: SocketBinding,
    durable: SequenceNumber, now: Timestamp
  ) throws(ZeroMQError) {
    // 10,000 outputs a subscriber wait before its newest are dropped. Peers send subscriptions only,
    // so a frame of 4 KiB is ample.
    var socket = try Socket<ExtendedPublisher>(
      context, linger: .milliseconds(1_000),
      options: [
        .sendHighWaterMark(10_000), .receiveHighWaterMark(1_000), .maximumFrameSize(4_096), .verbose,
        .handshakeTimeout(milliseconds: 5_000), .backlog(256),
      ] + SocketOption.tcpKeepAlive(idle: 10, interval: 5, count: 3))
    self.endpoints = try binding.bind(&socket, endpoints, as: .output)
    self.socket = socket
    encoder = PublicationEncoder(name: name)
    self.durable = durable
    live = Numbering(source: encoder.liveName, epoch: UInt64(clamping: now.nanoseconds))
    (since, nextHead, nextSources, headAllowed, sourcesAllowed) = (now, now, now, now, now)
  }

  /// How long it goes on sending once it is closed.
  func setLinger(_ time: Duration) throws(ZeroMQError) {
    try socket.set(.milliseconds(time.wholeMilliseconds))
  }

  func add(to poller: inout Poller) { _ = poller.add(socket) }

  // MARK: Subscriptions

  /// Whether anybody may want assessments.
  var wantsAssessments: Bool { subscriptions.mayWant(FramedHeader.Kind.assessment.word) }

  /// Whether anybody wants the account of sources, and it is time for it.
  func owesSources(at now: Timestamp) -> Bool { now >= nextSources && wantsSources }

  /// When something is to be sent that nothing else causes; nil when nobody wants any of it.
  var nextDue: Timestamp? {
    // At once, which is a millisecond later.
    if !unbound.isEmpty { return .min }
    return switch (subscriptions.mayWant(FramedHeader.Kind.head.word), wantsSources) {
    case (true, true): min(nextHead, nextSources)
    case (true, false): nextHead
    case (false, true): nextSources
    case (false, false): nil
    }
  }

  // MARK: Cutting

  /// Cuts every reader by tcp: who is still let in connects again within a second and fetches what it missed. A PUB
  /// socket cannot be told to drop one of its readers, nor looked at for who they are.
  mutating func cutConnections() throws(ZeroMQError) {
    for endpoint in endpoints {
      guard case .tcp = endpoint, !unbound.contains(endpoint) else { continue }
      try socket.unbind(endpoint)
      unbound.append(endpoint)
    }
    try bindAgain()
  }

  /// Binds what was given up. libzmq's thread closes an address in its own time; until then it is in use.
  mutating func bindAgain() throws(ZeroMQError) {
    while let endpoint = unbound.first {
      do throws(ZeroMQError) { _ = try socket.bind(endpoint) } catch {
        if error.isAddressInUse { return }
        throw error
      }
      unbound.removeFirst()
    }
  }

  private var wantsSources: Bool { subscriptions.mayWant(FramedHeader.Kind.status.word) }

  /// Takes subscriptions that wait; whoever is new is answered by heads, and by the account of sources if
  /// he asked for it.
  mutating func takeSubscriptions(at now: Timestamp) throws(ZeroMQError) {
    for _ in 0..<Self.subscriptionsPerTurn {
      guard try socket.receive(into: &message) == .message else { return }
      let isNew = message.withFrame(0) { subscriptions.apply($0) }
      guard isNew else { continue }
      nextHead = min(nextHead, max(now, headAllowed))
      if message.withFrame(0, { Self.mayCover($0, .status) }) {
        nextSources = min(nextSources, max(now, sourcesAllowed))
      }
    }
  }

  private static func mayCover(_ subscription: UnsafeRawBufferPointer, _ kind: FramedHeader.Kind) -> Bool {
    let word = UnsafeRawBufferPointer(start: kind.word.utf8Start, count: kind.word.utf8CodeUnitCount)
    let prefix = subscription.dropFirst()
    return prefix.starts(with: word) || word.starts(with: prefix)
  }

  // MARK: Sending

  /// Sends an assessment to whoever subscribes to it.
  ///
  /// - Returns: whether it was handed to libzmq.
  mutating func publish(_ publication: Publication, at now: Timestamp) throws(ZeroMQError) -> Bool {
    guard subscriptions.mayWant(publication.output.kind.word) else { return false }
    encoder.encodeTopic(of: publication)
    guard subscriptions.wants(encoder.topic) else { return false }
    encoder.encodeBody(of: publication)
    try sendLive(publication.output.kind, eventTime: publication.time, at: now)
    return true
  }

  /// Sends a message of the durable numbering.
  mutating func send(_ message: StoredMessage) throws(ZeroMQError) {
    durable.number = message.number
    try send(message.topic, message.header, message.body)
  }

  /// Whether anybody may want alerts.
  var wantsAlerts: Bool { subscriptions.mayWant(FramedHeader.Kind.alert.word) }

  /// Sends an alert again, as it stands, without a number: who has it passes it over.
  ///
  /// - Parameter unsent: topics on which something newer is on its way.
  mutating func sendAgain(
    _ publication: Publication, unless unsent: Set<[UInt8]>, at now: Timestamp
  ) throws(ZeroMQError) {
    encoder.encodeTopic(of: publication)
    guard subscriptions.wants(encoder.topic), !unsent.contains(encoder.topic) else { return }
    encoder.encodeBody(of: publication, at: now, isRepeat: true)
    try sendAgain(encoder.topic, encoder.body, eventTime: publication.time, at: now)
  }

  /// The same of what was stored.
  mutating func sendAgain(
    _ message: StoredMessage, unless unsent: Set<[UInt8]>, at now: Timestamp
  ) throws(ZeroMQError) {
    guard subscriptions.wants(message.topic), !unsent.contains(message.topic),
      let header = message.header.withUnsafeBytes({ FramedHeader(parsing: $0) })
    else { return }
    try sendAgain(
      message.topic, message.body, eventTime: Timestamp(nanoseconds: header.eventTime), at: now)
  }

  private mutating func sendAgain(
    _ topic: [UInt8], _ body: [UInt8], eventTime: Timestamp, at now: Timestamp
  ) throws(ZeroMQError) {
    let header = FramedHeader(
      kind: FramedHeader.Kind.alert.rawValue, flags: .replayed, frames: 3, epoch: durable.epoch, number: 0,
      eventTime: eventTime.nanoseconds, sendTime: now.nanoseconds)
    try send(topic, header.bytes, body)
  }

  /// Sends heads when they are due and wanted.
  mutating func sendHeads(at now: Timestamp) throws(ZeroMQError) {
    guard now >= nextHead, subscriptions.mayWant(FramedHeader.Kind.head.word) else { return }
    nextHead = now.advanced(by: Self.headInterval)
    headAllowed = now.advanced(by: Self.headSpacing)
    // XPUB does not say what it drops.
    let body = Array(
      #"{"dropped":0,"interval_ms":\#(Self.headInterval.clampedNanoseconds / 1_000_000)}"#.utf8)
    try sendSigns(.head, body, at: now)
  }

  /// Says that this is the end.
  mutating func sendBye(at now: Timestamp) throws(ZeroMQError) {
    try sendSigns(.bye, Array(#"{"dropped":0}"#.utf8), at: now)
  }

  /// Sends the account of sources to whoever wants it.
  mutating func sendSources(
    _ reports: [SourceReport], received: UInt64, rejected: UInt64, at now: Timestamp
  ) throws(ZeroMQError) {
    nextSources = now.advanced(by: Self.sourcesInterval)
    sourcesAllowed = now.advanced(by: Self.sourcesSpacing)
    let size = PublicationEncoder.sourcesPerMessage
    let parts = max(1, (reports.count + size - 1) / size)
    for part in 1...parts {
      let slice = reports[(part - 1) * size..<min(part * size, reports.count)]
      encoder.encodeSources(
        slice, part: part, of: parts, at: now, since: since, received: received, rejected: rejected)
      try sendLive(.status, eventTime: now, at: now)
    }
  }

  /// Says how the journal does, to whoever wants it.
  mutating func sendJournal(_ report: JournalReport, at now: Timestamp) throws(ZeroMQError) {
    encoder.encodeJournal(report, at: now)
    try sendLive(.status, eventTime: now, at: now)
  }

  private mutating func sendSigns(
    _ kind: FramedHeader.Kind, _ body: [UInt8], at now: Timestamp
  ) throws(ZeroMQError) {
    let signs = [
      (encoder.name, durable), (encoder.liveName, SequenceNumber(epoch: live.epoch, number: live.last)),
    ]
    for (source, place) in signs {
      encoder.encodeTopic(kind, of: source)
      let header = FramedHeader(
        kind: kind.rawValue, frames: 3, epoch: place.epoch, number: place.number, eventTime: now.nanoseconds,
        sendTime: now.nanoseconds)
      try send(encoder.topic, header.bytes, body)
    }
  }

  private mutating func sendLive(
    _ kind: FramedHeader.Kind, eventTime: Timestamp, at now: Timestamp
  ) throws(ZeroMQError) {
    let header = live.next(kind, topic: encoder.topic, eventTime: eventTime, at: now)
    self.header.withUnsafeMutableBytes { header.write(to: $0) }
    try send(encoder.topic, self.header, encoder.body)
  }

  /// XPUB drops for a subscriber whose queue is full and never refuses.
  private func send(_ topic: [UInt8], _ header: [UInt8], _ body: [UInt8]) throws(ZeroMQError) {
    _ = try socket.send(topic, more: true)
    _ = try socket.send(header, more: true)
    _ = try socket.send(body, more: false)
  }
}
