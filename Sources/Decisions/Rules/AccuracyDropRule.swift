package import Events

/// Fires when accuracy is at least `accuracyThreshold` below the threshold of its alert.
package enum AccuracyDropRule: RetrainRule {
  package static func mark(_ constraints: inout RetrainAssessment.Constraints) {
    constraints.accuracyTrigger = true
  }
  package static var announcesWaiting: Bool { true }

  package static func judge(
    _ evidence: RetrainEvidence, by policy: RetrainPolicy
  ) -> (TriggerReason, weight: Double)? {
    guard let breach = evidence.accuracyBreach else { return nil }
    let drop = breach.threshold - breach.current
    return drop >= policy.accuracyThreshold ? (.accuracyDropped(by: drop), 1) : nil
  }
}
