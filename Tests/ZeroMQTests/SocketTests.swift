import Foundation
import Synchronization
import Testing
import ZeroMQ

/// Real libzmq sockets: what the wrapper promises, and the traps it keeps clear of.
@Suite struct SocketTests {
  /// A publisher and a subscriber that have found each other on `endpoint`.
  private struct Pair: ~Copyable {
    var publisher: Socket<ExtendedPublisher>
    var subscriber: Socket<Subscriber>
    var message = Multipart()

    init(
      _ context: borrowing Context, _ endpoint: String,
      options: [SocketOption<Subscriber>] = []
    ) throws {
      var subscriber = try Socket<Subscriber>(
        context, linger: .none, options: [.subscribe(""), .receiveTimeout(milliseconds: 10_000)] + options)
      let bound = try subscriber.bind(Endpoint(parsing: endpoint))
      let publisher = try Socket<ExtendedPublisher>(
        context, linger: .milliseconds(1_000),
        options: [.refuseWhenFull, .receiveTimeout(milliseconds: 10_000), .sendTimeout(milliseconds: 10_000)])
      try publisher.connect(bound)
      // Both sockets act only while their thread calls libzmq: polling both lets them shake hands.
      var poller = Poller()
      _ = poller.add(subscriber)
      _ = poller.add(publisher)
      #expect(try poller.wait(milliseconds: 10_000) == 1)
      #expect(try publisher.receive(into: &message) == .message, "the subscription")
      self.publisher = publisher
      self.subscriber = subscriber
    }

    func send(_ frames: [[UInt8]]) throws {
      for (index, frame) in frames.enumerated() {
        #expect(try publisher.send(frame, more: index < frames.count - 1, wait: true))
      }
    }

    mutating func receive() throws -> [[UInt8]] {
      #expect(try subscriber.receive(into: &message, wait: true) == .message)
      return (0..<message.frameCount).map { message.withFrame($0) { Array($0) } }
    }
  }

  private static func path(_ name: String) -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("tm-\(UUID().uuidString.prefix(8))-\(name)")
      .path
  }

  private static func remove(_ path: String) {
    for file in [path, path + ".lock"] { try? FileManager.default.removeItem(atPath: file) }
  }

  @Test(arguments: ["tcp://127.0.0.1:0", "inproc://pair", "ipc"]) func messagesArriveWhole(kind: String)
    throws
  {
    let path = Self.path("whole")
    defer { Self.remove(path) }
    let context = try Context()
    var pair = try Pair(context, kind == "ipc" ? "ipc://\(path)" : kind)
    // 33 bytes is the most that libzmq keeps inside zmq_msg_t, 8 KiB its receive buffer.
    for size in [0, 1, 32, 33, 34, 8_191, 8_192, 8_193, 1 << 20] {
      let frames = [[UInt8]](
        arrayLiteral: [1], [UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size), [])
      try pair.send(frames)
      #expect(try pair.receive() == frames)
    }
  }

  @Test func portZeroReportsThePortChosen() throws {
    let context = try Context()
    var socket = try Socket<Subscriber>(context, linger: .none)
    guard case .tcp("127.0.0.1", let port) = try socket.bind(.tcp(host: "127.0.0.1", port: 0)) else {
      Issue.record("no tcp endpoint")
      return
    }
    #expect(port > 0)
  }

  /// Frames in the slots stay what they are until the next receive, small ones too.
  @Test func slotsAreStable() throws {
    let context = try Context()
    var pair = try Pair(context, "inproc://stable")
    let frames = (0..<Multipart.maximumFrames).map { [UInt8](repeating: UInt8($0), count: 1 + $0 * 3) }
    try pair.send(frames)
    _ = try pair.receive()
    for _ in 0..<3 {
      for (index, frame) in frames.enumerated() {
        pair.message.withFrame(index) { #expect(Array($0) == frame) }
      }
    }
  }

  /// Past its slots a message is drained to its end and counted; the next one is whole.
  @Test(arguments: [17, 1_000]) func tooManyFramesAreDrained(count: Int) throws {
    let context = try Context()
    var pair = try Pair(context, "tcp://127.0.0.1:0")
    try pair.send([[UInt8]](repeating: [7], count: count))
    try pair.send([[1], [2]])
    #expect(try pair.subscriber.receive(into: &pair.message, wait: true) == .tooManyFrames(count))
    #expect(pair.message.frameCount == Multipart.maximumFrames)
    #expect(try pair.receive() == [[1], [2]])
  }

  @Test func emptySocketSaysNothing() throws {
    let context = try Context()
    var pair = try Pair(context, "inproc://empty")
    #expect(try pair.subscriber.receive(into: &pair.message) == .nothing)
    #expect(pair.message.frameCount == 0)
  }

  /// A frame above ZMQ_MAXMSGSIZE costs the peer its connection, so ours is twice the application's.
  @Test func oversizeFrameCutsTheConnection() throws {
    let context = try Context()
    var pair = try Pair(
      context, "tcp://127.0.0.1:0", options: [.maximumFrameSize(1_000), .receiveTimeout(milliseconds: 300)])
    try pair.send([[UInt8](repeating: 1, count: 1_001)])
    #expect(try pair.subscriber.receive(into: &pair.message, wait: true) == .nothing)
  }

  // MARK: ipc paths

  @Test func secondBindOnALivePathIsRefused() throws {
    let path = Self.path("live")
    defer { Self.remove(path) }
    let context = try Context()
    var pair = try Pair(context, "ipc://\(path)")
    var thief = try Socket<Subscriber>(context, linger: .none)
    #expect(throws: ZeroMQError.self) { try thief.bind(.ipc(path: path)) }
    try pair.send([[1]])
    #expect(try pair.receive() == [[1]], "the first goes on")
  }

  /// Someone listens there who knows no lock file, such as an older program.
  @Test func pathWhereSomeoneListensIsRefused() throws {
    let path = Self.path("listener")
    defer { Self.remove(path) }
    let listener = try #require(UnixListener(path))
    let context = try Context()
    var socket = try Socket<Subscriber>(context, linger: .none)
    #expect(throws: ZeroMQError.self) { try socket.bind(.ipc(path: path)) }
    listener.close()
    // Its file is still there, but nobody listens: stale, and taken over.
    #expect(FileManager.default.fileExists(atPath: path))
    #expect(try socket.bind(.ipc(path: path)) == .ipc(path: path))
  }

  @Test func fileThatIsNoSocketIsLeftAlone() throws {
    let path = Self.path("file")
    defer { Self.remove(path) }
    try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
    let context = try Context()
    var socket = try Socket<Subscriber>(context, linger: .none)
    #expect(throws: ZeroMQError.self) { try socket.bind(.ipc(path: path)) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
  }

  @Test func socketFileIsForItsOwnerAlone() throws {
    let path = Self.path("mode")
    defer { Self.remove(path) }
    let context = try Context()
    var socket = try Socket<Subscriber>(context, linger: .none)
    _ = try socket.bind(.ipc(path: path))
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func boundPathIsFreeAgainOnceClosed() throws {
    let path = Self.path("again")
    defer { Self.remove(path) }
    for _ in 0..<3 {
      // libzmq closes a listener in the background; only the end of its context waits for that.
      let context = try Context()
      var socket = try Socket<Subscriber>(context, linger: .none)
      #expect(try socket.bind(.ipc(path: path)) == .ipc(path: path))
    }
  }

  // MARK: Life and death

  /// The context outlives whoever lets go of it first.
  @Test func contextMayGoBeforeItsSockets() throws {
    func socketOfAContextThatIsGone() throws -> Socket<Subscriber> {
      let context = try Context()
      return try Socket<Subscriber>(context, linger: .none)
    }
    var socket = try socketOfAContextThatIsGone()
    var message = Multipart()
    #expect(try socket.receive(into: &message) == .nothing)
    #expect(try socket.bind(.inproc(name: "alone")) == .inproc(name: "alone"))
  }

  @Test func shutdownEndsABlockingReceive() throws {
    let context = try Context()
    let isWaiting = DispatchSemaphore(value: 0)
    let ended = Mutex<ZeroMQError?>(nil)
    let thread = try makeReceivingThread(context, isWaiting) { error in ended.withLock { $0 = error } }
    isWaiting.wait()
    context.shutdown()
    thread.join()
    #expect(ended.withLock { $0 }?.isTermination == true)
  }

  private func makeReceivingThread(
    _ context: borrowing Context, _ isWaiting: DispatchSemaphore,
    _ ended: @escaping @Sendable (ZeroMQError) -> Void
  ) throws -> SocketThread {
    let share = context.share()
    return try SocketThread(name: "receives") {
      do throws(ZeroMQError) {
        let socket = try Socket<Subscriber>(share, linger: .none)
        var message = Multipart()
        isWaiting.signal()
        _ = try socket.receive(into: &message, wait: true)
      } catch {
        ended(error)
      }
    }
  }

  @Test func wakeupEndsAWait() throws {
    let wakeup = try Wakeup()
    var poller = Poller()
    let slot = poller.add(wakeup)
    #expect(try poller.wait(milliseconds: 0) == 0)
    let thread = try SocketThread(name: "wakes") { wakeup.signal() }
    #expect(try poller.wait(milliseconds: nil) == 1 && poller.isReadable(slot))
    thread.join()
    wakeup.drain()
    #expect(try poller.wait(milliseconds: 0) == 0)
  }

  /// More signals than a pipe holds neither block nor are needed.
  @Test func wakeupNeverBlocks() throws {
    let wakeup = try Wakeup()
    for _ in 0..<100_000 { wakeup.signal() }
    wakeup.drain()
    var poller = Poller()
    _ = poller.add(wakeup)
    #expect(try poller.wait(milliseconds: 0) == 0)
  }
}

/// A Unix-domain socket that listens, made without libzmq.
private struct UnixListener {
  private let descriptor: Int32

  init?(_ path: String) {
    #if canImport(Glibc)
      descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    #else
      descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0, listen(descriptor, 4) == 0 else { return nil }
  }

  func close() { _ = Foundation.close(descriptor) }
}
