import Events
import Journal
import Wire

/// What goes out under the daemon's own name: each publication as the message that is stored, sent, and sent
/// again to whoever fetches it, byte for byte.
struct Outbox {
  private var encoder: PublicationEncoder
  private var numbering: Numbering
  private var header = [UInt8](repeating: 0, count: FramedHeader.size)

  init(name: SourceName, epoch: UInt64, last: UInt64 = 0, lastOfTopic: [[UInt8]: UInt64] = [:]) {
    encoder = PublicationEncoder(name: name)
    numbering = Numbering(source: name, epoch: epoch, last: last, lastOfTopic: lastOfTopic)
  }

  var epoch: UInt64 { numbering.epoch }

  /// Takes the next number for `publication`.
  mutating func add(_ publication: Publication, at now: Timestamp) -> StoredMessage {
    encoder.encodeTopic(of: publication)
    encoder.encodeBody(of: publication, at: now)
    let header = numbering.next(
      publication.output.kind, topic: encoder.topic, eventTime: publication.time, at: now)
    return StoredMessage(
      number: header.number, topic: encoder.topic, header: header.bytes, body: encoder.body, time: now,
      subject: publication.correlation, closesSubject: publication.output.isEnd)
  }
}

extension Output {
  /// Whether it is the last word on an alert or a decision.
  fileprivate var isEnd: Bool {
    switch self {
    case .alert(let transition): transition.change == .resolved
    case .decisionChange(let change): change.isFinal
    // Nothing follows what is asked of nobody.
    case .decision(let decision): decision.isDryRun
    case .performance, .drift, .retrain, .keep: true
    }
  }
}

/// The numbers of one source's messages, and for each topic the last of them.
struct Numbering {
  let source: SourceName
  let epoch: UInt64
  private(set) var last: UInt64
  /// At most three topics a model, of at most 200 bytes.
  private var lastOfTopic: [[UInt8]: UInt64]

  init(source: SourceName, epoch: UInt64, last: UInt64 = 0, lastOfTopic: [[UInt8]: UInt64] = [:]) {
    self.source = source
    self.epoch = epoch
    self.last = last
    self.lastOfTopic = lastOfTopic
  }

  mutating func next(
    _ kind: FramedHeader.Kind, topic: [UInt8], eventTime: Timestamp, at now: Timestamp
  ) -> FramedHeader {
    last += 1
    let place = lastOfTopic.index(forKey: topic)
    let previous = place.map { lastOfTopic.values[$0] } ?? 0
    if let place {
      lastOfTopic.values[place] = last
    } else {
      // A copy, since the encoder writes the next topic into this array's memory.
      lastOfTopic[topic.map(\.self)] = last
    }
    return FramedHeader(
      kind: kind.rawValue, flags: last == 1 ? .firstOfEpoch : [], frames: 3, epoch: epoch, number: last,
      previous: previous, eventTime: eventTime.nanoseconds, sendTime: now.nanoseconds)
  }
}
