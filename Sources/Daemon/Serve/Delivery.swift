import Engine
import Events
import Journal
import Wire

/// The daemon between its sockets and its disk, as a value: events in, commits out and back, messages out.
///
/// What must not be lost is published only after the transaction that it stands in was committed, together
/// with the state that it follows from and the place in each source's stream that this state has reached. So
/// whatever dies, and whenever: what was published is stored, what is stored was decided once, and a source
/// that sends again from the last acknowledged number is counted once.
///
/// At most one transaction is under way; what comes meanwhile gathers into the next, so a burst costs one
/// fsync. It has no clock, no socket and no file: `ServeLoop` gives it real ones, the simulation its own.
struct Delivery: ~Copyable {
  /// What is to be done, in order.
  enum Action {
    case account(Remark, isOfSign: Bool)
    /// To those who are there; neither numbered under the daemon's name nor stored.
    case publishLive(Publication)
    /// Stored, or nothing is stored at all: it may go out.
    case send(StoredMessage, Output)
    /// To a peer of the lossless lane.
    case reply(peer: [UInt8], frames: [[UInt8]])
    case answer(ControlTicket, FeedbackAnswer)
  }

  private(set) var engine: MonitoringEngine
  private var outbox: Outbox
  private let checkpoints: CheckpointPolicy
  private var lanes: ReliableLanes
  private var effects: [Effect] = []
  /// Taken by whoever performs them, after each call.
  private(set) var actions: [Action] = []

  /// With a journal, what waits for the next transaction, and what is under way.
  private let hasJournal: Bool
  private var gathering = Batch()
  private var underWay: Batch?
  /// What could not be committed, as it was: it comes before everything else.
  private var failedBatch: Batch?
  private(set) var health: JournalHealth
  /// The last number that was sent.
  private(set) var published: UInt64
  var epoch: UInt64 { outbox.epoch }

  /// What one transaction brings about once it is committed.
  private struct Batch {
    var messages: [(StoredMessage, Output)] = []
    var decisions: [DecisionRecord] = []
    var answers: [(ControlTicket, FeedbackAnswer)] = []
    var acknowledgements: [ReliableLanes.Reached] = []
    var transaction = JournalTransaction()

    var isUrgent: Bool { !messages.isEmpty || !answers.isEmpty }
  }

  /// Outputs that wait for a commit: at about 2 KiB each 20 MiB. With so many, deciding pauses until one ends;
  /// what one event or deadline causes comes on top.
  static let maximumWaiting = 10_000

  /// - Parameters:
  ///   - engine: new, or as the journal gave it back.
  ///   - journal: what was recovered; nil without a journal.
  init(
    _ engine: MonitoringEngine, name: SourceName, checkpoints: CheckpointPolicy, journal: RecoveredJournal?,
    now: Timestamp
  ) {
    self.engine = engine
    self.engine.tracksChanges = journal != nil
    self.checkpoints = checkpoints
    lanes = ReliableLanes(name: name, window: 2 * checkpoints.events)
    hasJournal = journal != nil
    health = JournalHealth(isOn: journal != nil, since: now)
    if let journal {
      outbox = Outbox(
        name: name, epoch: journal.epoch, last: journal.lastNumber, lastOfTopic: journal.lastOfTopic)
      published = journal.lastNumber
    } else {
      // Without a journal, a numbering begins with its process.
      outbox = Outbox(name: name, epoch: UInt64(clamping: now.nanoseconds))
      published = 0
    }
  }

  /// Goes on under other settings; see `MonitoringEngine.reload(_:)`. What was decided before waits as before.
  ///
  /// - Throws: then nothing has changed.
  mutating func reload(_ settings: EngineSettings) throws(StateError) { try engine.reload(settings) }

  // MARK: Events

  /// Whether assessments are handed out.
  var reportsAssessments: Bool {
    get { engine.reportsAssessments }
    set { engine.reportsAssessments = newValue }
  }

  /// Takes an event of a lossy lane.
  mutating func take(_ event: borrowing Event, at now: Timestamp) {
    advance(to: now)
    engine.handle(event, at: now, into: &effects)
    if !effects.isEmpty { perform(isOfSign: event.body.isSign, at: now) }
  }

  /// Takes an event of the lossless lane.
  mutating func take(_ event: Event, fromPeer peer: [UInt8], at now: Timestamp) {
    advance(to: now)
    let source = event.header.source
    let before = engine.position(of: source)
    engine.handle(event, at: now, isReliable: true, into: &effects)
    lanes.note(
      event, from: peer, before: before, after: engine.position(of: source), refusal: Self.refusal(effects),
      at: now)
    actions += lanes.takeReplies().map { .reply(peer: $0.peer, frames: $0.frames) }
    if !effects.isEmpty { perform(isOfSign: event.body.isSign, at: now) }
  }

  private static func refusal(_ effects: [Effect]) -> Remark? {
    // The refusal of the event itself comes last; deadlines before it may have left remarks.
    for case .account(let remark) in effects.reversed() where remark.reason.isRefusal { return remark }
    return nil
  }

  /// A report on a decision that asks for an answer, which it gets once what it changed is stored.
  mutating func take(_ feedback: Feedback, of header: EventHeader, _ ticket: ControlTicket, at now: Timestamp)
  {
    advance(to: now)
    engine.handle(feedback, of: header, at: now, into: &effects)
    perform(ticket: ticket, at: now)
  }

  /// What was asked of the control socket, each in its own way.
  mutating func take(
    _ body: ControlExchange.Request.Body, of header: EventHeader, _ ticket: ControlTicket, at now: Timestamp
  ) {
    switch body {
    case .feedback(let feedback): take(feedback, of: header, ticket, at: now)
    case .silence(let silence):
      advance(to: now)
      engine.handle(silence, of: header, at: now, into: &effects)
      perform(ticket: ticket, at: now)
    }
  }

  /// Begins, or goes on from what was recovered: silence counts from here.
  mutating func settle(at now: Timestamp) {
    engine.settle(at: now)
    advance(to: now)
  }

  /// Topics of what is decided and not yet sent.
  var unsentTopics: Set<[UInt8]> {
    let waiting = [gathering.messages, underWay?.messages ?? [], failedBatch?.messages ?? []].joined()
    return Set(waiting.map(\.0.topic))
  }

  /// Fires what is due, up to `now`, as far as there is room for what it causes.
  mutating func advance(to now: Timestamp) {
    if !effects.isEmpty { effects.removeAll(keepingCapacity: true) }
    // A jump in time can fire deadlines of every model: each is performed before the next, so that too much that
    // waits holds the rest.
    while engine.fireDeadline(before: now, into: &effects) {
      perform(at: now)
      effects.removeAll(keepingCapacity: true)
    }
  }

  /// When ``advance(to:)`` or ``nextTransaction(at:)`` next has something to do; nil when nothing is due.
  var nextDue: Timestamp? {
    let checkpoint = hasJournal && underWay == nil ? checkpointDue : nil
    return min(engine.isHeld ? .max : engine.nextDeadline ?? .max, checkpoint ?? .max)
  }

  private mutating func perform(isOfSign: Bool = false, ticket: ControlTicket? = nil, at now: Timestamp) {
    for effect in effects {
      switch effect {
      case .account(let remark): actions.append(.account(remark, isOfSign: isOfSign))
      case .publish(let publication):
        if publication.output.isOnDemand {
          actions.append(.publishLive(publication))
        } else {
          publish(publication, at: now)
        }
      case .answer(let answer):
        guard let ticket else { continue }
        // A refusal changed nothing, so there is nothing to wait for.
        if case .refused = answer {
          actions.append(.answer(ticket, answer))
        } else if hasJournal {
          gathering.answers.append((ticket, answer))
        } else {
          actions.append(.answer(ticket, answer))
        }
      }
    }
  }

  private mutating func publish(_ publication: Publication, at now: Timestamp) {
    let message = outbox.add(publication, at: now)
    guard hasJournal else {
      published = message.number
      actions.append(.send(message, publication.output))
      return
    }
    gathering.messages.append((message, publication.output))
    if gathering.messages.count >= Self.maximumWaiting { engine.isHeld = true }
    if let record = DecisionRecord(publication) { gathering.decisions.append(record) }
  }

  /// Asks the engine for what is told to whoever looks, which changes nothing that is decided.
  mutating func report(_ body: (inout MonitoringEngine) -> Void) { body(&engine) }

  /// Whether a transaction is under way.
  var isCommitting: Bool { underWay != nil }

  var hasActions: Bool { !actions.isEmpty }

  func journalReport(bytes: Int64?) -> JournalReport {
    JournalReport(
      state: health.state, since: health.since, detail: health.detail,
      waiting: gathering.messages.count + (underWay?.messages.count ?? 0)
        + (failedBatch?.messages.count ?? 0),
      commits: health.commits, bytes: bytes, lastCommit: health.commits > 0 ? health.lastCommit : nil)
  }

  /// Hands out what is to be done.
  mutating func takeActions() -> [Action] {
    defer { actions.removeAll(keepingCapacity: true) }
    return actions
  }

  // MARK: Commits

  private var checkpointDue: Timestamp? {
    if health.isFailing { return health.retryAt }
    if gathering.isUrgent { return .min }
    guard engine.hasChanges else { return nil }
    return lanes.unacknowledged >= checkpoints.events
      ? .min : health.lastCommit.advanced(by: checkpoints.interval)
  }

  /// The transaction to commit now; nil when none is due, or one is under way.
  mutating func nextTransaction(at now: Timestamp) -> JournalTransaction? {
    guard hasJournal, underWay == nil, let due = checkpointDue, due <= now else { return nil }
    return beginTransaction(at: now)
  }

  /// Everything that is not stored yet, whether or not it is due; nil when there is nothing.
  mutating func lastTransaction(at now: Timestamp) -> JournalTransaction? {
    guard hasJournal, underWay == nil, gathering.isUrgent || engine.hasChanges || health.isFailing else {
      return nil
    }
    return beginTransaction(at: now)
  }

  private mutating func beginTransaction(at now: Timestamp) -> JournalTransaction {
    var batch: Batch
    if let failed = failedBatch {
      (batch, failedBatch) = (failed, nil)
    } else {
      batch = gathering
      gathering = Batch()
      let withHistory = health.isHistoryDue(at: now, every: checkpoints.interval)
      batch.transaction = JournalTransaction(
        messages: batch.messages.map(\.0), decisions: batch.decisions,
        engine.takeChanges(withHistory: withHistory))
      batch.acknowledgements = lanes.reached(engine)
    }
    underWay = batch
    return batch.transaction
  }

  /// The transaction under way was committed: its messages go out, its events are acknowledged.
  mutating func committed(at now: Timestamp) {
    guard let batch = underWay else { return }
    underWay = nil
    health.committed(at: now)
    engine.isHeld = gathering.messages.count >= Self.maximumWaiting
    for (message, output) in batch.messages {
      published = message.number
      actions.append(.send(message, output))
    }
    for (ticket, answer) in batch.answers { actions.append(.answer(ticket, answer)) }
    lanes.acknowledge(batch.acknowledgements, at: now)
    actions += lanes.takeReplies().map { .reply(peer: $0.peer, frames: $0.frames) }
  }

  /// The transaction under way was not committed. Until it is, nothing is decided; events are taken.
  mutating func failed(_ words: String, at now: Timestamp) {
    guard let batch = underWay else { return }
    underWay = nil
    engine.isHeld = true
    actions.append(.account(Remark(.journalFailed, words), isOfSign: false))
    // What was reported is in the transaction and holds once that is committed, so its answer waits too:
    // `unavailable` would say that nothing was changed. Whoever does not want to wait asks again.
    failedBatch = batch
    health.failed(words, at: now)
  }
}
