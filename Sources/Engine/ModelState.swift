import Decisions
import Events
import Monitoring

/// Everything held of one model at one version: its clocks, monitors, alerts, trigger and open decision.
struct ModelState: Sendable {
  /// Under what an event or deadline is handled.
  struct Circumstances: Sendable {
    var arrival: Timestamp
    /// Whether assessments are handed out.
    var reporting: Bool
    /// Nothing is decided and no alert moves: what would be could not be kept. Monitors go on.
    var isHeld = false
    /// Whether samples are gathered for a history.
    var keepsHistory = false
    /// Columns that preset `standard` tests in all models, and those of them that drift.
    var fleet = FleetColumns()
  }

  let key: ModelKey
  let noDataAfter: Duration?
  private let alertings: [AlertSettings]
  var alerting: AlertSettings { alertings[0] }
  /// Which settings judge it.
  let ruleRevision: UInt32
  /// How long a word on one of its alerts holds.
  let validFor: Duration
  /// The largest event time so far; never goes back.
  var modelTime: Timestamp
  /// When the event or deadline that set `modelTime` came: from there, waiting for a deadline runs
  /// on the arrival clock.
  var arrivedAt: Timestamp
  /// When the last event came.
  var lastHeard: Timestamp
  var performance: PerformanceMonitor
  var drift: DriftMonitor
  var trigger: RetrainTrigger
  var life: RetrainLife { didSet { refreshDecisionDeadline() } }
  /// Asked for at each event, while it changes seldom.
  private var decisionDeadline = Timestamp.max
  var alerts = Alerts()
  var silences = SilenceTable.empty
  /// Of preset `standard`: the serial number of the source of its last batch; 0: there was none.
  var feed: Int64 = 0
  /// Whether its columns drift or break, as the breaker of its feed last heard.
  var isBroken = false
  /// Whether its feed is an anomaly: nothing is retrained on it.
  var isFleetHeld = false
  /// One, or none, which keeps models small; see ``keep``.
  private var keeps: [RetrainKeep] = []
  /// Why it is not retrained, where it would be.
  var keep: RetrainKeep? {
    get { keeps.first }
    set { keeps = newValue.map { [$0] } ?? [] }
  }
  /// Open alerts of what is configured no more.
  var orphans: [Orphan] = []
  /// Whether the settings reject it.
  var isRetired = false
  /// When the first event of a newer version came.
  var successorSince = Timestamp.max
  /// Whether it has been silent for long enough since to count as replaced; until its next event.
  var isReplaced = false
  /// The place of the version that appeared before it; −1: there is none.
  var earlierVersion: Int32 = -1
  /// From when on, in model time, the model counts as idle: its metrics and deadlines make the trigger
  /// evaluate. Without a feature baseline always; with one, a while after its last batch.
  var idleFrom: Timestamp
  /// Of the last feature batch; before the first, when the clock started.
  var lastBatch: Timestamp
  /// When the time rule falls due without an event to carry it, in model time.
  private(set) var due = Timestamp.max
  var feeds = SourceFeeds()
  /// From when on, in model time, the evidence for the next decision is gathered.
  var windowStart: Timestamp
  var history = HistoryGather()
  /// Whether the timers of decisions run; see ``EngineSettings/runsDecisionTimers``.
  let runsDecisionTimers: Bool

  /// Since this process began.
  private(set) var events: UInt64 = 0
  /// Whether what is told of it is older than its last event; see `EngineReports.swift`.
  var isUnreported = false

  // What a checkpoint is still to be told.
  var isChanged = false
  var isBaselineChanged = false { didSet { if isBaselineChanged { hasOwnBaseline = true } } }
  /// Whether the feature baseline came as an event or was learned: then it stands before a configured one.
  var hasOwnBaseline = false
  /// Whether there is something for the history.
  var isHeard = false
  /// Whether something opened or ended that the engine's index does not know.
  var isAlertsChanged = false
  /// Whether the open decision may be another than the engine knows.
  var isLifeChanged = false

  /// What e-BH counts with, of one model or of all.
  struct FleetColumns: Sendable, Equatable {
    var tested = 0
    var drifted = 0
    /// Of baselines, held or being learned; see ``EngineLimits/columns``.
    var held = 0

    mutating func replace(_ old: FleetColumns, by new: FleetColumns) {
      tested += new.tested - old.tested
      drifted += new.drifted - old.drifted
      held += new.held - old.held
    }
  }

  /// This model's part of what e-BH counts with.
  var columns: FleetColumns {
    FleetColumns(tested: drift.testedColumns, drifted: drift.driftedColumns, held: drift.heldColumns)
  }

  init(
    key: ModelKey, settings: ModelSettings, engine: EngineSettings, time: Timestamp, arrival: Timestamp
  ) {
    self.key = key
    noDataAfter = settings.noDataAfter
    alertings = settings.alerts.shared(settings.preset)
    ruleRevision = settings.ruleRevision
    validFor = max(settings.noDataAfter ?? .zero, engine.resend) * 4
    runsDecisionTimers = engine.runsDecisionTimers
    modelTime = time
    (arrivedAt, lastHeard) = (arrival, arrival)
    (idleFrom, lastBatch, windowStart) = (.min, time, time)
    performance = PerformanceMonitor(
      settings: settings.performance, baselineAccuracy: settings.baselineAccuracy,
      standard: settings.preset == .standard ? settings.standard : nil)
    alerts.metrics = Array(repeating: AlertPolicy(), count: performance.metricCount)
    drift = DriftMonitor(
      settings: settings.drift, standard: settings.preset == .standard ? settings.standard : nil)
    trigger = RetrainTrigger(policy: settings.retrain, startingAt: time)
    life = RetrainLife(policy: settings.retrain.life, digest: engine.digest)
    if let features = settings.baselineFeatures { setBaseline(features, .configured) }
    refreshDue()
  }

  // MARK: Clocks

  /// Moves model time on to an event's time. Returns whether the event is late.
  ///
  /// Arrival plays no part in it, so that live and replay see the same model times.
  mutating func advance(to time: Timestamp, arrival: Timestamp) -> Bool {
    if time > modelTime { (modelTime, arrivedAt) = (time, arrival) }
    return time < modelTime
  }

  mutating func refreshDecisionDeadline() { decisionDeadline = runsDecisionTimers ? life.deadline : .max }

  /// With batches coming, the next batch evaluates the time rule; without one for `idleEvaluation`, it is
  /// due by itself.
  mutating func refreshDue() { due = max(trigger.timeRuleDue, idleFrom) }

  /// What falls due without an event.
  enum Deadline {
    case removal
    case timeRule
    case decision
    case silence
    case replacement
  }

  /// When the next deadline falls due on the arrival clock.
  var deadlineArrival: Timestamp {
    let usual = min(timeRuleArrival, decisionDeadline, silenceDeadline)
    guard successorSince != .max || isRetired || !orphans.isEmpty else { return usual }
    if removalDeadline == .min { return .min }
    return isRetired ? .max : min(usual, replacementDeadline)
  }

  /// When the time rule falls due, on the arrival clock.
  var timeRuleArrival: Timestamp {
    arrivedAt.advanced(byNanoseconds: modelTime.nanoseconds(to: due))
  }

  /// When silence is told, on the arrival clock; `max` when it never is, or was.
  var silenceDeadline: Timestamp {
    // A version that was replaced is silent for good.
    guard let noDataAfter, alerts.noData.openEpisode == nil, !isReplaced else { return .max }
    return lastHeard.advanced(by: noDataAfter)
  }

  /// The kind of the next deadline; of several at one time, in the order of ``Deadline``.
  var nextDeadline: Deadline {
    let first = deadlineArrival
    if removalDeadline == first { return .removal }
    if timeRuleArrival == first { return .timeRule }
    if decisionDeadline == first { return .decision }
    return silenceDeadline == first ? .silence : .replacement
  }

  var isIdle: Bool { modelTime >= idleFrom }

  // MARK: Events

  /// What became of one event.
  struct Outcome {
    var isLate: Bool
    var refusal: Remark?
    /// The next deadline, on the arrival clock.
    var deadline: Timestamp
  }

  /// Takes one event of this model.
  ///
  /// - Parameters:
  ///   - time: when it happened.
  ///   - source: its place in `sources`.
  mutating func take(
    _ event: Event, at time: Timestamp, of source: Int, _ sources: [SourceLedger],
    _ circumstances: Circumstances, into effects: inout [Effect]
  ) -> Outcome {
    feeds.note(source, sources)
    events &+= 1
    fireDeadlines(before: time, sources, circumstances, into: &effects)
    let isLate = advance(to: time, arrival: circumstances.arrival)
    lastHeard = circumstances.arrival
    isReplaced = false
    if alerts.noData.openEpisode != nil { endSilence(event.header, sources, circumstances, &effects) }
    var refusal: Remark?
    switch event.body {
    case .metrics(let metrics): apply(metrics, of: event.header, sources, circumstances, into: &effects)
    case .features(let features):
      do throws(Remark) {
        try apply(features, of: event.header, sources, circumstances, into: &effects)
      } catch { refusal = Remark(error.reason, "\(key): \(error.detail)") }
    case .baseline(let baseline): apply(baseline)
    case .head, .bye, .tombstone, .refused, .feedback: break
    }
    return Outcome(isLate: isLate, refusal: refusal, deadline: deadlineArrival)
  }

  mutating func setBaseline(_ features: FeatureBaseline, _ origin: WatchReport.Origin = .given) {
    let hadBaseline = drift.hasBaseline
    drift.setBaseline(features, origin)
    if !drift.hasBaseline {
      // The parts of a season learn theirs anew.
      idleFrom = .min
    } else if !hadBaseline {
      // The clock of its batches starts with the model's own.
      idleFrom = lastBatch.advanced(by: trigger.policy.idleEvaluation)
    }
  }

  private mutating func apply(_ baseline: BaselineUpdate) {
    performance.take(baseline)
    guard let features = baseline.features else { return }
    setBaseline(FeatureBaseline(features, isDetailed: drift.isStandard))
    isBaselineChanged = true
    refreshDue()
  }

  private mutating func apply(
    _ metrics: Metrics, of occasion: some Occasion, _ sources: [SourceLedger], _ circumstances: Circumstances,
    into effects: inout [Effect]
  ) {
    guard let verdicts = performance.observe(metrics, at: modelTime) else { return }
    if circumstances.keepsHistory { history.note(metrics, at: modelTime) }
    if circumstances.reporting { publish(.performance(performance.assessment), occasion, &effects) }
    if let verdict = verdicts.accuracy, alerts.accuracy.isMoved(byViolation: verdict.isDrifted) {
      raise(
        performance.finding(.accuracy, verdict), in: .accuracy, occasion, sources, circumstances, &effects)
    }
    if let verdict = verdicts.latency, alerts.latency.isMoved(byViolation: verdict.isDrifted) {
      raise(performance.finding(.latency, verdict), in: .latency, occasion, sources, circumstances, &effects)
    }
    if !alerts.metrics.isEmpty { raiseMetrics(occasion, sources, circumstances, &effects) }
    if isIdle { evaluate(drift: nil, occasion, sources, circumstances, &effects) }
  }

  /// What the last measurement says of business metrics.
  private mutating func raiseMetrics(
    _ occasion: some Occasion, _ sources: [SourceLedger], _ circumstances: Circumstances,
    _ effects: inout [Effect]
  ) {
    for index in alerts.metrics.indices {
      guard let verdict = performance.metricVerdict(at: index),
        alerts.metrics[index].isMoved(byViolation: verdict.isDrifted)
      else { continue }
      raise(
        performance.metricFinding(at: index, verdict), in: .metric(index), occasion, sources, circumstances,
        &effects)
    }
  }

  private mutating func apply(
    _ features: FeatureBatch, of occasion: some Occasion, _ sources: [SourceLedger],
    _ circumstances: Circumstances, into effects: inout [Effect]
  ) throws(Remark) {
    if drift.isStandard {
      return try applyStandard(features, of: occasion, sources, circumstances, into: &effects)
    }
    let assessment = try drift.observe(features, at: modelTime)
    tell(assessment, of: occasion, sources, circumstances, into: &effects)
  }

  /// Judges a batch by preset `standard`, or learns a baseline from it.
  private mutating func applyStandard(
    _ features: FeatureBatch, of occasion: some Occasion, _ sources: [SourceLedger],
    _ circumstances: Circumstances, into effects: inout [Effect]
  ) throws(Remark) {
    let own = columns
    let outcome = try drift.observeStandard(
      features, at: modelTime, tested: circumstances.fleet.tested,
      driftedElsewhere: circumstances.fleet.drifted - own.drifted)
    if outcome.hasLearned { isBaselineChanged = true }
    guard let assessment = outcome.assessment else {
      // With a baseline, or a part of a season that has one, the clock of its batches runs.
      if drift.hasBaseline { noteBatch() }
      return
    }
    if let finding = drift.schemaFinding, alerts.schema.isMoved(byViolation: finding.isViolated) {
      raise(finding, in: .schema, occasion, sources, circumstances, &effects)
    }
    tell(assessment, of: occasion, sources, circumstances, into: &effects)
  }

  private mutating func tell(
    _ assessment: DriftAssessment, of occasion: some Occasion, _ sources: [SourceLedger],
    _ circumstances: Circumstances, into effects: inout [Effect]
  ) {
    if circumstances.keepsHistory { history.note(assessment, of: key, at: modelTime) }
    noteBatch()
    if circumstances.reporting { publish(.drift(assessment), occasion, &effects) }
    raise(drift.finding(for: assessment), in: .drift, occasion, sources, circumstances, &effects)
    let evidence = RetrainEvidence.Drift(
      isDetected: assessment.isDrifted, maximumScore: assessment.maximumScore ?? 0,
      severity: assessment.severity)
    evaluate(drift: evidence, occasion, sources, circumstances, &effects)
  }

  private mutating func noteBatch() {
    lastBatch = modelTime
    idleFrom = lastBatch.advanced(by: trigger.policy.idleEvaluation)
    refreshDue()
  }

  // MARK: Deadlines

  /// The most deadlines of one model that fire in one jump of time. With the default policy that is
  /// 19 years; a jump over more takes the earliest of them as one, and says so.
  private static let maximumDeadlines = 1_000

  /// Fires the first deadline, which is due before the arrival of `circumstances`.
  mutating func fireDeadline(
    _ sources: [SourceLedger], _ circumstances: Circumstances, into effects: inout [Effect]
  ) {
    switch nextDeadline {
    case .removal: endRemoved(at: circumstances.arrival, sources, &effects)
    case .replacement: endReplaced(at: replacementDeadline, sources, &effects)
    case .timeRule:
      let now = modelTime.advanced(by: arrivedAt.duration(to: circumstances.arrival))
      let due = nextTimeRule(before: now, &effects)
      var then = circumstances
      then.arrival = arrivedAt.advanced(by: modelTime.duration(to: due))
      fire(at: due, sources, then, &effects)
    case .decision:
      let due = life.deadline
      perform(
        life.fire(at: due, isRecovered: performance.accuracyBreach == nil), DeadlineOccasion(due: due),
        at: due, sources, &effects)
      isLifeChanged = true
    case .silence: beginSilence(at: silenceDeadline, sources, &effects)
    }
  }

  /// Evaluates at every deadline of the time rule due before the time of an event that arrives now.
  private mutating func fireDeadlines(
    before time: Timestamp, _ sources: [SourceLedger], _ circumstances: Circumstances,
    into effects: inout [Effect]
  ) {
    while due < time && !circumstances.isHeld {
      fire(at: nextTimeRule(before: time, &effects), sources, circumstances, &effects)
    }
  }

  /// The first deadline, or a later time no more than ``maximumDeadlines`` periods before `time`.
  private func nextTimeRule(before time: Timestamp, _ effects: inout [Effect]) -> Timestamp {
    let earliest = time.advanced(by: .zero - trigger.period * Self.maximumDeadlines)
    guard due < earliest else { return due }
    effects.append(.account(Remark(.deadlineSkipped)))
    return earliest
  }

  private mutating func fire(
    at due: Timestamp, _ sources: [SourceLedger], _ circumstances: Circumstances, _ effects: inout [Effect]
  ) {
    _ = advance(to: due, arrival: circumstances.arrival)
    evaluate(drift: nil, DeadlineOccasion(due: due), sources, circumstances, &effects)
  }

  // MARK: Outputs

  func publish(_ output: Output, _ occasion: some Occasion, _ effects: inout [Effect]) {
    effects.append(.publish(Publication(model: key, time: modelTime, cause: occasion.cause, output: output)))
  }
}

/// What makes a model evaluate. Its cause is spelled out only for what is published, since most events
/// publish nothing.
protocol Occasion {
  var cause: Cause { get }
}

extension EventHeader: Occasion {
  var cause: Cause { .event(origin: origin, id: id, traceParent: traceParent) }
}

struct DeadlineOccasion: Occasion {
  let due: Timestamp
  var cause: Cause { .timer(due) }
}
