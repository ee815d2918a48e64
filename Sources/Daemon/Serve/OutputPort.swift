import Events
import Wire
import ZeroMQ

/// The output socket with all that goes out on it: numbered messages, heads, the account of sources.
///
/// Every message has three frames: topic, framed header, JSON. What must not be lost is numbered under
/// the daemon's name; what is made only for those who are there, under `NAME.live`.
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
  private var durable: Numbering
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

  /// Makes and binds the socket.
  init(
    _ context: borrowing Context, name: SourceName, endpoints: [Endpoint], now: Timestamp
  ) throws(ZeroMQError) {
    // 10,000 outputs a subscriber wait before its newest are dropped. Peers send subscriptions only,
    // so a frame of 4 KiB is ample.
    var socket = try Socket<ExtendedPublisher>(
      context, linger: .milliseconds(1_000),
      options: [
        .sendHighWaterMark(10_000), .receiveHighWaterMark(1_000), .maximumFrameSize(4_096), .verbose,
        .handshakeTimeout(milliseconds: 5_000), .backlog(256),
      ] + SocketOption.tcpKeepAlive(idle: 10, interval: 5, count: 3))
    var bound: [Endpoint] = []
    for endpoint in endpoints { bound.append(try socket.bind(endpoint)) }
    self.socket = socket
    self.endpoints = bound
    encoder = PublicationEncoder(name: name)
    // Until there is a journal, a numbering begins with its process.
    let epoch = UInt64(clamping: now.nanoseconds)
    durable = Numbering(source: encoder.name, epoch: epoch)
    live = Numbering(source: encoder.liveName, epoch: epoch)
    (since, nextHead, nextSources, headAllowed, sourcesAllowed) = (now, now, now, now, now)
  }

  func add(to poller: inout Poller) { _ = poller.add(socket) }

  // MARK: Subscriptions

  /// Whether anybody may want assessments.
  var wantsAssessments: Bool { subscriptions.mayWant(FramedHeader.Kind.assessment.word) }

  /// Whether anybody wants the account of sources, and it is time for it.
  func owesSources(at now: Timestamp) -> Bool { now >= nextSources && wantsSources }

  /// When something is to be sent that nothing else causes; nil when nobody wants any of it.
  var nextDue: Timestamp? {
    switch (subscriptions.mayWant(FramedHeader.Kind.head.word), wantsSources) {
    case (true, true): min(nextHead, nextSources)
    case (true, false): nextHead
    case (false, true): nextSources
    case (false, false): nil
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

  /// Sends one output, unless nobody subscribes to it and it is made for subscribers alone.
  ///
  /// - Returns: whether it was handed to libzmq.
  mutating func publish(_ publication: Publication, at now: Timestamp) throws(ZeroMQError) -> Bool {
    let output = publication.output
    if output.isOnDemand && !subscriptions.mayWant(output.kind.word) { return false }
    encoder.encodeTopic(of: publication)
    if output.isOnDemand && !subscriptions.wants(encoder.topic) { return false }
    encoder.encodeBody(of: publication)
    try send(output.kind, isDurable: !output.isOnDemand, eventTime: publication.time, at: now)
    return true
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
      try send(.status, isDurable: false, eventTime: now, at: now)
    }
  }

  private mutating func sendSigns(
    _ kind: FramedHeader.Kind, _ body: [UInt8], at now: Timestamp
  ) throws(ZeroMQError) {
    for numbering in [durable, live] {
      encoder.encodeTopic(kind, of: numbering.source)
      try send(numbering.sign(kind, at: now), body)
    }
  }

  private mutating func send(
    _ kind: FramedHeader.Kind, isDurable: Bool, eventTime: Timestamp, at now: Timestamp
  ) throws(ZeroMQError) {
    let header =
      isDurable
      ? durable.next(kind, topic: encoder.topic, eventTime: eventTime, at: now)
      : live.next(kind, topic: encoder.topic, eventTime: eventTime, at: now)
    try send(header, encoder.body)
  }

  /// XPUB drops for a subscriber whose queue is full and never refuses.
  private mutating func send(_ header: FramedHeader, _ body: [UInt8]) throws(ZeroMQError) {
    self.header.withUnsafeMutableBytes { header.write(to: $0) }
    _ = try socket.send(encoder.topic, more: true)
    _ = try socket.send(self.header, more: true)
    _ = try socket.send(body, more: false)
  }
}

/// The numbers of one source's messages, and for each topic the last of them.
private struct Numbering {
  let source: SourceName
  private let epoch: UInt64
  private var last: UInt64 = 0
  /// At most three topics a model, of at most 200 bytes.
  private var lastOfTopic: [[UInt8]: UInt64] = [:]

  init(source: SourceName, epoch: UInt64) {
    self.source = source
    self.epoch = epoch
  }

  mutating func next(
    _ kind: FramedHeader.Kind, topic: [UInt8], eventTime: Timestamp, at now: Timestamp
  ) -> FramedHeader {
    last += 1
    let place = lastOfTopic.index(forKey: topic)
    let previous = place.map { lastOfTopic.values[$0] } ?? 0
    if let place {
      lastOfTopic.values[place] = last
    } else {
      // A copy, since the encoder writes the next topic into this array's memory.
      lastOfTopic[topic.map(\.self)] = last
    }
    return FramedHeader(
      kind: kind.rawValue, flags: last == 1 ? .firstOfEpoch : [], frames: 3, epoch: epoch, number: last,
      previous: previous, eventTime: eventTime.nanoseconds, sendTime: now.nanoseconds)
  }

  /// The header of a head or bye, which takes no number.
  func sign(_ kind: FramedHeader.Kind, at now: Timestamp) -> FramedHeader {
    FramedHeader(
      kind: kind.rawValue, frames: 3, epoch: epoch, number: last, eventTime: now.nanoseconds,
      sendTime: now.nanoseconds)
  }
}
