package import Events

/// Decides whether a model is retrained, and keeps the clock of its last retrain.
///
/// The clock starts when the trigger is made and is set again by each decision to retrain.
package struct RetrainTrigger: Sendable {
  package let policy: RetrainPolicy
  package private(set) var lastRetrain: Timestamp
  /// Decisions to retrain so far.
  package private(set) var decisions: UInt64 = 0

  package init(policy: RetrainPolicy, startingAt start: Timestamp) {
    self.policy = policy
    lastRetrain = start
  }

  init(policy: RetrainPolicy, lastRetrain: Timestamp, decisions: UInt64) {
    self.policy = policy
    self.lastRetrain = lastRetrain
    self.decisions = decisions
  }

  /// When a decision is allowed again.
  package var nextAllowed: Timestamp { lastRetrain.advanced(by: policy.minimumTimeBetweenRetrains) }

  /// From a retrain to the next that the time rule alone leads to: due, and no longer held back by the
  /// minimum time.
  package var period: Duration { max(policy.maximumTimeWithoutRetrain, policy.minimumTimeBetweenRetrains) }

  /// When the time rule can lead to a decision.
  package var timeRuleDue: Timestamp { lastRetrain.advanced(by: period) }

  /// Asks every rule. Held, it decides nothing, and its clock stands where it did. A decision to retrain sets the clock to `time` and counts as the next ordinal.
  package mutating func evaluate(
    at time: Timestamp, accuracyBreach: Breach?, drift: RetrainEvidence.Drift?, isHeld: Bool = false
  ) -> RetrainAssessment {
    let elapsed = lastRetrain.duration(to: time)
    let evidence = RetrainEvidence(accuracyBreach: accuracyBreach, drift: drift, sinceLastRetrain: elapsed)
    var reasons: [TriggerReason] = []
    var score = 0.0
    var isWaiting = false
    var constraints = RetrainAssessment.Constraints()
    constraints.isMinimumTimeSatisfied = elapsed >= policy.minimumTimeBetweenRetrains
    for rule in RetrainRuleCatalog.rules {
      guard let (reason, weight) = rule.judge(evidence, by: policy) else { continue }
      rule.mark(&constraints)
      reasons.append(reason)
      score += weight
      isWaiting = isWaiting || rule.announcesWaiting
    }
    constraints.isHeld = isHeld
    let shouldRetrain = !reasons.isEmpty && constraints.isMinimumTimeSatisfied && !isHeld
    if isWaiting && !constraints.isMinimumTimeSatisfied {
      reasons.append(.waitingForMinimumTime(policy.minimumTimeBetweenRetrains))
    }
    let assessment = RetrainAssessment(
      shouldRetrain: shouldRetrain, severityScore: score, reasons: reasons, constraints: constraints,
      sinceLastRetrain: elapsed, nextAllowedRetrain: nextAllowed)
    if shouldRetrain {
      lastRetrain = time
      decisions += 1
    }
    return assessment
  }
}
