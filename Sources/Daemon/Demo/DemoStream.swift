import Events
import Foundation
import Wire
import ZeroMQ

/// The demonstration's two sockets: events go out, and what answers each is awaited.
struct DemoStream: ~Copyable {
  /// One output of the demonstration's model.
  struct Received {
    let type: String
    let data: [String: Any]

    var isAlert: Bool { type.hasPrefix("tidemark.alert.") }
    var isDecision: Bool { type.hasPrefix("tidemark.decision.") }

    /// The last output that an hour's events cause: the decision, or the assessment that there is none.
    var endsHour: Bool {
      isDecision || type == "tidemark.assessment.retrain.v1" && data["should_retrain"] as? Bool == false
    }

    /// The output in words; nil for assessments.
    var text: String? {
      let word = { (key: String) in data[key] as? String ?? "?" }
      let number = { (key: String) in String(format: "%.2f", data[key] as? Double ?? .nan) }
      if isDecision {
        return "retrain  \((data["trigger_reasons"] as? [String] ?? []).joined(separator: "; "))"
      }
      guard isAlert else { return nil }
      let change = type.split(separator: ".")[2]
      let top = (data["top_k"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
      return "\(change)  \(word("type")), \(word("severity")): \(number("value")) against "
        + "\(number("threshold"))" + (top.isEmpty ? "" : " (\(top.joined(separator: ", ")))")
    }
  }

  private let events: Socket<ExtendedPublisher>
  private let outputs: Socket<Subscriber>
  private var message = Multipart()
  private var hour = 0
  private(set) var sent = 0

  /// Receives to try, each with the subscriber's receive timeout.
  private static let attempts = 100

  private static let model = ModelKey(name: ModelName("demo")!)
  private static let source = SourceName("demo")!
  /// 2026-01-01T00:00:00Z
  private static let start = Timestamp(nanoseconds: 1_767_225_600_000_000_000)
  private static let columns = 4

  init(events: consuming Socket<ExtendedPublisher>, outputs: consuming Socket<Subscriber>) {
    self.events = events
    self.outputs = outputs
  }

  /// Publishes measurements of a model `probe` until one is answered: then our subscription has
  /// reached the daemon, and nothing that follows is missed.
  mutating func join() throws(ZeroMQError) -> Bool {
    let probe = ModelKey(name: ModelName("probe")!)
    for attempt in 1...Self.attempts {
      try send(.metrics(Metrics(accuracy: 1)), of: probe, hour: 0, id: "probe-\(attempt)")
      if try outputs.receive(into: &message, wait: true) == .message { return true }
    }
    return false
  }

  mutating func publishBaseline(
    _ random: inout SeededNoise, shift: Double, accuracy: Double
  ) throws(ZeroMQError) {
    let features = Self.batch(&random, rows: 1_000, shift: shift)
    sent += 1
    try send(
      .baseline(BaselineUpdate(accuracy: accuracy, features: features)), of: Self.model, hour: hour,
      id: "event-\(sent)")
  }

  /// Publishes one hour of the model and waits for all that answers it; nil when it stays away.
  mutating func serve(
    _ random: inout SeededNoise, hour: Int, shift: Double, accuracy: Double
  ) throws(ZeroMQError) -> [Received]? {
    self.hour = hour
    let metrics = Metrics(accuracy: accuracy, latencyMilliseconds: 40 + 3 * random.normal())
    sent += 2
    try send(.metrics(metrics), of: Self.model, hour: hour, id: "event-\(sent - 1)")
    try send(
      .features(Self.batch(&random, rows: 200, shift: shift)), of: Self.model, hour: hour, id: "event-\(sent)"
    )

    var received: [Received] = []
    for _ in 0..<Self.attempts {
      while try outputs.receive(into: &message, wait: true) == .message {
        guard let output = read() else { continue }
        received.append(output)
        if output.endsHour { return received }
      }
    }
    return nil
  }

  private func send(_ body: EventBody, of model: ModelKey, hour: Int, id: String) throws(ZeroMQError) {
    let header = EventHeader(
      id: .text(id), origin: Origin(source: Self.source, model: model),
      time: Self.start.advanced(by: .seconds(3600 * hour)))
    var encoder = EventEncoder()
    guard let (topic, body) = encoder.encode(Event(header: header, body: body)) else { return }
    _ = try events.send(topic, more: true)
    _ = try events.send(body, more: false)
  }

  private static func batch(_ random: inout SeededNoise, rows: Int, shift: Double) -> FeatureBatch {
    // The shift is in one column of four, so that the alert can name it.
    let values = (0..<rows * columns).map { random.normal() + ($0 % columns == 1 ? shift : 0) }
    return FeatureBatch(
      names: FeatureNames(["age", "amount", "distance", "tenure"]),
      matrix: Matrix(rows: rows, columns: columns, values: values))
  }

  private func read() -> Received? {
    let data = message.withFrame(message.frameCount - 1) { Data($0) }
    guard let event = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      event["subject"] as? String == Self.model.name.text, let type = event["type"] as? String,
      let data = event["data"] as? [String: Any]
    else { return nil }
    return Received(type: type, data: data)
  }
}
