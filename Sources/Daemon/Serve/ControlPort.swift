import Events
import Journal
import Synchronization
import Wire
import ZeroMQ

/// Who waits for an answer: the connection, and the request's own numbering.
struct ControlTicket: Sendable {
  var peer: [UInt8]
  var epoch: UInt64
  var number: UInt64
  /// Rather than feedback.
  var isSilence = false
}

/// What the control thread and the serving thread say to each other.
///
/// Bounded: a request that finds ``maximumWaiting`` others which are not answered is answered `busy`.
final class ControlExchange: Sendable {
  static let maximumWaiting = 1_024

  struct Request: Sendable {
    var ticket: ControlTicket
    var header: EventHeader
    var body: Body
    /// As they came, for a recording.
    var frames: [[UInt8]]

    enum Body: Sendable {
      case feedback(Feedback)
      case silence(SilenceRequest)
    }
  }

  private struct State: Sendable {
    var requests: [Request] = []
    /// Requests asked and not answered.
    var outstanding = 0
    var answers: [(ControlTicket, FeedbackAnswer)] = []
    /// What could not even be answered, not told yet.
    var refused: [Reason: UInt64] = [:]
    var isStopped = false
  }

  private let state = Mutex(State())
  /// Wakes the serving thread.
  let asked: Wakeup
  /// Wakes the control thread.
  let answered: Wakeup
  /// The last number that was sent.
  private let head: Atomic<UInt64>

  init(head: UInt64) throws(ZeroMQError) {
    asked = try Wakeup()
    answered = try Wakeup()
    self.head = Atomic(head)
  }

  var published: UInt64 { head.load(ordering: .acquiring) }
  func setPublished(_ number: UInt64) { head.store(number, ordering: .releasing) }

  /// Returns false when too many wait.
  func ask(_ request: Request) -> Bool {
    let isTaken = state.withLock { state in
      guard state.outstanding < Self.maximumWaiting else { return false }
      state.outstanding += 1
      state.requests.append(request)
      return true
    }
    if isTaken { asked.signal() }
    return isTaken
  }

  func takeRequests() -> [Request] {
    asked.drain()
    return state.withLock { state in
      defer { state.requests = [] }
      return state.requests
    }
  }

  /// A message that cannot be answered; the account has it within a second.
  func count(_ reason: Reason) {
    state.withLock { $0.refused[reason, default: 0] &+= 1 }
    asked.signal()
  }

  func takeRefused() -> [Reason: UInt64] {
    state.withLock { state in
      defer { state.refused = [:] }
      return state.refused
    }
  }

  func answer(_ ticket: ControlTicket, _ answer: FeedbackAnswer) {
    state.withLock { state in
      state.outstanding -= 1
      state.answers.append((ticket, answer))
    }
    answered.signal()
  }

  func takeAnswers() -> [(ControlTicket, FeedbackAnswer)] {
    answered.drain()
    return state.withLock { state in
      defer { state.answers = [] }
      return state.answers
    }
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    answered.signal()
  }

  var isStopped: Bool { state.withLock { $0.isStopped } }
}

/// The control socket, on a thread of its own: stored messages are read and sent here, so that no reader,
/// however slow, touches what serves. Feedback goes to the serving thread and comes back as an answer.
struct ControlPort: ~Copyable {
  /// Clients that fetched within ``clientMemory``; more are answered `busy`.
  static let maximumClients = 16
  static let clientMemory = Duration.seconds(30)
  static let frameBytes = 64 << 10
  private static let requestsPerTurn = 64
  /// It closes after what `DrainSchedule` gives the recording, and 0.7 s later all is to be over.
  private static let lingerMilliseconds = 700

  private let socket: Socket<Router>
  private let slot: Poller.Slot
  private var poller = Poller()
  private var message = Multipart(isRouted: true)
  private var gate: Gate
  private let exchange: ControlExchange
  private let reader: JournalReader?
  private let epoch: UInt64
  private let encoder: AnswerEncoder
  private let clock: ServeClock
  /// When each client that fetches was last heard.
  private var clients: [[UInt8]: Timestamp] = [:]
  /// As bound.
  let endpoints: [Endpoint]

  /// Makes and binds the socket, on the thread that will run it.
  ///
  /// - Parameter reader: nil without a journal.
  init(
    _ context: borrowing Context, name: SourceName, endpoints: [Endpoint], binding: SocketBinding,
    door: Doorkeeper?, exchange: ControlExchange, reader: JournalReader?, epoch: UInt64, clock: ServeClock
  ) throws(ZeroMQError) {
    // One answer to a fetch is 512 messages and an end: with room for two, a client that asks once an answer
    // never meets a full queue, and a connection that does not take its answers costs at most 2 × 4 MiB.
    var socket = try Socket<Router>(
      context, linger: .milliseconds(Self.lingerMilliseconds),
      options: [
        .mandatory, .sendHighWaterMark(2 * (ControlFetch.maximumMessages + 1)), .receiveHighWaterMark(1_000),
        .maximumFrameSize(Self.frameBytes), .handshakeTimeout(milliseconds: 5_000), .backlog(256),
      ] + SocketOption.tcpKeepAlive(idle: 10, interval: 5, count: 3))
    self.endpoints = try binding.bind(&socket, endpoints, as: .control)
    slot = poller.add(socket)
    _ = poller.add(exchange.answered)
    self.socket = socket
    gate = Gate(door)
    self.exchange = exchange
    self.reader = reader
    self.epoch = epoch
    self.clock = clock
    encoder = AnswerEncoder(name: name)
  }

  /// Runs until the exchange is stopped.
  mutating func run() throws(ZeroMQError) {
    while true {
      _ = try poller.wait(milliseconds: 1_000)
      try sendAnswers()
      if exchange.isStopped { return }
      if poller.isReadable(slot) { try takeRequests() }
    }
  }

  private func sendAnswers() throws(ZeroMQError) {
    for (ticket, answer) in exchange.takeAnswers() {
      _ = try socket.send(
        message: [ticket.peer]
          + encoder.frames(
            answer, toSilence: ticket.isSilence, epoch: ticket.epoch, number: ticket.number, at: clock.now))
    }
  }

  private mutating func takeRequests() throws(ZeroMQError) {
    for _ in 0..<Self.requestsPerTurn {
      // An answer to feedback does not wait for everybody's fetches.
      try sendAnswers()
      switch try socket.receive(into: &message) {
      case .nothing: return
      case .tooManyFrames: exchange.count(.malformed)
      case .message: try takeRequest()
      }
    }
  }

  private mutating func takeRequest() throws(ZeroMQError) {
    let frames = message.routedFrames
    let peer = message.withFrame(0) { Array($0) }
    let request: ControlRequest
    do throws(Remark) {
      let sender = try gate.sender(message.userID)
      request = try ControlRequest(parsing: frames)
      try gate.require(request.role, of: sender)
    } catch {
      return try refuse(error, frames, to: peer)
    }
    switch request.body {
    case .fetch(let fetch): try answer(fetch, request.number, to: peer)
    case .feedback(let feedback): try ask(.feedback(feedback), request, frames, peer)
    case .silence(let silence): try ask(.silence(silence), request, frames, peer)
    }
  }

  private func ask(
    _ body: ControlExchange.Request.Body, _ request: ControlRequest, _ frames: Frames, _ peer: [UInt8]
  ) throws(ZeroMQError) {
    var ticket = ControlTicket(peer: peer, epoch: request.epoch, number: request.number)
    if case .silence = body { ticket.isSilence = true }
    let isTaken = exchange.ask(
      .init(ticket: ticket, header: request.header, body: body, frames: frames.map { Array($0) }))
    if !isTaken { try refuse(.init(.busy, "too many requests wait"), ticket) }
  }

  /// Bytes that are no request are answered when it can be told what they were to be.
  private func refuse(_ remark: Remark, _ frames: Frames, to peer: [UInt8]) throws(ZeroMQError) {
    let address = ControlRequest.address(of: frames)
    if remark.reason.isOfSender || address == nil { exchange.count(remark.reason) }
    // Who is let in no more is told nothing.
    guard let address, remark.reason != .keyRefused else { return }
    switch address.kind {
    case .fetch, .snapshot:
      var end = standing(.malformed)
      end.detail = remark.detail
      try send(end, isSnapshot: address.kind == .snapshot, address.number, to: peer)
    default:
      try refuse(
        .init(remark.reason == .roleMissing ? .roleMissing : .malformed, remark.description),
        ControlTicket(
          peer: peer, epoch: address.epoch, number: address.number, isSilence: address.kind == .silence))
    }
  }

  private func refuse(_ refusal: FeedbackAnswer.Refusal, _ ticket: ControlTicket) throws(ZeroMQError) {
    _ = try socket.send(
      message: [ticket.peer]
        + encoder.frames(
          .refused(refusal), toSilence: ticket.isSilence, epoch: ticket.epoch, number: ticket.number,
          at: clock.now))
  }

  private func send(
    _ end: AnswerEncoder.End, isSnapshot: Bool, _ number: UInt64, to peer: [UInt8]
  ) throws(ZeroMQError) {
    _ = try socket.send(
      message: [peer] + encoder.frames(end, toSnapshot: isSnapshot, number: number, at: clock.now))
  }

  // MARK: Fetching

  private mutating func answer(
    _ request: ControlFetch, _ number: UInt64, to peer: [UInt8]
  ) throws(ZeroMQError) {
    var end = standing(.noJournal)
    var found: FetchedMessages?
    if let reader {
      if isWelcome(peer) {
        do throws(JournalError) {
          found = try reader.fetch(request.query)
        } catch {
          (end.status, end.next, end.detail) = (.busy, request.from, error.description)
        }
      } else {
        (end.status, end.next) = (.busy, request.from)
        end.detail = "\(Self.maximumClients) clients are fetching"
      }
    }
    if let found {
      for stored in found.messages {
        // A full queue: it asked again without waiting for the end, and asks once more when nothing comes.
        guard try socket.send(message: [peer] + stored.replayed) else { return }
      }
      end = AnswerEncoder.End(found)
    }
    try send(end, isSnapshot: request.onlyOpen, number, to: peer)
  }

  /// An end without messages, by what is stored now.
  private func standing(_ status: AnswerEncoder.End.Status) -> AnswerEncoder.End {
    let next = exchange.published + 1
    var end = AnswerEncoder.End(status, epoch: epoch, first: next, next: next, head: next - 1)
    do throws(JournalError) {
      guard let reader else { return end }
      let found = try reader.fetch(FetchRequest(epoch: nil, from: .max))
      (end.first, end.next, end.head) = (found.first, found.first, found.head)
    } catch {}
    return end
  }

  /// Whether this client may fetch, which it then does.
  private mutating func isWelcome(_ peer: [UInt8]) -> Bool {
    let now = clock.now
    if clients[peer] == nil && clients.count >= Self.maximumClients {
      clients = clients.filter { $0.value.duration(to: now) < Self.clientMemory }
      guard clients.count < Self.maximumClients else { return false }
    }
    clients[peer] = now
    return true
  }
}

extension ControlRequest {
  /// What its sender must be allowed to do.
  fileprivate var role: ClientRoles {
    switch body {
    case .fetch: .consume
    case .silence(.list): .consume
    case .feedback, .silence: .acknowledge
    }
  }
}

extension ControlFetch {
  fileprivate var query: FetchRequest {
    FetchRequest(
      epoch: epoch, from: from, limit: limit, byteLimit: byteLimit,
      prefixes: prefixes, onlyOpen: onlyOpen)
  }
}

extension AnswerEncoder.End {
  fileprivate init(_ found: FetchedMessages) {
    let status: Status =
      switch found.status {
      case .complete: .complete
      case .more: .more
      case .truncated: .truncated
      case .epochMismatch: .epochMismatch
      }
    self.init(status, epoch: found.epoch, first: found.first, next: found.next, head: found.head)
  }
}

extension StoredMessage {
  /// Its frames as they were sent, marked as sent again.
  fileprivate var replayed: [[UInt8]] {
    var header = header
    // The flags are big-endian at byte 8; `replayed` is the lowest bit.
    if header.count == FramedHeader.size { header[11] |= UInt8(FramedHeader.Flags.replayed.rawValue) }
    return [topic, header, body]
  }
}
