package import Events

/// An alert or decision of the daemon's durable numbering, as it was sent.
package struct SinkMessage: Sendable, Equatable {
  /// From 1, one more with each message.
  package var number: UInt64
  /// When it was made, by arrival time.
  package var time: Timestamp
  /// `KIND/MODEL/VERSION/NAME`, percent-encoded.
  package var topic: [UInt8]
  /// One CloudEvent as JSON.
  package var body: [UInt8]

  /// The arrays are shared, not copied.
  package init(number: UInt64, time: Timestamp, topic: [UInt8], body: [UInt8]) {
    (self.number, self.time, self.topic, self.body) = (number, time, topic, body)
  }
}

/// Messages from a place on.
package struct SinkBatch: Sendable, Equatable {
  /// In the order of their numbers.
  package var messages: [SinkMessage]
  /// Every number up to here is among them, was before them, or is lost.
  package var end: UInt64
  /// Numbers that are kept nowhere any more.
  package var lost: UInt64

  package init(messages: [SinkMessage], end: UInt64, lost: UInt64 = 0) {
    (self.messages, self.end, self.lost) = (messages, end, lost)
  }
}

/// What the journal keeps, for a sink that was away or is behind. Either call may take milliseconds and is made
/// on the sink's own thread.
package struct SinkBacklog: Sendable {
  /// What reading gives.
  package enum Failure: Error, Equatable {
    /// In words for a person; the same call may succeed later.
    case unreadable(String)
  }

  /// The numbering of the journal: when it was begun.
  package let epoch: UInt64
  /// At most so many messages from above a number on.
  package let read: @Sendable (_ after: UInt64, _ limit: Int) throws(Failure) -> SinkBatch
  /// Of what is open, at most so many messages from above a number on; nil for `next` when there are no more.
  package let readOpen:
    @Sendable (_ after: UInt64, _ limit: Int) throws(Failure) -> (messages: [SinkMessage], next: UInt64?)

  package init(
    epoch: UInt64,
    read: @escaping @Sendable (_ after: UInt64, _ limit: Int) throws(Failure) -> SinkBatch,
    readOpen:
      @escaping @Sendable (_ after: UInt64, _ limit: Int) throws(Failure) -> (
        messages: [SinkMessage], next: UInt64?
      )
  ) {
    (self.epoch, self.read, self.readOpen) = (epoch, read, readOpen)
  }
}
