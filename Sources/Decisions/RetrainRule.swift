package import Events

/// What the rules judge by.
package struct RetrainEvidence: Sendable {
  package var accuracyBreach: Breach?
  /// Nil when there is no batch that speaks of now.
  package var drift: Drift?
  package var sinceLastRetrain: Duration

  package struct Drift: Sendable {
    package var isDetected: Bool
    package var maximumScore: Double
    package var severity: Severity

    package init(isDetected: Bool, maximumScore: Double, severity: Severity) {
      self.isDetected = isDetected
      self.maximumScore = maximumScore
      self.severity = severity
    }
  }

  package init(accuracyBreach: Breach?, drift: Drift?, sinceLastRetrain: Duration) {
    self.accuracyBreach = accuracyBreach
    self.drift = drift
    self.sinceLastRetrain = sinceLastRetrain
  }
}

/// One reason to retrain. Every conformer stands in ``RetrainRuleCatalog``.
package protocol RetrainRule: Sendable {
  /// Shows in a decision's constraints that this rule fired.
  static func mark(_ constraints: inout RetrainAssessment.Constraints)

  /// Whether a reason of its own is given when this rule fires and the minimum time is not over.
  static var announcesWaiting: Bool { get }

  /// - Returns: the reason and what it adds to the severity score, or nil when it does not fire.
  static func judge(_ evidence: RetrainEvidence, by policy: RetrainPolicy) -> (TriggerReason, weight: Double)?
}

/// Every rule, in the order in which reasons are given. To add one, see the recipe in
/// CONTRIBUTING.md.
package enum RetrainRuleCatalog {
  package static let rules: [any RetrainRule.Type] = [
    AccuracyDropRule.self, DriftRule.self, ElapsedTimeRule.self,
  ]
}
