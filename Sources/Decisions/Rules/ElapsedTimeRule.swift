package import Events

/// Fires when the last retrain is `maximumTimeWithoutRetrain` ago.
package enum ElapsedTimeRule: RetrainRule {
  package static func mark(_ constraints: inout RetrainAssessment.Constraints) {
    constraints.timeTrigger = true
  }
  /// The time rule alone says nothing while the minimum time runs.
  package static var announcesWaiting: Bool { false }

  package static func judge(
    _ evidence: RetrainEvidence, by policy: RetrainPolicy
  ) -> (TriggerReason, weight: Double)? {
    guard evidence.sinceLastRetrain >= policy.maximumTimeWithoutRetrain else { return nil }
    return (.maximumTimeExceeded(evidence.sinceLastRetrain), 0.5)
  }
}
