/// One event of a serving process, decoded: who says it, of which model, when, and what.
package struct Event: Sendable {
  package var header: EventHeader
  package var body: EventBody

  @inlinable package init(header: EventHeader, body: EventBody) {
    self.header = header
    self.body = body
  }
}

extension EventBody {
  /// Whether it is a head or bye: a sign of life, which takes no number.
  package var isSign: Bool {
    switch self {
    case .head, .bye: true
    default: false
    }
  }
}

/// What every event bears, whatever its kind (CloudEvents 1.0 context attributes).
package struct EventHeader: Sendable {
  package let origin: Origin
  /// When it happened, in the producer's words; nil means on arrival.
  package var time: Timestamp?
  /// When it left the producer, by the producer's clock.
  package var sentAt: Timestamp?
  /// Its number in the producer's stream; nil for producers that do not count. In a head or bye, the
  /// last number used.
  package var sequence: SequenceNumber?
  /// W3C trace context, handed on to what this event causes.
  package var traceParent: String?
  /// Nil for one that its number names; every event passes by value, and this keeps it small.
  @usableFromInline let textID: String?

  /// - Parameter id: one of the kind `numbered` is the sequence number.
  package init(
    id: EventID, origin: Origin, time: Timestamp? = nil, sentAt: Timestamp? = nil,
    sequence: SequenceNumber? = nil, traceParent: String? = nil
  ) {
    if case .text(let text) = id { textID = text } else { textID = nil }
    self.origin = origin
    self.time = time
    self.sentAt = sentAt
    self.sequence = sequence
    self.traceParent = traceParent
  }

  /// With the source, the key for deduplication.
  package var id: EventID {
    textID.map(EventID.text) ?? .numbered(sequence ?? SequenceNumber(epoch: 0, number: 0))
  }
  /// A header whose event is named by its number.
  @inlinable package init(
    origin: Origin, sequence: SequenceNumber, time: Timestamp?, sentAt: Timestamp?
  ) {
    (textID, traceParent) = (nil, nil)
    self.origin = origin
    self.sequence = sequence
    self.time = time
    self.sentAt = sentAt
  }

  package var source: SourceName { origin.source }
  package var model: ModelKey { origin.model }
}

/// Who speaks of which model, shared by every event of one stream.
///
/// A steady stream repeats both, so decoders hand out one object for equal pairs, and whoever has looked
/// its model and source up once knows them by identity.
package final class Origin: Sendable, Equatable, CustomStringConvertible {
  package let source: SourceName
  package let model: ModelKey

  package init(source: SourceName, model: ModelKey) {
    self.source = source
    self.model = model
  }

  package static func == (left: Origin, right: Origin) -> Bool {
    left === right || left.source == right.source && left.model == right.model
  }

  package var description: String { "\(source) of \(model)" }
}

/// What names an event within its source.
package enum EventID: Hashable, Sendable, CustomStringConvertible {
  case text(String)
  /// The framed encoding's id: `EPOCH-NUMBER`, in decimal digits, spelled out only where it is written.
  case numbered(SequenceNumber)

  package var description: String {
    switch self {
    case .text(let text): text
    case .numbered(let sequence): "\(sequence.epoch)-\(sequence.number)"
    }
  }
}

/// A place in a source's stream.
package struct SequenceNumber: Hashable, Sendable {
  /// When this numbering began, by the source's clock (unix ns); 0 when it does not say.
  package var epoch: UInt64
  /// From 1, one more for each message.
  package var number: UInt64

  @inlinable package init(epoch: UInt64, number: UInt64) {
    self.epoch = epoch
    self.number = number
  }
}

/// The kinds of event that are taken in; one file each in `Kinds`.
package enum EventBody: Sendable {
  case metrics(Metrics)
  case features(FeatureBatch)
  indirect case baseline(BaselineUpdate)
  indirect case feedback(Feedback)
  /// A sign of life; its sequence number is the last one used.
  case head(Head)
  /// The clean end of a source's epoch, with what a head says.
  case bye(Head)
  /// A number that was taken and could not be filled: it leaves no gap and says nothing.
  case tombstone
  /// The header was read but the rest must be refused. It reaches the engine all the same, since
  /// the message was received: its sequence number leaves no gap.
  indirect case refused(Remark)
}
