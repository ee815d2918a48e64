import Decisions
import Events
import TestSupport
import Testing

@Suite struct RetrainTriggerTests {
  private func policy(_ golden: JSON) -> RetrainPolicy {
    var policy = RetrainPolicy()
    if let value = golden["accuracy_threshold"].number { policy.accuracyThreshold = value }
    if let value = golden["drift_threshold"].number { policy.driftThreshold = value }
    if let value = golden["min_time_between_retrains"].number {
      policy.minimumTimeBetweenRetrains = .seconds(value)
    }
    if let value = golden["max_time_without_retrain"].number {
      policy.maximumTimeWithoutRetrain = .seconds(value)
    }
    let weights = golden["drift_severity_weights"]
    if let value = weights["low"].number { policy.driftSeverityWeights.low = value }
    if let value = weights["medium"].number { policy.driftSeverityWeights.medium = value }
    if let value = weights["high"].number { policy.driftSeverityWeights.high = value }
    return policy
  }

  private func breach(_ alerts: JSON) throws -> Breach? {
    guard let alert = alerts["alerts"].list.first(where: { $0["type"].text == "accuracy_degradation" }) else {
      return nil
    }
    return Breach(
      current: try #require(alert["current"].number), threshold: try #require(alert["threshold"].number),
      severity: .high)
  }

  /// Preset `reference`, the trigger alone, against answers computed in Python. Reason texts are
  /// held to the golden in the wire's tests and through replay.
  @Test func golden() throws {
    let cases = try Golden.reference("trigger")
    #expect(cases.count == 60)
    for (number, golden) in cases.enumerated() {
      var trigger = RetrainTrigger(policy: policy(golden["policy"]), startingAt: Timestamp(nanoseconds: 0))
      for (index, step) in golden["steps"].list.enumerated() {
        let context: Comment = "case \(number), step \(index)"
        let drift = step["drift"]
        let assessment = trigger.evaluate(
          at: Timestamp(nanoseconds: Int64((try #require(step["at_s"].number) * 1e9).rounded())),
          accuracyBreach: try breach(step["alerts"]),
          drift: .init(
            isDetected: drift["drift_detected"].flag == true,
            maximumScore: try #require(drift["max_drift_score"].number),
            severity: try #require(drift["drift_severity"].text.flatMap(Severity.init))))
        let expected = step["expect"]
        #expect(assessment.shouldRetrain == expected["should_retrain"].flag, context)
        #expect(agree(assessment.severityScore, expected["severity_score"].number), context)
        #expect(assessment.reasons.count == expected["trigger_reasons"].list.count, context)
        let constraints = expected["constraints"]
        #expect(assessment.constraints.accuracyTrigger == constraints["accuracy_trigger"].flag, context)
        #expect(assessment.constraints.driftTrigger == constraints["drift_trigger"].flag, context)
        #expect(assessment.constraints.timeTrigger == constraints["time_trigger"].flag, context)
        #expect(
          assessment.constraints.isMinimumTimeSatisfied == constraints["min_time_satisfied"].flag, context)
        #expect(
          agree(assessment.sinceLastRetrain.secondsValue, expected["time_since_last_retrain"].number), context
        )
        let next = Double(assessment.nextAllowedRetrain.nanoseconds) / 1e9
        #expect(agree(next, expected["next_allowed_retrain"].number), context)
      }
    }
  }

  /// At the thresholds themselves, in numbers that doubles hold exactly.
  @Test func thresholdsAreReachedByEquality() {
    var policy = RetrainPolicy()
    policy.accuracyThreshold = 0.25
    policy.driftThreshold = 2.5
    let evidence = { (current: Double, score: Double, elapsed: Duration) in
      RetrainEvidence(
        accuracyBreach: Breach(current: current, threshold: 0.75, severity: .high),
        drift: .init(isDetected: true, maximumScore: score, severity: .medium), sinceLastRetrain: elapsed)
    }
    let week = policy.maximumTimeWithoutRetrain
    for rule in RetrainRuleCatalog.rules {
      #expect(rule.judge(evidence(0.5, 2.5, week), by: policy) != nil, "\(rule) at its threshold")
      let before = evidence(0.5.nextUp, 2.5.nextDown, week - .nanoseconds(1))
      #expect(rule.judge(before, by: policy) == nil, "\(rule) before its threshold")
    }
  }

  /// Whenever the time rule is due, evaluating it decides; so a deadline never fires for nothing.
  @Test func dueTimeRuleAlwaysDecides() {
    var random = SeededGenerator(seed: 2)
    for _ in 0..<200 {
      var policy = RetrainPolicy()
      policy.minimumTimeBetweenRetrains = .seconds(Int.random(in: 0...100_000, using: &random))
      policy.maximumTimeWithoutRetrain = .seconds(Int.random(in: 1...100_000, using: &random))
      var trigger = RetrainTrigger(policy: policy, startingAt: Timestamp(nanoseconds: 0))
      for ordinal in 1...3 {
        let due = trigger.timeRuleDue
        #expect(trigger.evaluate(at: due, accuracyBreach: nil, drift: nil).shouldRetrain)
        #expect(trigger.lastRetrain == due && trigger.decisions == UInt64(ordinal))
      }
    }
  }
}
