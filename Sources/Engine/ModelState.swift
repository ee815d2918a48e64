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
  /// Of the last feature batch; before the first, when the clock started.
  private var lastBatch: Timestamp
  /// Reused between events, so that a metrics event allocates no array for its findings.
  private var findings: [Finding] = []

  init(key: ModelKey, settings: ModelSettings, time: Timestamp, arrival: Timestamp) {
    self.key = key
    modelTime = time
    arrivedAt = arrival
    lastBatch = time
    performance = PerformanceMonitor(
      settings: settings.performance, baselineAccuracy: settings.baselineAccuracy)
    drift = DriftMonitor(settings: settings.drift)
    if let features = settings.baselineFeatures { drift.setBaseline(features) }
    trigger = RetrainTrigger(policy: settings.retrain, startingAt: time)
  }

  // MARK: Clocks

  /// Moves model time on to an event's time. Returns whether the event is late.
  ///
  /// Arrival plays no part in it, so that live and replay see the same model times.
  mutating func advance(to time: Timestamp, arrival: Timestamp) -> Bool {
    if time > modelTime { (modelTime, arrivedAt) = (time, arrival) }
    return time < modelTime
  }

  /// When the time rule falls due without an event to carry it, in model time.
  ///
  /// With batches coming, the next batch evaluates it; without one for `idleEvaluation`, it is due
  /// by itself. A model that has no feature baseline is always idle in this sense.
  private var deadline: Timestamp {
    guard drift.hasBaseline else { return trigger.timeRuleDue }
    return max(trigger.timeRuleDue, lastBatch.advanced(by: trigger.policy.idleEvaluation))
  }

  /// ``deadline`` on the arrival clock.
  var deadlineArrival: Timestamp { arrivedAt.advanced(by: modelTime.duration(to: deadline)) }

  private var isIdle: Bool {
    !drift.hasBaseline || lastBatch.duration(to: modelTime) >= trigger.policy.idleEvaluation
  }

  // MARK: Events

  mutating func apply(_ baseline: BaselineUpdate) {
    if let accuracy = baseline.accuracy { performance.setBaseline(accuracy: accuracy) }
    if let features = baseline.features { drift.setBaseline(FeatureBaseline(features)) }
  }

  mutating func apply(
    _ metrics: Metrics, cause: Cause, reporting: Bool, into effects: inout [Effect]
  ) {
    findings.removeAll(keepingCapacity: true)
    guard performance.observe(metrics, findings: &findings) else { return }
    if reporting { publish(.performance(performance.assessment), cause, &effects) }
    for finding in findings { raise(finding, cause, &effects) }
    if isIdle { evaluate(drift: nil, cause, reporting, &effects) }
  }

  mutating func apply(
    _ features: FeatureBatch, cause: Cause, reporting: Bool, into effects: inout [Effect]
  ) throws(Remark) {
    let assessment = try drift.observe(features, at: modelTime)
    lastBatch = modelTime
    if reporting { publish(.drift(assessment), cause, &effects) }
    if let finding = drift.finding(for: assessment) { raise(finding, cause, &effects) }
    let evidence = RetrainEvidence.Drift(
      isDetected: assessment.isDrifted, maximumScore: assessment.maximumScore ?? 0,
      severity: assessment.severity)
    evaluate(drift: evidence, cause, reporting, &effects)
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
  mutating func fireDeadlines(
    before time: Timestamp, arrival: Timestamp, reporting: Bool, into effects: inout [Effect]
  ) {
    while deadline < time {
      fire(at: nextDeadline(before: time, &effects), arrival: arrival, reporting, &effects)
    }
  }

  /// The first deadline, or a later time no more than ``maximumDeadlines`` periods before `time`.
  private func nextDeadline(before time: Timestamp, _ effects: inout [Effect]) -> Timestamp {
    let earliest = time.advanced(by: .zero - trigger.period * Self.maximumDeadlines)
    guard deadline < earliest else { return deadline }
    effects.append(.account(Remark(.deadlineSkipped)))
    return earliest
  }

  private mutating func fire(
    at due: Timestamp, arrival: Timestamp, _ reporting: Bool, _ effects: inout [Effect]
  ) {
    _ = advance(to: due, arrival: arrival)
    evaluate(drift: nil, .timer(due), reporting, &effects)
  }

  // MARK: Outputs

  private func publish(_ output: Output, _ cause: Cause, _ effects: inout [Effect]) {
    effects.append(.publish(Publication(model: key, time: modelTime, cause: cause, output: output)))
  }

  private mutating func raise(_ finding: Finding, _ cause: Cause, _ effects: inout [Effect]) {
    let transition: AlertTransition? =
      switch finding.monitor {
      case .accuracy: alerts.accuracy.observe(finding, at: modelTime)
      case .latency: alerts.latency.observe(finding, at: modelTime)
      case .drift: alerts.drift.observe(finding, at: modelTime)
      case .duplicateSource: nil
      }
    if let transition { publish(.alert(transition), cause, &effects) }
  }

  private mutating func evaluate(
    drift: RetrainEvidence.Drift?, _ cause: Cause, _ reporting: Bool, _ effects: inout [Effect]
  ) {
    let assessment = trigger.evaluate(
      at: modelTime, accuracyBreach: performance.accuracyBreach, drift: drift)
    if reporting { publish(.retrain(assessment), cause, &effects) }
    guard assessment.shouldRetrain else { return }
    let decision = RetrainDecision(
      ordinal: trigger.decisions, assessment: assessment, episodes: openEpisodes,
      isDryRun: trigger.policy.mode == .observe)
    publish(.decision(decision), cause, &effects)
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
