import Events
import Foundation
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The daemon over HTTP, on threads of its own: one of NIO's for the sockets, those of Swift's pool for the answers, and
/// one for what waits for a disk. Nothing of it is ever waited for by the thread that serves events.
package final class AdminServer: Sendable {
  /// The threads, made once and never ended: what closing connections still schedule would find them gone.
  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private static let disk = {
    let pool = NIOThreadPool(numberOfThreads: 1)
    pool.start()
    return pool
  }()
  /// What stopping waits for: answers under way, and the sockets.
  private static let stopPatience = DispatchTimeInterval.milliseconds(300)

  /// What the bind came to, told by another thread.
  private final class Start: Sendable {
    private let result = Mutex<Result<Int, AdminFailure>?>(nil)
    private let changed = DispatchSemaphore(value: 0)

    func say(_ outcome: Result<Int, AdminFailure>) {
      result.withLock { $0 = $0 ?? outcome }
      changed.signal()
    }

    func wait() throws(AdminFailure) -> Int {
      changed.wait()
      return try result.withLock { $0 }?.get() ?? 0
    }
  }

  /// The bound socket, once there is one.
  private final class Listening: Sendable {
    private let channel = Mutex<(any Channel)?>(nil)

    func begin(_ bound: any Channel) { channel.withLock { $0 = bound } }
    func close() { channel.withLock { $0 }?.close(promise: nil) }
  }

  /// As bound.
  package let port: Int
  package let host: String
  private let listeners: Listeners
  private let connections: Connections
  private let running: Task<Void, Never>
  /// Signalled when that is over.
  private let ended: DispatchSemaphore
  private let listening: Listening

  /// Binds the socket and begins to answer.
  ///
  /// - Parameters:
  ///   - name, version: of the daemon.
  ///   - history: nil without a journal.
  /// - Throws: when the token file is not right, or the address cannot be bound.
  package init(
    _ settings: AdminSettings, name: String, version: String, board: Board, history: HistorySource?
  ) throws(AdminFailure) {
    let token = try settings.tokenFile.map { (file) throws(AdminFailure) in try Token(file: file) }
    let (group, disk, loop) = (Self.group, Self.disk, Self.group.next())
    let (listeners, connections) = (Listeners(board, on: loop), Connections())
    let routes = Mutex<Routes?>(nil)
    let shared = Shared(routes)
    let start = Start()
    let listening = Listening()
    let child = HTTP1Channel(
      responder: { request, writer, channel in
        guard let routes = shared.routes else { throw Stopped() }
        try await Self.respond(to: request, writer, channel, routes)
      },
      configuration: .init(
        additionalChannelHandlers: [ConnectionGuard(connections)],
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: AdminLimits.headBytes, maxHeaderListSize: AdminLimits.headBytes,
          maxHeaderFieldCount: AdminLimits.headerFields)))
    let server = HummingbirdCore.Server(
      childChannelSetup: child,
      configuration: ServerConfiguration(address: .hostname(settings.host, port: settings.port)),
      onServerRunning: { channel in
        let port = channel.localAddress?.port ?? settings.port
        listening.begin(channel)
        shared.routes = Routes(
          name: name, version: version, board: board, listeners: listeners, loop: loop,
          gate: Gate(settings, port: port, token: token), history: history, disk: disk)
        start.say(.success(port))
      },
      eventLoopGroup: group, logger: Logger(label: "http") { _ in SwiftLogNoOpLogHandler() })
    let ended = DispatchSemaphore(value: 0)
    running = Task {
      defer { ended.signal() }
      do {
        try await server.run()
        start.say(.failure(.bind("\(settings.host):\(settings.port)", "it was stopped")))
      } catch { start.say(.failure(.bind("\(settings.host):\(settings.port)", Self.words(error)))) }
    }
    (self.listeners, self.connections) = (listeners, connections)
    (self.ended, self.listening) = (ended, listening)
    host = settings.host
    do throws(AdminFailure) { port = try start.wait() } catch {
      listeners.end()
      throw error
    }
  }

  private final class Shared: Sendable {
    private let value: Mutex<Routes?>
    init(_ value: consuming Mutex<Routes?>) { self.value = value }
    var routes: Routes? {
      get { value.withLock { $0 } }
      set { value.withLock { $0 = newValue } }
    }
  }

  private struct Stopped: Error {}

  private static func words(_ error: any Error) -> String {
    (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
  }

  /// Ends every connection; takes at most a second.
  package func stop() {
    listeners.end()
    // Not by cancelling: a connection that is accepted meanwhile would be dropped unserved, which NIO traps on
    // (NIOAsyncWriter's deinit). With the address closed, what was accepted is still served, and then closed.
    listening.close()
    connections.closeAll()
    _ = ended.wait(timeout: .now() + Self.stopPatience)
  }

  // MARK: Answers

  private static func respond(
    to request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel, _ routes: Routes
  ) async throws {
    var answer = await routes.answer(request.head)
    if answer.isStream, request.method == .get {
      guard let stream = join(request.head, routes.listeners) else {
        answer = .problem(.serviceUnavailable, "busy", "\(AdminLimits.listeners) clients listen")
        return try await write(answer, to: request.head, writer)
      }
      return try await run(stream, writer, channel, routes)
    }
    try await write(answer, to: request.head, writer)
  }

  private static func head(_ answer: Answer) -> HTTPResponse {
    var fields = answer.headers
    fields[.contentType] = answer.contentType
    fields[.xContentTypeOptions] = "nosniff"
    if !fields.contains(.cacheControl) { fields[.cacheControl] = "no-store" }
    return HTTPResponse(status: answer.status, headerFields: fields)
  }

  private static func write(
    _ answer: Answer, to request: HTTPRequest, _ writer: consuming ResponseWriter
  ) async throws {
    var head = head(answer)
    head.headerFields[.contentLength] = String(answer.body.count)
    if request.method == .head || answer.status == .notModified {
      if answer.status == .notModified { head.headerFields[.contentLength] = nil }
      return try await writer.writeResponse(head)
    }
    try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
  }

  // MARK: The event stream

  private static func join(
    _ head: HTTPRequest, _ listeners: Listeners
  ) -> (id: UInt64, isResumed: Bool)? {
    listeners.join(after: head.headerFields[.lastEventID].flatMap(place))
  }

  /// EPOCH-NUMBER.
  private static func place(_ text: String) -> Chronicle.Place? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let epoch = UInt64(parts[0]), let number = UInt64(parts[1]) else { return nil }
    return Chronicle.Place(epoch: epoch, number: number)
  }

  private static func run(
    _ stream: (id: UInt64, isResumed: Bool), _ writer: consuming ResponseWriter, _ channel: any Channel,
    _ routes: Routes
  ) async throws {
    let listeners = routes.listeners
    defer { listeners.leave(stream.id) }
    channel.closeFuture.whenComplete { _ in listeners.close(stream.id) }
    var body: any ResponseBodyWriter = try await writer.writeHead(head(Answer(.ok, "text/event-stream", [])))
    let hello = Answer { writer in
      writer.member("at", time: routes.board.now())
      writer.member("resumed", stream.isResumed)
    }
    try await body.write(ByteBuffer(bytes: Listeners.event("hello", hello.body)))
    while let events = listeners.take(stream.id) {
      if !events.isEmpty { try await body.write(ByteBuffer(bytes: events)) }
      guard await listeners.wait(stream.id) else {
        try await body.write(ByteBuffer(string: ":\n\n"))
        continue
      }
    }
    try await body.finish(nil)
  }
}

extension HTTPField.Name {
  fileprivate static let lastEventID = HTTPField.Name("Last-Event-ID")!
}
