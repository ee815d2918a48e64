import Events
import Wire

/// What serving processes have to tell of some models: figures that fall and recover, inputs that drift, new
/// baselines. Once all is to be well, everything is as it should be.
final class ModelSignals {
  private struct Model {
    let key: ModelKey
    var hasLowAccuracy = false
    var hasHighLatency = false
    var shift = 0.0
    var hasBaseline = false
  }

  private static let columns = 3

  private let world: World
  private var models: [Model]
  /// Whose turn it is once all is well.
  private var turn = 0
  var isHealthy = false

  init(_ world: World, models: [String]) {
    self.world = world
    self.models = models.map { Model(key: ModelKey(name: ModelName($0)!, version: ModelVersion("1")!)) }
  }

  /// What is told next, of which model.
  func next() -> (ModelKey, EventBody) {
    if isHealthy { return healthy() }
    let index = world.pick(models.count)
    if world.chance(60) { models[index].hasLowAccuracy.toggle() }
    if world.chance(40) { models[index].hasHighLatency.toggle() }
    if world.chance(50) { models[index].shift = [0, 0, 2.5, 9][world.pick(4)] }
    let model = models[index]
    switch world.pick(20) {
    case 0: return (model.key, baseline(index))
    case 1...5: return (model.key, batch(shift: model.shift))
    case 6: return (model.key, .metrics(Metrics(latencyMilliseconds: 30)))
    default:
      return (
        model.key,
        .metrics(
          Metrics(
            accuracy: model.hasLowAccuracy ? 0.5 + 0.2 * world.fraction() : 0.95,
            latencyMilliseconds: model.hasHighLatency ? 500 : 50))
      )
    }
  }

  private func healthy() -> (ModelKey, EventBody) {
    let index = turn % models.count
    let round = turn / models.count
    turn += 1
    let key = models[index].key
    switch round % 3 {
    case 0 where round == 0: return (key, baseline(index))
    case 1: return (key, batch(shift: 0))
    default: return (key, .metrics(Metrics(accuracy: 0.95, latencyMilliseconds: 50)))
    }
  }

  private func baseline(_ index: Int) -> EventBody {
    models[index].hasBaseline = true
    return .baseline(
      BaselineUpdate(accuracy: 0.95, features: FeatureBatch(names: nil, matrix: rows(24, shift: 0))))
  }

  private func batch(shift: Double) -> EventBody {
    .features(FeatureBatch(names: nil, matrix: rows(8, shift: shift)))
  }

  /// Evenly from -1 to 1 about the shift, so the deviation is 0.58; without chance once all is well, since that
  /// alone makes a drift now and then.
  private func rows(_ count: Int, shift: Double) -> Matrix {
    let values = (0..<count * Self.columns).map { (index) -> Double in
      if isHealthy { return index / Self.columns % 2 == 0 ? 1 : -1 }
      return 2 * world.fraction() - 1 + shift
    }
    return Matrix(rows: count, columns: Self.columns, values: values)
  }
}

/// A source that does not number: plain events with ids of their own.
struct PlainSource {
  let source: SourceName
  private var sent = 0
  private var encoder = EventEncoder()

  init(_ source: SourceName) { self.source = source }

  mutating func message(_ body: EventBody, of model: ModelKey, at time: Timestamp) -> Message {
    sent += 1
    let header = EventHeader(
      id: .text("event-\(sent)"), origin: Origin(source: source, model: model), time: time)
    guard let (topic, body) = encoder.encode(Event(header: header, body: body)) else {
      preconditionFailure("these bodies can be encoded")
    }
    return [topic, body]
  }
}

/// The numbers that a source gives, and its messages under them.
struct SourceNumbering {
  let source: SourceName
  private(set) var epoch: UInt64
  private(set) var last: UInt64 = 0
  private var lastOfTopic: [[UInt8]: UInt64] = [:]
  private var encoder = FramedEncoder()

  /// Ids of events are their numbers, and two sources that began at the same nanosecond would share them.
  private let offset: Int64

  /// - Parameter time: when it begins; the epoch, but for some nanoseconds that are the source's own.
  init(_ source: SourceName, at time: Timestamp) {
    self.source = source
    offset = source.text.utf8.reduce(0) { $0 * 256 + Int64($1) } % 100_003
    epoch = UInt64(clamping: time.advanced(byNanoseconds: offset).nanoseconds)
  }

  /// A restart that kept nothing.
  mutating func begin(at time: Timestamp) {
    (epoch, last) = (UInt64(clamping: time.advanced(byNanoseconds: offset).nanoseconds), 0)
    lastOfTopic = [:]
  }

  /// Gives the next number.
  ///
  /// - Parameter isDamaged: its descriptor is none, so that it is refused under its number.
  mutating func number(
    _ body: EventBody, of model: ModelKey, at time: Timestamp, isDamaged: Bool = false
  ) -> Message {
    let sequence = SequenceNumber(epoch: epoch, number: last + 1)
    let origin = Origin(source: source, model: model)
    let event = Event(
      header: EventHeader(origin: origin, sequence: sequence, time: time, sentAt: time), body: body)
    let topic = FramedEncoder.topic(body.kind ?? .metrics, origin)
    let frames = encoder.encode(event, previous: lastOfTopic[topic] ?? 0, sendTime: time.nanoseconds)
    guard var frames else { preconditionFailure("these bodies can be encoded") }
    if isDamaged { frames[2] = Array("{".utf8) }
    last += 1
    lastOfTopic[topic] = last
    return frames
  }

  /// A head or bye.
  mutating func sign(_ body: EventBody, at time: Timestamp) -> Message {
    let event = Event(
      header: EventHeader(
        origin: Origin(source: source, model: .unspecified),
        sequence: SequenceNumber(epoch: epoch, number: last), time: time, sentAt: time), body: body)
    guard let frames = encoder.encode(event, previous: 0, sendTime: time.nanoseconds) else {
      preconditionFailure("heads can be encoded")
    }
    return frames
  }
}
