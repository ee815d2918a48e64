import Events
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing
import Wire
import ZeroMQ

@testable import Daemon

/// Who may do what, as values; and the doorkeeper in a daemon that serves.
@Suite(.serialized) struct SecurityTests {
  private static func client(
    _ name: String, _ keys: KeyPair, _ roles: ClientRoles = [.publish, .consume, .acknowledge],
    under prefix: String? = "*"
  ) -> AllowedClient {
    AllowedClient(
      name: name, key: keys.publicKey, roles: roles, sources: prefix.flatMap { SourcePrefix($0) })
  }

  // MARK: Values

  @Test func aListFindsItsKeysAndNoOthers() throws {
    for count in [0, 1, 2, 3, 100] {
      let pairs = try (0..<count).map { _ in try KeyPair.generate() }
      let list = AllowList(pairs.enumerated().map { Self.client("\($0)", $1) })
      for (index, pair) in pairs.enumerated() {
        #expect(list.client(of: pair.publicKey)?.name == "\(index)")
      }
      for _ in 0..<20 { #expect(try list.client(of: KeyPair.generate().publicKey) == nil) }
    }
    // Keys that differ in their last character alone.
    let pair = try KeyPair.generate()
    let list = AllowList([Self.client("a", pair)])
    for last in "0123456789abcdef" {
      let text = pair.publicKey.text.dropLast() + [last]
      guard let near = PublicKey(String(text)), near != pair.publicKey else { continue }
      #expect(list.client(of: near) == nil)
    }
  }

  @Test(arguments: [
    ("pod-1", "pod-1", true), ("pod-1", "pod-1/a", true), ("pod-1", "pod-12", false), ("pod-1", "pod", false),
    ("pod-", "pod-12", true), ("pod/", "pod/", true), ("pod/", "pod", false), ("pod", "pod.x", true),
    ("pod", "podé", false), ("é", "é/1", true), ("*", "anything", true), ("*a", "anything", false),
    ("a", "A", false), ("a b", "a b c", true),
    // One letter in two Unicode forms: bytes are compared.
    ("caf\u{e9}", "cafe\u{301}", false),
  ]) func aPrefixEndsWithAWord(prefix: String, source: String, covers: Bool) throws {
    #expect(try #require(SourcePrefix(prefix)).covers(source) == covers)
  }

  @Test func aPrefixIsNeverEmptyNorLongerThanASource() {
    #expect(SourcePrefix("") == nil)
    #expect(SourcePrefix(String(repeating: "a", count: 180)) != nil)
    #expect(SourcePrefix(String(repeating: "a", count: 181)) == nil)
  }

  @Test func handshakesHaveABurstAndThenARate() {
    var limit = HandshakeLimit()
    var now = Timestamp(nanoseconds: 1_000_000_000_000)
    func taken(_ key: String, of attempts: Int) -> Int {
      var count = 0
      for _ in 0..<attempts where limit.take(key, at: now) { count += 1 }
      return count
    }
    #expect(taken("a", of: 1_100) == 1_000)
    #expect(taken("b", of: 1) == 1, "each key has its own")
    now = now.advanced(by: .seconds(1))
    #expect(taken("a", of: 100) == 50)
    now = now.advanced(by: .seconds(3_600))
    #expect(taken("a", of: 1_100) == 1_000)
  }

  @Test func theGateLooksAtKeyRoleAndSource() throws {
    let pairs = try (0..<3).map { _ in try KeyPair.generate() }
    let clients = [
      Self.client("a", pairs[0], .publish, under: "a/"), Self.client("b", pairs[1], .consume, under: nil),
    ]
    let door = try Doorkeeper(try Self.settings(clients))
    var gate = Gate(door)
    func judge(_ pair: KeyPair?, _ source: String, _ body: EventBody) -> Reason? {
      do throws(Remark) {
        let sender = try Self.withUser(pair?.publicKey.text) { (user) throws(Remark) in try gate.sender(user)
        }
        try gate.admit(body, of: SourceName(source)!, from: sender)
        return nil
      } catch { return error.reason }
    }
    let metrics = EventBody.metrics(Metrics(accuracy: 1))
    let feedback = EventBody.feedback(
      Feedback(
        decision: DecisionID("rt-1"), report: .acked, attempt: nil, owner: "o", reason: nil, retryAfter: nil))
    #expect(judge(pairs[0], "a/1", metrics) == nil)
    #expect(judge(pairs[0], "b/1", metrics) == .sourceRefused)
    #expect(judge(pairs[0], "b/1", .head(Head())) == .sourceRefused)
    #expect(judge(pairs[0], "a/1", feedback) == .roleMissing)
    #expect(judge(pairs[1], "a/1", metrics) == .roleMissing)
    #expect(judge(pairs[2], "a/1", metrics) == .keyRefused)
    #expect(judge(nil, "a/1", metrics) == .keyRefused)
    door.replace(AllowList([Self.client("a", pairs[2], .publish, under: "b")]))
    #expect(judge(pairs[0], "a/1", metrics) == .keyRefused, "a name does not outlive its key")
    #expect(judge(pairs[2], "b/1", metrics) == nil)
    #expect(judge(pairs[2], "a/1", metrics) == .sourceRefused)
  }

  private static func withUser<Result>(
    _ text: String?, _ body: (UnsafeBufferPointer<UInt8>?) throws(Remark) -> Result
  ) throws(Remark) -> Result {
    guard let text else { return try body(nil) }
    let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
    defer { bytes.deallocate() }
    _ = bytes.initialize(from: text.utf8)
    return try body(UnsafeBufferPointer(bytes))
  }

  private static func settings(_ clients: [AllowedClient]) throws -> SecuritySettings {
    SecuritySettings(keys: try KeyPair.generate(), clients: AllowList(clients), clientsFile: "/dev/null")
  }

  // MARK: A daemon

  /// A daemon behind keys in this process, with a client that may do everything.
  private final class Rig {
    let door: Doorkeeper
    let keys: (admin: KeyPair, other: KeyPair)
    let server: PublicKey
    private let ended = DispatchSemaphore(value: 0)
    private let stop: StopSignal
    private let thread: Mutex<SocketThread?>
    let bound: Configuration.Sockets
    private let context: Context

    init() throws {
      keys = (try KeyPair.generate(), try KeyPair.generate())
      var configuration = Configuration(name: SourceName("door")!)
      let any = Endpoint.tcp(host: "127.0.0.1", port: 0)
      configuration.sockets.ingest = [any]
      configuration.sockets.output = [any]
      configuration.sockets.control = [any]
      configuration.sockets.isControlConfigured = true
      let settings = try SecurityTests.settings([
        SecurityTests.client("admin", keys.admin), SecurityTests.client("other", keys.other),
      ])
      configuration.security = settings
      server = settings.keys.publicKey
      stop = try StopSignal()
      let log = Logger(label: "tidemark") { _ in SwiftLogNoOpLogHandler() }
      let serving = try Serving(configuration: configuration, log: log, stop: stop)
      door = try #require(serving.door)
      let (account, failure) = (Box<Logger.Metadata>(), Box<ServeFailure>())
      let (ready, ended) = (DispatchSemaphore(value: 0), ended)
      let bound = Box<Configuration.Sockets>()
      thread = Mutex(
        try SocketThread(name: "serves") {
          do throws(ServeFailure) {
            let metadata = try serving.run { sockets in
              bound.value.withLock { $0 = sockets }
              ready.signal()
            }
            account.value.withLock { $0 = metadata }
          } catch {
            failure.value.withLock { $0 = error }
            ready.signal()
          }
          ended.signal()
        })
      ready.wait()
      self.bound = try #require(bound.value.withLock { $0 })
      (self.accountBox, self.failureBox) = (account, failure)
      context = try Context()
    }

    private final class Box<Value: Sendable>: Sendable {
      let value = Mutex<Value?>(nil)
    }
    private let accountBox: Box<Logger.Metadata>
    private let failureBox: Box<ServeFailure>

    func probe(_ pair: KeyPair) throws -> HandshakeProbe.Outcome {
      try HandshakeProbe.connect(
        context, as: ExtendedPublisher.self, to: bound.ingest[0], keys: (pair, server), patience: 10_000)
    }

    func publisher(_ pair: KeyPair) throws -> Socket<ExtendedPublisher> {
      let socket = try Socket<ExtendedPublisher>(
        context, linger: .milliseconds(1_000),
        options: [.refuseWhenFull, .receiveTimeout(milliseconds: 10_000), .sendTimeout(milliseconds: 10_000)]
          + SocketOption<ExtendedPublisher>.curveClient(pair, server: server))
      try socket.connect(bound.ingest[0])
      var message = Multipart()
      #expect(try socket.receive(into: &message, wait: true) == .message)
      return socket
    }

    func reader(_ pair: KeyPair, _ prefix: String) throws -> Socket<Subscriber> {
      let socket = try Socket<Subscriber>(
        context, linger: .none,
        options: [.subscribe(prefix), .receiveTimeout(milliseconds: 10_000)]
          + SocketOption<Subscriber>.curveClient(pair, server: server))
      try socket.connect(bound.output[0])
      return socket
    }

    /// What the daemon said at its end; it is stopped when it has not ended.
    func end() -> (account: Logger.Metadata?, failure: ServeFailure?) {
      stop.request()
      let running = thread.withLock { $0.take() }
      running?.join()
      return (accountBox.value.withLock { $0 }, failureBox.value.withLock { $0 })
    }

    /// Whether it ended by itself; a daemon that goes on fails the test and does not hang it.
    func endsByItself() -> Bool { ended.wait(timeout: .now() + 20) == .success }

    deinit { _ = end() }
  }

  private static func metrics(_ source: String, _ id: Int) throws -> [[UInt8]] {
    let header = EventHeader(
      id: .text("\(id)"), origin: Origin(source: SourceName(source)!, model: ModelKey(name: ModelName("m")!)))
    var encoder = EventEncoder()
    let encoded = encoder.encode(Event(header: header, body: .metrics(Metrics(accuracy: 0.9))))
    let (topic, body) = try #require(encoded)
    return [topic, body]
  }

  /// New connections are refused at once, and messages of connections that stand from then on.
  @Test func aRevokedKeyIsRefusedAtTheDoorAndBehindIt() throws {
    let rig = try Rig()
    let admin = try rig.publisher(rig.keys.admin)
    let other = try rig.publisher(rig.keys.other)
    let reader = try rig.reader(rig.keys.admin, "assessment/")
    var message = Multipart()
    var poller = Poller()
    _ = poller.add(reader)
    var number = 0
    // The subscription is in force once an assessment arrives.
    func isServed(_ publisher: borrowing Socket<ExtendedPublisher>, _ source: String) throws -> Bool {
      number += 1
      #expect(try publisher.send(message: try Self.metrics(source, number)))
      _ = try poller.wait(milliseconds: 20)
      return try reader.receive(into: &message) == .message
    }
    while try !isServed(other, "other") {}
    rig.door.replace(AllowList([Self.client("admin", rig.keys.admin)]))
    #expect(try rig.probe(rig.keys.other) == .refused(status: 400))
    #expect(try rig.probe(rig.keys.admin) == .connected)
    for index in 0..<10 { #expect(try other.send(message: try Self.metrics("revoked", 10_000 + index))) }
    // Nothing that its connection brings is taken any more, while others are served.
    while try !isServed(admin, "admin") {}
    let (account, failure) = rig.end()
    #expect(failure == nil)
    let refused = Int(account?["key_refused"]?.description ?? "") ?? 0
    #expect(refused >= 1)
    _ = consume admin
    _ = consume other
  }

  /// A reader whose key is taken back is cut; the others come back by themselves.
  @Test func aRevokedReaderIsCutAndOthersReadOn() throws {
    let rig = try Rig()
    let admin = try rig.reader(rig.keys.admin, "head/")
    let other = try rig.reader(rig.keys.other, "head/")
    var message = Multipart()
    #expect(try other.receive(into: &message, wait: true) == .message)
    #expect(try admin.receive(into: &message, wait: true) == .message)
    rig.door.replace(AllowList([Self.client("admin", rig.keys.admin)]))
    // What was on its way to either may still come; then heads come to one alone.
    var late = 1
    for _ in 0..<10 where late > 0 {
      late = 0
      for _ in 0..<4 { #expect(try admin.receive(into: &message, wait: true) == .message) }
      while try other.receive(into: &message) == .message { late += 1 }
    }
    #expect(late == 0, "heads go on to a reader that was cut")
    #expect(rig.end().failure == nil)
    _ = consume admin
    _ = consume other
  }

  /// The thread that is asked about connections is gone: nobody new is let in, and the daemon ends rather than go on.
  @Test func aDaemonWhoseHandlerDiesEnds() throws {
    let rig = try Rig()
    #expect(try rig.probe(rig.keys.admin) == .connected)
    rig.door.stop()
    #expect(rig.endsByItself())
    let (account, failure) = rig.end()
    #expect(account == nil)
    #expect(failure?.status == .system)
    #expect(failure?.description.contains("the authentication handler has ended") == true)
  }

  /// Without a handler that answers, the daemon does not say that it is ready.
  @Test func aDaemonThatCannotTryItselfDoesNotStart() throws {
    let context = try Context()
    let settings = try Self.settings([])
    let door = try Doorkeeper(settings)
    var socket = try Socket<Subscriber>(context, linger: .none)
    let binding = SocketBinding(security: settings)
    var bound = Configuration(name: SourceName("x")!).sockets
    (bound.output, bound.control, bound.reliable) = ([], [], [])
    bound.ingest = try binding.bind(&socket, [.tcp(host: "127.0.0.1", port: 0)], as: .ingest)
    #expect(throws: ServeFailure.self) { try door.testItself(context, bound) }
    try door.start(context)
    #expect(throws: Never.self) { try door.testItself(context, bound) }
    door.stop()
    // And one that lets in whoever asks: bound without its keys.
    var open = try Socket<Subscriber>(context, linger: .none)
    bound.ingest = [try open.bind(.tcp(host: "127.0.0.1", port: 0))]
    #expect(throws: ServeFailure.self) { try door.testItself(context, bound) }
    _ = consume socket
    _ = consume open
  }
}
