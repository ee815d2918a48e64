import Events
import Foundation
import Synchronization
import TestSupport
import Testing
import Wire
import ZeroMQ

@testable import Daemon

/// The daemon's loop in this process, over real sockets; also what the sanitizers run.
@Suite(.serialized) struct ServingTests {
  /// A daemon, a publisher that it has subscribed to, and a subscriber.
  private final class Rig {
    let daemon: LocalDaemon
    private let publisher: Socket<ExtendedPublisher>
    private let subscriber: Socket<Subscriber>
    private var message = Multipart()

    init(_ configuration: Configuration? = nil, subscribe: String = "") throws {
      daemon = try LocalDaemon(configuration)
      let endpoints = try #require(daemon.waitUntilReady())
      let context = try Context()
      subscriber = try Socket<Subscriber>(
        context, linger: .none, options: [.subscribe(subscribe), .receiveTimeout(milliseconds: 10_000)])
      try subscriber.connect(endpoints.output)
      publisher = try Socket<ExtendedPublisher>(
        context, linger: .milliseconds(1_000),
        options: [.refuseWhenFull, .receiveTimeout(milliseconds: 10_000), .sendTimeout(milliseconds: 10_000)])
      try publisher.connect(endpoints.ingest)
      #expect(try publisher.receive(into: &message, wait: true) == .message)
    }

    deinit { daemon.stop() }

    func send(_ frames: [[UInt8]]) throws {
      for (index, frame) in frames.enumerated() {
        #expect(try publisher.send(frame, more: index < frames.count - 1, wait: true))
      }
    }

    func send(_ model: String, accuracy: Double, id: Int) throws {
      let header = EventHeader(
        id: .text("\(id)"),
        origin: Origin(source: SourceName("test")!, model: ModelKey(name: ModelName(model)!)))
      var encoder = EventEncoder()
      let encoded = encoder.encode(Event(header: header, body: .metrics(Metrics(accuracy: accuracy))))
      let (topic, body) = try #require(encoded)
      try send([topic, body])
    }

    func receive() throws -> (topic: String, event: JSON) {
      #expect(try subscriber.receive(into: &message, wait: true) == .message)
      return try read()
    }

    private func read() throws -> (topic: String, event: JSON) {
      let topic = message.withFrame(0) { String(decoding: $0, as: UTF8.self) }
      return (topic, try JSON(bytes: message.withFrame(message.frameCount - 1) { Array($0) }))
    }

    /// Sends alternating measurements of `model` until what they cause arrives here: then our
    /// subscription has reached the daemon.
    func sendUntilHeard(_ model: String) throws -> (topic: String, event: JSON) {
      for attempt in 0..<100_000 {
        try send(model, accuracy: attempt % 2 == 0 ? 0 : 1, id: attempt)
        guard try subscriber.receive(into: &message) == .message else { continue }
        return try read()
      }
      throw Unheard()
    }
    private struct Unheard: Error {}

    /// Publishes large feature batches until `stop` is set; signals `many` once a queue's worth is sent.
    func flood(until stop: borrowing Mutex<Bool>, many: DispatchSemaphore) throws {
      let rows = [[Double]](repeating: (0..<200).map { Double($0) / 7 }, count: 200)
      let matrix = Matrix(rows: 200, columns: 200, values: rows.flatMap(\.self))
      let header = EventHeader(
        id: .text("x"), origin: Origin(source: SourceName("flood")!, model: ModelKey(name: ModelName("m")!)))
      var encoder = EventEncoder()
      let encoded = encoder.encode(
        Event(header: header, body: .features(FeatureBatch(names: nil, matrix: matrix))))
      let (topic, body) = try #require(encoded)
      var sent = 0
      while !stop.withLock({ $0 }) {
        guard try publisher.send(topic, more: true) else { continue }
        _ = try publisher.send(body, more: false)
        sent += 1
        if sent == 100 { many.signal() }
      }
    }
  }

  @Test func alertsReachTheSubscriber() throws {
    let rig = try Rig(subscribe: "alert/m/")
    let (topic, event) = try rig.sendUntilHeard("m")
    #expect(topic == "alert/m/-/demo")
    #expect(event["source"].text == "demo" && event["data"]["monitor"].text == "accuracy")
    #expect(["tidemark.alert.opened.v1", "tidemark.alert.resolved.v1"].contains(event["type"].text))
  }

  /// Random frames, then a good event: it is answered, so nothing stopped the daemon.
  @Test func randomFramesStopNothing() throws {
    let rig = try Rig(subscribe: "alert/")
    var random = SeededGenerator(seed: 11)
    for _ in 0..<5_000 {
      let frames = (0..<Int.random(in: 1...20, using: &random)).map { _ in
        (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      }
      try rig.send(frames)
    }
    try rig.send("after", accuracy: 0, id: 1)
    #expect(try rig.receive().topic == "alert/after/-/demo")
  }

  /// Stopping under load: the daemon's thread ends while a publisher goes on sending large batches.
  @Test func stopsUnderLoad() throws {
    let rig = try Rig()
    let isOver = Mutex(false)
    let many = DispatchSemaphore(value: 0)
    let daemon = rig.daemon
    let elapsed = Mutex(Duration.zero)
    let thread = try SocketThread(name: "stops") {
      many.wait()
      elapsed.withLock { $0 = ContinuousClock().measure { daemon.stop() } }
      isOver.withLock { $0 = true }
    }
    try rig.flood(until: isOver, many: many)
    thread.join()
    #expect(elapsed.withLock { $0 } < .seconds(3))
  }

  @Test func daemonsComeAndGo() throws {
    for _ in 0..<5 {
      let daemon = try LocalDaemon()
      #expect(daemon.waitUntilReady() != nil)
      daemon.stop()
      daemon.stop()
    }
  }
}
