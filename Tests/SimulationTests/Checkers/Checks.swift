import Events
import Journal
import Wire

/// What a stored message says, as anyone reads it.
struct StoredFacts {
  var number: UInt64
  var topic: [UInt8]
  var body: [UInt8]
  var id: String
  var type: String
  var model: String?
  var cause: String?
  /// The episode or decision that it speaks of.
  var subject: String
  var revision: UInt64
  var state: String?
  /// Of decisions alone.
  var decision: String?
  var attempt: Int?
  var owner: String?
  var isFinal: Bool
  /// Of alerts alone.
  var alertKey: String?

  init(number: UInt64, topic: [UInt8], body: [UInt8]) {
    let text = Text(body)
    (self.number, self.topic, self.body) = (number, topic, body)
    id = text.text("id") ?? ""
    type = text.text("type") ?? ""
    model = text.text("subject")
    cause = text.text("causationid")
    subject = text.text("correlationid") ?? ""
    revision = text.number("rev") ?? 0
    state = text.text("state")
    decision = text.text("decision_id")
    attempt = text.number("attempt").map(Int.init)
    owner = text.text("owner")
    isFinal = text.isTrue("final")
    alertKey = text.text("alert_key")
  }

  var isAlert: Bool { alertKey != nil }
}

/// All checkers of a run. They know what crossed a boundary: what the journal committed, what was sent, answered
/// and acknowledged, and what publishers were given; of the engine they know nothing.
final class Checks {
  let publication: PublishedIsStored
  let identity: NoDecisionDoubled
  let ownership: Ownership
  let delivery: NoDecisionLost
  let acknowledgements: AcknowledgedIsDurable
  let account: AccountExact
  let memory: MemoryBounded
  let resolution: EveryAlertResolves

  init(_ world: World) {
    self.world = world
    publication = PublishedIsStored(world)
    identity = NoDecisionDoubled(world)
    ownership = Ownership(world)
    delivery = NoDecisionLost(world)
    acknowledgements = AcknowledgedIsDurable(world)
    account = AccountExact(world)
    memory = MemoryBounded(world)
    resolution = EveryAlertResolves(world)
  }

  private let world: World
  /// What is stored, in order, and since when.
  private(set) var stored: [(facts: StoredFacts, at: Timestamp)] = []

  /// A transaction was committed.
  func applied(_ transaction: JournalTransaction) {
    for message in transaction.messages {
      publication.stored(message)
      let facts = StoredFacts(number: message.number, topic: message.topic, body: message.body)
      stored.append((facts, world.now))
      identity.stored(facts)
      ownership.stored(facts)
      resolution.stored(facts)
    }
  }

  /// A message left the daemon.
  func published(_ message: StoredMessage) {
    publication.left(message.number)
    publication.sent(message.number, message.topic, message.header, message.body)
  }

  func headed(_ number: UInt64) { publication.headed(number) }

  /// A reader has a message, live or fetched.
  func seen(_ header: FramedHeader, _ message: Message) {
    publication.sent(header.number, message[0], message[1], message[2])
  }
}
