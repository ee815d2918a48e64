import Events
import Foundation
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
        id: "\(id)", source: SourceName("test")!, model: ModelKey(name: ModelName(model)!))
      var encoder = EventEncoder()
      let encoded = encoder.encode(Event(header: header, body: .metrics(Metrics(accuracy: accuracy))))
      let (topic, body) = try #require(encoded)
      try send([topic, body])
    }

    func receive() throws -> (topic: String, event: JSON) {
      #expect(try subscriber.receive(into: &message, wait: true) == .message)
      let topic = message.withFrame(0) { String(decoding: $0, as: UTF8.self) }
      return (topic, try JSON(bytes: message.withFrame(message.frameCount - 1) { Array($0) }))
    }

    /// Sends a measurement that opens an alert of model `model` until the alert arrives.
    func sendUntilHeard(_ model: String) throws {
      for attempt in 0..<100 {
        try send("\(model)\(attempt)", accuracy: 0, id: 1_000_000 + attempt)
        while true {
          guard try subscriber.receive(into: &message) == .message else { break }
          return
        }
      }
    }
  }

  @Test func alertsReachTheSubscriber() throws {
    let rig = try Rig(subscribe: "alert/m/")
    // Alerts are published whether anyone listens or not; send until our subscription has arrived.
    for id in 0..<10_000 {
      try rig.send("m", accuracy: id % 2 == 0 ? 0.1 : 1, id: id)
      if id > 200 { break }
    }
    let (topic, event) = try rig.receive()
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

  /// Stopping under load: the daemon's thread ends while a publisher still sends.
  @Test func stopsUnderLoad() throws {
    let rig = try Rig()
    for id in 0..<20_000 { try rig.send("m", accuracy: 1, id: id) }
    let clock = ContinuousClock()
    let elapsed = clock.measure { rig.daemon.stop() }
    #expect(elapsed < .seconds(3))
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
