/// One event of a serving process, decoded: who says it, of which model, when, and what.
package struct Event: Sendable {
  package var header: EventHeader
  package var body: EventBody

  package init(header: EventHeader, body: EventBody) {
    self.header = header
    self.body = body
  }
}

/// What every event bears, whatever its kind (CloudEvents 1.0 context attributes).
package struct EventHeader: Sendable {
  /// With `source`, the key for deduplication.
  package var id: String
  package var source: SourceName
  package var model: ModelKey
  /// When it happened, in the producer's words; nil means on arrival.
  package var time: Timestamp?
  /// Its number in the producer's stream; nil for producers that do not count.
  package var sequence: SequenceNumber?
  /// W3C trace context, handed on to what this event causes.
  package var traceParent: String?

  package init(
    id: String, source: SourceName, model: ModelKey, time: Timestamp? = nil,
    sequence: SequenceNumber? = nil, traceParent: String? = nil
  ) {
    self.id = id
    self.source = source
    self.model = model
    self.time = time
    self.sequence = sequence
    self.traceParent = traceParent
  }
}

/// A place in a source's stream.
package struct SequenceNumber: Hashable, Sendable {
  /// When this numbering began, by the source's clock (unix ns); 0 when it does not say.
  package var epoch: UInt64
  /// From 1, one more for each message.
  package var number: UInt64

  package init(epoch: UInt64, number: UInt64) {
    self.epoch = epoch
    self.number = number
  }
}

/// The kinds of event that are taken in; one file each in `Kinds`.
package enum EventBody: Sendable {
  case metrics(Metrics)
  case features(FeatureBatch)
  case baseline(BaselineUpdate)
  /// The header was read but the rest must be refused. It reaches the engine all the same, since
  /// the message was received: its sequence number leaves no gap.
  case refused(Remark)
}
