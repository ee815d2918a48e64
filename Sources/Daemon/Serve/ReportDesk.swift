import Admin
import Events
import Journal
import ZeroMQ

/// The serving thread's side of the ``Board``: at the end of a turn it makes what was asked for over HTTP, a little at a
/// time, and nothing while nobody asks.
struct ReportDesk {
  /// Models reported in one turn, of about 1 µs each: a turn is half a millisecond longer at most.
  static let reportsPerTurn = 512
  /// How often it is looked whether anybody is still interested.
  static let interestInterval = Duration.seconds(1)
  /// Decisions whose claim is waited for; a claim of one beyond is not timed. 64 bytes each.
  static let maximumTimed = 10_000

  let board: Board
  /// Readable when something is asked.
  let asked: Wakeup

  private var reports: [ModelReport] = []
  private var isReporting = false
  private var wantsSnapshot = false
  private var nextInterest = Timestamp.min
  private var wasFailing: Bool?
  private var outcomes = [UInt64](repeating: 0, count: DecisionState.allCases.count)
  private var acknowledgement = DelayHistogram(bounds: DelayHistogram.acknowledgementBounds)
  /// When decisions that nobody has claimed were issued.
  private var issued: [DecisionID: Timestamp] = [:]

  init(_ board: Board, asked: Wakeup) { (self.board, self.asked) = (board, asked) }

  /// Whether the next turn has something to go on with.
  var isBusy: Bool { wantsSnapshot }

  /// What else a snapshot tells.
  struct Figures {
    var account: AccountReport
    var journalBytes: Int64?
  }

  /// Does what was asked.
  ///
  /// - Parameter figures: asked for once a snapshot is made.
  mutating func attend(
    _ delivery: inout Delivery, isRung: Bool, at now: Timestamp, figures: () -> Figures
  ) {
    board.turned(at: now)
    if isRung { asked.drain() }
    if delivery.health.isFailing != wasFailing {
      wasFailing = delivery.health.isFailing
      board.setJournal(
        HealthCheck(
          state: delivery.health.state, detail: delivery.health.detail, since: delivery.health.since))
    }
    if let asked = board.takeAsked() {
      for key in asked.details { board.answer(key, delivery.engine.detail(of: key)) }
      wantsSnapshot = wantsSnapshot || asked.wantsSnapshot
    }
    if wantsSnapshot {
      gather(&delivery, at: now, figures)
    } else if isReporting, now >= nextInterest {
      nextInterest = now.advanced(by: Self.interestInterval)
      if !board.isOfInterest(at: now) { rest(&delivery) }
    }
  }

  private mutating func rest(_ delivery: inout Delivery) {
    isReporting = false
    reports = []
    delivery.report { $0.endReporting() }
    board.forget()
  }

  private mutating func gather(_ delivery: inout Delivery, at now: Timestamp, _ figures: () -> Figures) {
    var isMore = false
    delivery.report { engine in
      if !isReporting { engine.beginReporting() }
      isMore = engine.takeReports(limit: Self.reportsPerTurn) { place, report in
        // Places before it that are new as well are still to come, before this is posted.
        while place > reports.count { reports.append(report) }
        if place == reports.count { reports.append(report) } else { reports[place] = report }
      }
    }
    isReporting = true
    guard !isMore else { return }
    wantsSnapshot = false
    let figures = figures()
    var account = figures.account
    account.outcomes = zip(DecisionState.allCases, outcomes).map { ($0.rawValue, $1) }
    account.acknowledgement = acknowledgement
    let limits = delivery.engine.limits
    board.post(
      FleetSnapshot(
        at: now, models: reports, sources: delivery.engine.sourceReports,
        sourceAlerts: delivery.engine.sourceAlerts, silences: delivery.engine.silencesInForce,
        account: account,
        journal: delivery.journalReport(bytes: figures.journalBytes), modelLimit: limits.models,
        sourceLimit: limits.sources))
  }

  // MARK: Messages

  /// A message was sent.
  mutating func note(_ message: StoredMessage, _ output: Output, epoch: UInt64, at now: Timestamp) {
    let kind: Chronicle.Kind
    switch output {
    case .alert: kind = .alert
    case .decision(let decision):
      kind = .decision
      count(decision.isDryRun ? .proposed : .issued)
      if !decision.isDryRun && issued.count < Self.maximumTimed { issued[decision.id] = now }
    case .decisionChange(let change):
      kind = .decision
      count(change.state)
      if let since = issued.removeValue(forKey: change.decision),
        change.state == .acked || change.state == .started
      {
        acknowledgement.observe(nanoseconds: since.nanoseconds(to: now))
      }
    case .performance, .drift, .retrain, .keep: return
    }
    board.chronicle.note(
      kind, epoch: epoch, number: message.number, subject: message.subject, body: message.body)
  }

  private mutating func count(_ state: DecisionState) {
    if let place = DecisionState.allCases.firstIndex(of: state) { outcomes[place] &+= 1 }
  }
}
