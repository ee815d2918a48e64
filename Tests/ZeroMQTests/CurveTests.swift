import Foundation
import Synchronization
import Testing
import ZeroMQ

/// CURVE with a ZAP handler, on real sockets: who is let in, and that no handler means nobody.
@Suite struct CurveTests {
  /// A handler on a thread of its own that lets in what `isKnown` says.
  private struct Handler: ~Copyable {
    private let stop: Wakeup
    private let state: State
    private let thread: SocketThread

    final class State: Sendable {
      let isStopped = Atomic(false)
      let malformed = Atomic(0)
    }

    init(_ context: borrowing Context, _ isKnown: @escaping @Sendable (ZAPRequest) -> Bool) throws {
      let (bound, state, stop) = (DispatchSemaphore(value: 0), State(), try Wakeup())
      let share = Mutex<Context?>(context.share())
      thread = try SocketThread(name: "zap") {
        let own = share.withLock { $0.take() }
        do throws(ZeroMQError) {
          guard let own else { return }
          var handler = try ZAPHandler(own, stop: stop)
          bound.signal()
          try handler.run(
            isStopped: { state.isStopped.load(ordering: .acquiring) },
            decide: { isKnown($0) ? .accepted(userID: Self.user($0)) : .refused },
            onMalformed: { state.malformed.add(1, ordering: .relaxed) })
        } catch { bound.signal() }
      }
      bound.wait()
      (self.stop, self.state) = (stop, state)
    }

    static func user(_ request: ZAPRequest) -> String {
      if case .curve(let key) = request.mechanism { key.text } else { "@plain" }
    }

    consuming func end() {
      state.isStopped.store(true, ordering: .releasing)
      stop.signal()
      thread.join()
    }
  }

  /// A socket behind keys.
  private struct Guarded<Kind: SocketKind>: ~Copyable {
    var socket: Socket<Kind>
    let end: Endpoint

    init(_ context: borrowing Context, _ keys: KeyPair, options: [SocketOption<Kind>] = []) throws {
      var socket = try Socket<Kind>(
        context, linger: .none,
        options: SocketOption<Kind>.zapDomain("test") + SocketOption<Kind>.curveServer(keys) + options)
      end = try socket.bind(.tcp(host: "127.0.0.1", port: 0))
      self.socket = socket
    }
  }

  // MARK: Keys

  /// ZeroMQ RFC 32's own example, and libzmq's own pairs.
  @Test func keysAreZ85AndBelongTogether() throws {
    #expect(hasCurve)
    for _ in 0..<20 {
      let pair = try KeyPair.generate()
      #expect(PublicKey(pair.publicKey.text) == pair.publicKey)
      #expect(SecretKey(pair.secretKey.text)?.text == pair.secretKey.text)
      #expect(try pair.secretKey.publicKey() == pair.publicKey)
    }
    // The keys of RFC 26's test server, as czmq and libzmq print them.
    let secret = try #require(SecretKey("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"))
    #expect(try secret.publicKey().text == "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7")
  }

  @Test(arguments: [
    "", "x", String(repeating: "0", count: 39), String(repeating: "0", count: 41),
    String(repeating: "0", count: 39) + "\"", String(repeating: "#", count: 40),
    String(repeating: "0", count: 38) + "é",
  ]) func whatIsNoKeyIsRefused(text: String) {
    #expect(PublicKey(text) == nil)
    #expect(SecretKey(text) == nil)
  }

  /// Whoever prints, dumps or interpolates a secret gets nothing of it.
  @Test func aSecretIsNeverWritten() throws {
    let pair = try KeyPair.generate()
    var dumped = ""
    dump(pair, to: &dumped)
    for said in ["\(pair)", "\(pair.secretKey)", String(reflecting: pair), dumped] {
      #expect(!said.contains(pair.secretKey.text))
    }
    #expect(dumped.contains("(secret)"))
  }

  // MARK: The door

  @Test func aKnownKeyIsLetInAndOthersAreNot() throws {
    let context = try Context()
    let (server, known) = (try KeyPair.generate(), try KeyPair.generate())
    let handler = try Handler(context) { $0.mechanism == .curve(known.publicKey) && $0.domain == "test" }
    let guarded = try Guarded<Router>(context, server)
    let end = guarded.end
    let probe = { (keys: KeyPair?) throws(ZeroMQError) in
      try HandshakeProbe.connect(
        context, as: Dealer.self, to: end, keys: keys.map { ($0, server.publicKey) }, patience: 10_000)
    }
    #expect(try probe(known) == .connected)
    #expect(try probe(KeyPair.generate()) == .refused(status: 400))
    #expect(try probe(nil) == .failed)
    handler.end()
    _ = consume guarded
  }

  /// Without option 93 libzmq lets everybody in once no handler answers.
  @Test func noHandlerMeansNobody() throws {
    let context = try Context()
    let (server, known) = (try KeyPair.generate(), try KeyPair.generate())
    let handler = try Handler(context) { _ in true }
    let guarded = try Guarded<Router>(context, server)
    let end = guarded.end
    let probe = { () throws(ZeroMQError) in
      try HandshakeProbe.connect(
        context, as: Dealer.self, to: end, keys: (known, server.publicKey), patience: 2_000)
    }
    #expect(try probe() == .connected)
    handler.end()
    #expect(try probe() != .connected)
    _ = consume guarded
  }

  @Test func everyMessageBearsItsSender() throws {
    let context = try Context()
    let (server, first, second) = (try KeyPair.generate(), try KeyPair.generate(), try KeyPair.generate())
    let handler = try Handler(context) { _ in true }
    let guarded = try Guarded<Router>(
      context, server, options: [.receiveTimeout(milliseconds: 10_000)])
    let end = guarded.end
    var message = Multipart(isRouted: true)
    for keys in [first, second, first] {
      let client = try Socket<Dealer>(
        context, linger: .milliseconds(1_000),
        options: SocketOption<Dealer>.curveClient(keys, server: server.publicKey))
      try client.connect(end)
      for frames in [[[1]], [[2], [], [3]], [[UInt8]](repeating: [4], count: 30)] as [[[UInt8]]] {
        #expect(try client.send(message: frames))
        _ = try guarded.socket.receive(into: &message, wait: true)
        #expect(message.userID.map { String(decoding: $0, as: UTF8.self) } == keys.publicKey.text)
      }
    }
    handler.end()
  }

  /// A peer cannot call itself somebody: the handler's word comes first, and without a handler there is none to
  /// trust.
  @Test func plainMessagesHaveNoSender() throws {
    let context = try Context()
    var socket = try Socket<Router>(
      context, linger: .none, options: [.receiveTimeout(milliseconds: 10_000)])
    let end = try socket.bind(.tcp(host: "127.0.0.1", port: 0))
    let client = try Socket<Dealer>(context, linger: .milliseconds(1_000))
    try client.connect(end)
    #expect(try client.send(message: [[1]]))
    var message = Multipart(isRouted: true)
    #expect(try socket.receive(into: &message, wait: true) == .message)
    #expect(message.userID == nil)
  }

  /// What is no request is answered 500, counted, and the handler goes on.
  @Test func malformedRequestsAreCounted() throws {
    let context = try Context()
    let handler = try Handler(context) { _ in false }
    let client = try Socket<Dealer>(context, linger: .none, options: [.receiveTimeout(milliseconds: 10_000)])
    try client.connect(.inproc(name: "zeromq.zap.01"))
    let curve = [[], Array("1.0".utf8), [7], Array("d".utf8), [], [], Array("CURVE".utf8)] as [[UInt8]]
    let requests: [[[UInt8]]] = [
      [[1]], [[], Array("2.0".utf8), [7], [], [], [], []], curve, curve + [[1, 2]],
      curve + [[UInt8](repeating: 0, count: 32)],
    ]
    var message = Multipart()
    var statuses: [String] = []
    for request in requests {
      #expect(try client.send(message: request))
      #expect(try client.receive(into: &message, wait: true) == .message)
      statuses.append(message.withFrame(3) { String(decoding: $0, as: UTF8.self) })
    }
    #expect(statuses == ["500", "500", "500", "500", "400"])
    handler.end()
    _ = consume client
  }

  /// Options are copied into a listener when it is bound: plain ipc and CURVE on tcp may share a socket.
  @Test func oneSocketMayHaveTwoDoors() throws {
    let context = try Context()
    let (server, known) = (try KeyPair.generate(), try KeyPair.generate())
    let handler = try Handler(context) { request in
      request.domain == "plain" ? request.mechanism == .null : request.mechanism == .curve(known.publicKey)
    }
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("tm-\(UUID().uuidString.prefix(8))").path
    var socket = try Socket<Router>(
      context, linger: .none, options: SocketOption<Router>.zapDomain("plain"))
    let ipc = try socket.bind(.ipc(path: path + "/s"))
    defer { do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record(error) } }
    for option in SocketOption<Router>.zapDomain("keys") + SocketOption<Router>.curveServer(server) {
      try socket.set(option)
    }
    let tcp = try socket.bind(.tcp(host: "127.0.0.1", port: 0))
    let probe = { (end: Endpoint, keys: KeyPair?) throws(ZeroMQError) in
      try HandshakeProbe.connect(
        context, as: Dealer.self, to: end, keys: keys.map { ($0, server.publicKey) }, patience: 10_000)
    }
    #expect(try probe(ipc, nil) == .connected)
    #expect(try probe(ipc, known) == .failed)
    #expect(try probe(tcp, known) == .connected)
    #expect(try probe(tcp, nil) == .failed)
    handler.end()
  }
}
