package import Events

/// A message of the daemon's durable numbering as it was, or will be, sent.
package struct StoredMessage: Sendable, Equatable {
  /// From 1; larger than that of every message before it.
  package var number: UInt64
  package var topic: [UInt8]
  /// The framed header, 64 bytes.
  package var header: [UInt8]
  package var body: [UInt8]
  /// When it was made, by arrival time.
  package var time: Timestamp
  /// What it speaks of: the id of an alert's episode or of a decision. Messages of a subject that was not
  /// closed are kept beyond the outbox's retention and are what a snapshot gives.
  package var subject: String?
  /// Whether the subject is over with this message.
  package var closesSubject: Bool

  package init(
    number: UInt64, topic: [UInt8], header: [UInt8], body: [UInt8], time: Timestamp, subject: String? = nil,
    closesSubject: Bool = false
  ) {
    self.number = number
    self.topic = topic
    self.header = header
    self.body = body
    self.time = time
    self.subject = subject
    self.closesSubject = closesSubject
  }

  /// Bytes of its frames.
  package var byteCount: Int { topic.count + header.count + body.count }
}

/// A retrain decision as `tidemark history` tells it; the latest record of an id takes the place of those
/// before.
package struct DecisionRecord: Sendable, Equatable {
  package var id: String
  package var model: String
  package var version: String
  /// Nil keeps what the record before it says.
  package var issuedAt: Timestamp?
  package var state: String
  package var attempt: Int
  package var revision: UInt64
  package var owner: String?
  /// Nil keeps what the record before it says, of the coverage too.
  package var reasons: String?
  package var coverage: Double?
  package var changedAt: Timestamp
  package var isFinal: Bool

  package init(
    id: String, model: String, version: String, issuedAt: Timestamp?, state: String, attempt: Int,
    revision: UInt64, owner: String?, reasons: String?, coverage: Double?, changedAt: Timestamp, isFinal: Bool
  ) {
    self.id = id
    self.model = model
    self.version = version
    self.issuedAt = issuedAt
    self.state = state
    self.attempt = attempt
    self.revision = revision
    self.owner = owner
    self.reasons = reasons
    self.coverage = coverage
    self.changedAt = changedAt
    self.isFinal = isFinal
  }
}

/// Everything that is committed together.
package struct JournalTransaction: Sendable {
  /// In the order of their numbers.
  package var messages: [StoredMessage] = []
  package var states: [StateRecord] = []
  package var decisions: [DecisionRecord] = []
  package var metrics: [MetricsSample] = []
  package var drift: [DriftSample] = []

  package init() {}

  package var isEmpty: Bool {
    messages.isEmpty && states.isEmpty && decisions.isEmpty && metrics.isEmpty && drift.isEmpty
  }

  /// About what it adds to the write-ahead log, in bytes: contents and 40 bytes a row. Costs a pass over the
  /// messages, states and decisions.
  package var byteCount: Int {
    messages.reduce(0) { $0 + $1.byteCount + 40 } + states.reduce(0) { $0 + ($1.value?.count ?? 0) + 40 }
      + decisions.reduce(0) { $0 + ($1.reasons?.utf8.count ?? 0) + 200 } + 40 * (metrics.count + drift.count)
  }

  /// Empties the lists and keeps their room.
  package mutating func removeAll() {
    messages.removeAll(keepingCapacity: true)
    states.removeAll(keepingCapacity: true)
    decisions.removeAll(keepingCapacity: true)
    metrics.removeAll(keepingCapacity: true)
    drift.removeAll(keepingCapacity: true)
  }
}

/// What a journal holds at the start.
package struct RecoveredJournal: Sendable, Equatable {
  /// When the journal was begun, in unix nanoseconds: the epoch of the durable numbering.
  package var epoch: UInt64
  /// The last number given; 0 before the first.
  package var lastNumber: UInt64
  /// For each topic the number of its last message, whether or not that is still stored. Grows with topics
  /// alone.
  package var lastOfTopic: [[UInt8]: UInt64]
  /// By kind and key; every value is there.
  package var states: [StateRecord]
  /// What an operator should read: permissions that were tightened, a damaged file that was set aside.
  package var notes: [String]
  /// Whether nothing was there before.
  package var isNew: Bool
}
