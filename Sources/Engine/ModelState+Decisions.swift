import Decisions
import Events

// Decisions of one model, what became of them, and its silence.
extension ModelState {
  mutating func evaluate(
    drift: RetrainEvidence.Drift?, _ occasion: some Occasion, _ sources: [SourceLedger],
    _ circumstances: Circumstances, _ effects: inout [Effect]
  ) {
    // Without evidence the time rule alone can decide, and not before it is due; then nobody but a reader of
    // assessments wants the figures.
    let breach = performance.accuracyBreach
    guard circumstances.reporting || breach != nil || drift != nil || modelTime >= due else { return }
    guard !circumstances.isHeld else { return }
    let holds = holds(drift)
    let assessment = trigger.evaluate(
      at: modelTime, accuracyBreach: breach, drift: holds.contains(.inhibited) ? nil : drift,
      isHeld: holds.contains(.fleetAnomaly))
    if circumstances.reporting { publish(.retrain(assessment), occasion, &effects) }
    noteKeep(assessment, holds, occasion, circumstances, &effects)
    guard assessment.shouldRetrain else { return }
    refreshDue()
    decide(assessment, occasion, sources, circumstances, &effects)
  }

  /// What keeps it from being retrained whatever its rules say.
  func holds(_ drift: RetrainEvidence.Drift?) -> Set<RetrainKeep.Reason> {
    var holds: Set<RetrainKeep.Reason> = []
    if let drift, drift.isDetected, isDriftInhibited { holds.insert(.inhibited) }
    if isFleetHeld { holds.insert(.fleetAnomaly) }
    return holds
  }

  /// Knows why it is not retrained; by preset `standard`, says so when that changes.
  private mutating func noteKeep(
    _ assessment: RetrainAssessment, _ holds: Set<RetrainKeep.Reason>, _ occasion: some Occasion,
    _ circumstances: Circumstances, _ effects: inout [Effect]
  ) {
    let now = RetrainKeep(
      assessment, isFleetHeld: holds.contains(.fleetAnomaly), isInhibited: holds.contains(.inhibited))
    guard now?.reason != keep?.reason else { return }
    keep = now
    guard isStandard, circumstances.reporting else { return }
    publish(.keep(now ?? RetrainKeep(over: assessment)), occasion, &effects)
  }

  private mutating func decide(
    _ assessment: RetrainAssessment, _ occasion: some Occasion, _ sources: [SourceLedger],
    _ circumstances: Circumstances, _ effects: inout [Effect]
  ) {
    let cause = occasion.cause
    let decision = RetrainDecision(
      id: life.identify(key, ordinal: trigger.decisions, cause: cause), ordinal: trigger.decisions,
      assessment: assessment, episodes: openEpisodes, isDryRun: trigger.policy.mode == .observe,
      coverage: feeds.coverage(sources), window: .init(from: windowStart, to: modelTime),
      expiresAfter: trigger.policy.life.expiresAfter)
    feeds.restart(sources)
    windowStart = modelTime
    let publication = Publication(model: key, time: modelTime, cause: cause, output: .decision(decision))
    perform(
      life.issue(decision, publication, at: circumstances.arrival), occasion, at: circumstances.arrival,
      sources, &effects)
    isLifeChanged = true
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

  /// Publishes what a step in a decision's life leads to.
  ///
  /// - Parameter arrival: when it happens, on the arrival clock.
  mutating func perform(
    _ step: RetrainLife.Step, _ occasion: some Occasion, at arrival: Timestamp, _ sources: [SourceLedger],
    _ effects: inout [Effect]
  ) {
    raise(step.stall, occasion, at: arrival, sources, &effects)
    for publication in step.publications { effects.append(.publish(publication)) }
    raise(step.relief, occasion, at: arrival, sources, &effects)
  }

  private mutating func raise(
    _ stall: Finding?, _ occasion: some Occasion, at arrival: Timestamp, _ sources: [SourceLedger],
    _ effects: inout [Effect]
  ) {
    guard let stall, let transition = alerts.orchestrator.observe(stall, at: arrival) else { return }
    tell(transition, of: .orchestrator, at: arrival, occasion, sources, &effects)
  }

  /// Takes a report on one of its decisions. Appends what follows from it, the answer last.
  mutating func take(
    _ feedback: Feedback, _ occasion: some Occasion, _ sources: [SourceLedger],
    _ circumstances: Circumstances, into effects: inout [Effect]
  ) throws(FeedbackAnswer.Refusal) {
    let (claim, step) = try life.take(feedback, at: circumstances.arrival, cause: occasion.cause)
    perform(step, occasion, at: circumstances.arrival, sources, &effects)
    isLifeChanged = true
    effects.append(.answer(.granted(claim)))
  }

  // MARK: Silence

  /// The model has been silent for too long. It holds everything else: no data resolves nothing.
  mutating func beginSilence(
    at arrival: Timestamp, _ sources: [SourceLedger], _ effects: inout [Effect]
  ) {
    observeSilence(isViolated: true, DeadlineOccasion(due: arrival), at: arrival, sources, &effects)
  }

  mutating func endSilence(
    _ occasion: some Occasion, _ sources: [SourceLedger], _ circumstances: Circumstances,
    _ effects: inout [Effect]
  ) {
    guard !circumstances.isHeld else { return }
    observeSilence(isViolated: false, occasion, at: circumstances.arrival, sources, &effects)
  }

  private mutating func observeSilence(
    isViolated: Bool, _ occasion: some Occasion, at arrival: Timestamp, _ sources: [SourceLedger],
    _ effects: inout [Effect]
  ) {
    // An alert that is open ends also when nobody asks for it any more.
    let limit = noDataAfter ?? .zero
    let finding = Finding(
      monitor: .noData, isViolated: isViolated, severity: .medium,
      value: isViolated ? limit.secondsValue : 0, threshold: limit.secondsValue)
    guard let transition = alerts.noData.observe(finding, at: arrival) else { return }
    tell(transition, of: .noData, at: arrival, occasion, sources, &effects)
  }
}
