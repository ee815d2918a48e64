package import Events

/// Fires when a batch drifted and its largest score reaches `driftThreshold`.
package enum DriftRule: RetrainRule {
  package static func mark(_ constraints: inout RetrainAssessment.Constraints) {
    constraints.driftTrigger = true
  }
  package static var announcesWaiting: Bool { true }

  package static func judge(
    _ evidence: RetrainEvidence, by policy: RetrainPolicy
  ) -> (TriggerReason, weight: Double)? {
    guard let drift = evidence.drift, drift.isDetected, drift.maximumScore >= policy.driftThreshold else {
      return nil
    }
    return (.driftDetected(score: drift.maximumScore), policy.driftSeverityWeights[drift.severity])
  }
}
