import Decisions
import Events
import Monitoring

// What is told of one model to whoever looks. Nothing here changes anything.
extension ModelState {
  /// Cost: about 1 µs.
  var summary: ModelSummary {
    ModelSummary(
      key: key, isStandard: drift.isStandard, lastHeard: lastHeard, modelTime: modelTime,
      staleAfter: noDataAfter ?? ModelSummary.defaultStaleAfter, events: events,
      isLearning: performance.isLearning && drift.report == nil || drift.isLearning,
      accuracy: performance.latestAccuracy, baselineAccuracy: performance.baselineAccuracy,
      latency: performance.latestLatency, drift: drift.report,
      recentDrift: drift.recentScores(ModelSummary.recentScores), scores: scores, alerts: openAlerts,
      decision: life.report, nextAllowedRetrain: trigger.nextAllowed)
  }

  private var scores: [MonitorScore] {
    monitorReports.compactMap { report in
      report.score.map { MonitorScore(report.monitor, metric: report.metric, $0) }
    }
  }

  private var monitorReports: [MonitorReport] {
    performance.reports + (drift.monitorReport.map { [$0] } ?? [])
  }

  // MARK: Alerts

  private var openAlerts: [AlertReport] {
    var open: [AlertReport] = []
    func note(_ policy: AlertPolicy, _ monitor: MonitorKind, metric: String? = nil) {
      guard let episode = policy.openEpisode else { return }
      open.append(
        AlertReport(
          monitor: monitor, metric: metric, episode: episode, state: policy.state ?? .firing,
          flags: policy.flags))
    }
    note(alerts.accuracy, .accuracy)
    note(alerts.latency, .latency)
    note(alerts.drift, .drift)
    note(alerts.schema, .schema)
    for (index, policy) in alerts.metrics.enumerated() {
      note(policy, .metric, metric: performance.metricName(at: index))
    }
    note(alerts.orchestrator, .orchestrator)
    note(alerts.noData, .noData)
    guard !open.isEmpty else { return [] }
    let reports = monitorReports
    for index in open.indices {
      let own = reports.first { $0.monitor == open[index].monitor && $0.metric == open[index].metric }
      (open[index].value, open[index].threshold) = (own?.value, own?.threshold)
    }
    return open
  }

  // MARK: Detail

  /// Cost: see ``DriftMonitor/featuresReport``; otherwise a few µs.
  func detail(_ sources: [SourceLedger], at now: Timestamp, isHeld: Bool) -> ModelDetail {
    let (known, hasMore) = feeds.sources
    return ModelDetail(
      summary: summary, monitors: monitorReports, features: drift.featuresReport,
      sources: known.filter(sources.indices.contains).map { sources[$0].report(at: now) },
      hasMoreSources: hasMore, retrain: retrainReport(sources, at: now, isHeld: isHeld), timers: timers)
  }

  /// By the rules themselves, with what is known now.
  private func retrainReport(_ sources: [SourceLedger], at now: Timestamp, isHeld: Bool) -> RetrainReport {
    // The clock of the rules is model time, which stands still between events.
    let time = max(modelTime, modelTime.advanced(by: arrivedAt.duration(to: now)))
    let last = drift.report
    let evidence = last.map {
      RetrainEvidence.Drift(
        isDetected: $0.drifted > 0, maximumScore: $0.score ?? 0, severity: $0.severity)
    }
    let holds = holds(evidence)
    var asked = trigger
    let assessment = asked.evaluate(
      at: time, accuracyBreach: performance.accuracyBreach,
      drift: holds.contains(.inhibited) ? nil : evidence,
      isHeld: holds.contains(.fleetAnomaly))
    return RetrainReport(
      isObserving: trigger.policy.mode == .observe, wouldRetrain: assessment.shouldRetrain && !isHeld,
      rules: rules(assessment, last, since: trigger.lastRetrain.duration(to: time)),
      blocks: blocks(assessment, holds, isHeld: isHeld),
      minimumTime: trigger.policy.minimumTimeBetweenRetrains,
      lastRetrain: trigger.lastRetrain, coverage: feeds.coverage(sources))
  }

  private func rules(
    _ assessment: RetrainAssessment, _ last: DriftReport?, since elapsed: Duration
  ) -> [RetrainReport.Rule] {
    func reason(where isOf: (TriggerReason) -> Bool) -> TriggerReason? {
      assessment.reasons.first(where: isOf)
    }
    let policy = trigger.policy
    return [
      .init(
        .accuracyDrop, value: performance.accuracyBreach.map { $0.threshold - $0.current },
        threshold: policy.accuracyThreshold, unit: "accuracy",
        reason: reason { if case .accuracyDropped = $0 { true } else { false } }),
      .init(
        .drift, value: last?.score, threshold: policy.driftThreshold, unit: "score",
        reason: reason { if case .driftDetected = $0 { true } else { false } }),
      .init(
        .elapsedTime, value: elapsed.secondsValue, threshold: policy.maximumTimeWithoutRetrain.secondsValue,
        unit: "s", reason: reason { if case .maximumTimeExceeded = $0 { true } else { false } }),
    ]
  }

  private func blocks(
    _ assessment: RetrainAssessment, _ holds: Set<RetrainKeep.Reason>, isHeld: Bool
  ) -> [RetrainReport.Block] {
    var blocks: [RetrainReport.Block] = []
    let constraints = assessment.constraints
    if holds.contains(.inhibited) {
      blocks.append(.inhibited(by: flags(of: .drift).inhibitors))
    } else if !constraints.accuracyTrigger && !constraints.driftTrigger && !constraints.timeTrigger {
      blocks.append(.noRuleFires)
    }
    if holds.contains(.fleetAnomaly) { blocks.append(.fleetHold) }
    if !constraints.isMinimumTimeSatisfied {
      blocks.append(
        .minimumTime(trigger.policy.minimumTimeBetweenRetrains, until: trigger.nextAllowed))
    }
    if let decision = life.report, decision.isOpen {
      blocks.append(.openDecision(decision, until: life.deadline))
    }
    if trigger.policy.mode == .observe { blocks.append(.observing) }
    if isHeld { blocks.append(.journalFailing) }
    return blocks
  }

  private var timers: [TimerReport] {
    var timers = runsDecisionTimers ? life.timers : []
    if timeRuleArrival != .max { timers.append(TimerReport(.elapsedTime, at: timeRuleArrival)) }
    if silenceDeadline != .max { timers.append(TimerReport(.noData, at: silenceDeadline)) }
    return timers.sorted { $0.at < $1.at }
  }
}
