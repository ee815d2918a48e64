import Decisions
import Events
import Monitoring

/// Everything held of one model at one version: its clocks, monitors, alerts and trigger.
struct ModelState: Sendable {
  let key: ModelKey
  /// The largest event time so far; never goes back.
  private(set) var modelTime: Timestamp
  /// When the event or deadline that set `modelTime` came: from there, waiting for a deadline runs
  /// on the arrival clock.
  private var arrivedAt: Timestamp
  private var performance: PerformanceMonitor
  private var drift: DriftMonitor
  private var trigger: RetrainTrigger
  private var alerts = (accuracy: AlertPolicy(), latency: AlertPolicy(), drift: AlertPolicy())
  /// From when on, in model time, the model counts as idle: its metrics and deadlines make the trigger
  /// evaluate. Without a feature baseline always; with one, a while after its last batch.
  private var idleFrom: Timestamp
  /// Of the last feature batch; before the first, when the clock started.
  private var lastBatch: Timestamp
  /// When the time rule falls due without an event to carry it, in model time.
  private var due = Timestamp.max

  init(key: ModelKey, settings: ModelSettings, time: Timestamp, arrival: Timestamp) {
    self.key = key
    modelTime = time
    arrivedAt = arrival
    (idleFrom, lastBatch) = (.min, time)
    performance = PerformanceMonitor(
      settings: settings.performance, baselineAccuracy: settings.baselineAccuracy)
    drift = DriftMonitor(settings: settings.drift)
    trigger = RetrainTrigger(policy: settings.retrain, startingAt: time)
    if let features = settings.baselineFeatures { setBaseline(features) }
    refreshDue()
  }

  // MARK: Clocks

  /// Moves model time on to an event's time. Returns whether the event is late.
  ///
  /// Arrival plays no part in it, so that live and replay see the same model times.
  private mutating func advance(to time: Timestamp, arrival: Timestamp) -> Bool {
    if time > modelTime { (modelTime, arrivedAt) = (time, arrival) }
    return time < modelTime
  }

  /// With batches coming, the next batch evaluates the time rule; without one for `idleEvaluation`, it is
  /// due by itself.
  private mutating func refreshDue() { due = max(trigger.timeRuleDue, idleFrom) }

  /// When the next deadline falls due on the arrival clock.
  var deadlineArrival: Timestamp { arrivedAt.advanced(byNanoseconds: modelTime.nanoseconds(to: due)) }

  private var isIdle: Bool { modelTime >= idleFrom }

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
  /// - Parameter time: when it happened.
  mutating func take(
    _ event: Event, at time: Timestamp, arrival: Timestamp, reporting: Bool,
    into effects: inout [Effect]
  ) -> Outcome {
    fireDeadlines(before: time, arrival: arrival, reporting: reporting, into: &effects)
    let isLate = advance(to: time, arrival: arrival)
    var refusal: Remark?
    switch event.body {
    case .metrics(let metrics): apply(metrics, of: event.header, reporting: reporting, into: &effects)
    case .features(let features):
      do throws(Remark) {
        try apply(features, of: event.header, reporting: reporting, into: &effects)
      } catch { refusal = Remark(error.reason, "\(key): \(error.detail)") }
    case .baseline(let baseline): apply(baseline)
    case .head, .bye, .tombstone, .refused: break
    }
    return Outcome(isLate: isLate, refusal: refusal, deadline: deadlineArrival)
  }

  private mutating func setBaseline(_ features: FeatureBaseline) {
    // The clock of its batches starts with the model's own.
    if !drift.hasBaseline { idleFrom = lastBatch.advanced(by: trigger.policy.idleEvaluation) }
    drift.setBaseline(features)
  }

  private mutating func apply(_ baseline: BaselineUpdate) {
    if let accuracy = baseline.accuracy { performance.setBaseline(accuracy: accuracy) }
    guard let features = baseline.features else { return }
    setBaseline(FeatureBaseline(features))
    refreshDue()
  }

  private mutating func apply(
    _ metrics: Metrics, of occasion: some Occasion, reporting: Bool, into effects: inout [Effect]
  ) {
    guard let verdicts = performance.observe(metrics) else { return }
    if reporting { publish(.performance(performance.assessment), occasion, &effects) }
    if let verdict = verdicts.accuracy, alerts.accuracy.isMoved(byViolation: verdict.isDrifted) {
      raise(verdicts.accuracyFinding, occasion, &effects)
    }
    if let verdict = verdicts.latency, alerts.latency.isMoved(byViolation: verdict.isDrifted) {
      raise(verdicts.latencyFinding, occasion, &effects)
    }
    if isIdle { evaluate(drift: nil, occasion, reporting, &effects) }
  }

  private mutating func apply(
    _ features: FeatureBatch, of occasion: some Occasion, reporting: Bool, into effects: inout [Effect]
  ) throws(Remark) {
    let assessment = try drift.observe(features, at: modelTime)
    lastBatch = modelTime
    idleFrom = lastBatch.advanced(by: trigger.policy.idleEvaluation)
    refreshDue()
    if reporting { publish(.drift(assessment), occasion, &effects) }
    raise(drift.finding(for: assessment), occasion, &effects)
    let evidence = RetrainEvidence.Drift(
      isDetected: assessment.isDrifted, maximumScore: assessment.maximumScore ?? 0,
      severity: assessment.severity)
    evaluate(drift: evidence, occasion, reporting, &effects)
  }

  /// The most deadlines of one model that fire in one jump of time. With the default policy that is
  /// 19 years; a jump over more takes the earliest of them as one, and says so.
  private static let maximumDeadlines = 1_000

  /// Evaluates at the first deadline, which is due before `arrival`.
  mutating func fireDeadline(before arrival: Timestamp, reporting: Bool, into effects: inout [Effect]) {
    let due = nextDeadline(before: modelTime.advanced(by: arrivedAt.duration(to: arrival)), &effects)
    fire(at: due, arrival: arrivedAt.advanced(by: modelTime.duration(to: due)), reporting, &effects)
  }

  /// Evaluates at every deadline due before the time of an event that arrives now.
  private mutating func fireDeadlines(
    before time: Timestamp, arrival: Timestamp, reporting: Bool, into effects: inout [Effect]
  ) {
    while due < time {
      fire(at: nextDeadline(before: time, &effects), arrival: arrival, reporting, &effects)
    }
  }

  /// The first deadline, or a later time no more than ``maximumDeadlines`` periods before `time`.
  private func nextDeadline(before time: Timestamp, _ effects: inout [Effect]) -> Timestamp {
    let earliest = time.advanced(by: .zero - trigger.period * Self.maximumDeadlines)
    guard due < earliest else { return due }
    effects.append(.account(Remark(.deadlineSkipped)))
    return earliest
  }

  private mutating func fire(
    at due: Timestamp, arrival: Timestamp, _ reporting: Bool, _ effects: inout [Effect]
  ) {
    _ = advance(to: due, arrival: arrival)
    evaluate(drift: nil, DeadlineOccasion(due: due), reporting, &effects)
  }

  // MARK: Outputs

  private func publish(_ output: Output, _ occasion: some Occasion, _ effects: inout [Effect]) {
    effects.append(.publish(Publication(model: key, time: modelTime, cause: occasion.cause, output: output)))
  }

  private mutating func raise(_ finding: Finding?, _ occasion: some Occasion, _ effects: inout [Effect]) {
    guard let finding else { return }
    let transition: AlertTransition? =
      switch finding.monitor {
      case .accuracy: alerts.accuracy.observe(finding, at: modelTime)
      case .latency: alerts.latency.observe(finding, at: modelTime)
      case .drift: alerts.drift.observe(finding, at: modelTime)
      case .duplicateSource: nil
      }
    if let transition { publish(.alert(transition), occasion, &effects) }
  }

  private mutating func evaluate(
    drift: RetrainEvidence.Drift?, _ occasion: some Occasion, _ reporting: Bool, _ effects: inout [Effect]
  ) {
    // Without evidence the time rule alone can decide, and not before it is due; then nobody but a reader of
    // assessments wants the figures.
    let breach = performance.accuracyBreach
    guard reporting || breach != nil || drift != nil || modelTime >= due else { return }
    let assessment = trigger.evaluate(
      at: modelTime, accuracyBreach: breach, drift: drift)
    if reporting { publish(.retrain(assessment), occasion, &effects) }
    guard assessment.shouldRetrain else { return }
    refreshDue()
    let decision = RetrainDecision(
      ordinal: trigger.decisions, assessment: assessment, episodes: openEpisodes,
      isDryRun: trigger.policy.mode == .observe)
    publish(.decision(decision), occasion, &effects)
  }

  private var openEpisodes: [EpisodeReference] {
    let open: [(MonitorKind, Episode?)] = [
      (.accuracy, alerts.accuracy.openEpisode), (.latency, alerts.latency.openEpisode),
      (.drift, alerts.drift.openEpisode),
    ]
    return open.compactMap { monitor, episode in
      episode.map { .init(monitor: monitor, ordinal: $0.ordinal, openedAt: $0.openedAt) }
    }
  }
}

/// What makes a model evaluate. Its cause is spelled out only for what is published, since most events
/// publish nothing.
private protocol Occasion {
  var cause: Cause { get }
}

extension EventHeader: Occasion {
  fileprivate var cause: Cause { .event(origin: origin, id: id, traceParent: traceParent) }
}

private struct DeadlineOccasion: Occasion {
  let due: Timestamp
  var cause: Cause { .timer(due) }
}
