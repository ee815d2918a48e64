import Wire
import ZeroMQ

/// The sockets that events come by: the lossy one, one for large batches, and the lossless lane.
struct IngestPorts: ~Copyable {
  enum Way: CaseIterable {
    case events
    case features
    case reliable

    var lane: RecordingFormat.Lane {
      switch self {
      case .events: .ingest
      case .features: .features
      case .reliable: .reliable
      }
    }
  }

  /// Messages that wait for each publisher; libzmq counts messages, not bytes.
  static let eventsHighWaterMark = 1_000
  /// The same where batches of tens of megabytes come.
  static let featuresHighWaterMark = 16

  private let eventsSocket: Socket<Subscriber>
  /// A second way in, for large feature batches; bound to nothing unless configured.
  private let featuresSocket: Socket<Subscriber>
  /// Bound to nothing without a journal.
  private let reliableSocket: Socket<Router>
  private let slots: (events: Poller.Slot, features: Poller.Slot, reliable: Poller.Slot)
  private var message = Multipart()
  private var routed = Multipart(isRouted: true)
  /// As bound.
  private(set) var ingest: [Endpoint] = []
  private(set) var features: [Endpoint] = []
  private(set) var reliable: [Endpoint] = []

  init(
    _ context: borrowing Context, _ configuration: Configuration, hasReliable: Bool, _ poller: inout Poller
  ) throws(ZeroMQError) {
    let limits = configuration.wire
    var events = try Self.lossy(context, limits, highWaterMark: Self.eventsHighWaterMark)
    var features = try Self.lossy(context, limits, highWaterMark: Self.featuresHighWaterMark)
    // What a source may have on the way waits in its own ring, so few need to wait here.
    var reliable = try Socket<Router>(
      context, linger: .milliseconds(1_000),
      options: [
        .mandatory, .sendHighWaterMark(1_024), .receiveHighWaterMark(Self.eventsHighWaterMark),
        .maximumFrameSize(2 * limits.frameBytes), .handshakeTimeout(milliseconds: 5_000), .backlog(256),
      ] + SocketOption.tcpKeepAlive(idle: 10, interval: 5, count: 3))
    let (sockets, binding) = (configuration.sockets, configuration.binding)
    ingest = try binding.bind(&events, sockets.ingest, as: .ingest)
    self.features = try binding.bind(&features, sockets.features, as: .features)
    if hasReliable { self.reliable = try binding.bind(&reliable, sockets.reliable, as: .reliable) }
    slots = (poller.add(events), poller.add(features), poller.add(reliable))
    eventsSocket = events
    featuresSocket = features
    reliableSocket = reliable
  }

  static func lossy(
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

  /// How long answers go on being sent once it is closed.
  func setLinger(_ time: Duration) throws(ZeroMQError) {
    try reliableSocket.set(.milliseconds(time.wholeMilliseconds))
  }

  func isReadable(_ way: Way, _ poller: borrowing Poller) -> Bool {
    switch way {
    case .events: poller.isReadable(slots.events)
    case .features: poller.isReadable(slots.features)
    case .reliable: poller.isReadable(slots.reliable)
    }
  }

  mutating func receive(from way: Way) throws(ZeroMQError) -> Receipt {
    switch way {
    case .events: try eventsSocket.receive(into: &message)
    case .features: try featuresSocket.receive(into: &message)
    case .reliable: try reliableSocket.receive(into: &routed)
    }
  }

  /// The frames of the last message of that way, where they were received.
  func frames(of way: Way) -> Frames { way == .reliable ? routed.routedFrames : message.frames }

  /// What the authentication handler calls the sender of the last message of that way; valid as its frames are.
  func userID(of way: Way) -> UnsafeBufferPointer<UInt8>? {
    way == .reliable ? routed.userID : message.userID
  }

  /// Who sent the last message of the lossless lane.
  var peer: [UInt8] { routed.withFrame(0) { Array($0) } }

  /// Answers on the lossless lane. One that finds no room is left out: the next acknowledgement says as much.
  func reply(to peer: [UInt8], _ frames: [[UInt8]]) throws(ZeroMQError) {
    _ = try reliableSocket.send(message: [peer] + frames)
  }
}
