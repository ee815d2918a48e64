package import Events

/// When to retrain a model (preset `reference`).
package struct RetrainPolicy: Sendable, Equatable {
  package enum Mode: String, CaseIterable, Sendable {
    /// Decide and explain, and mark every decision `dry_run`.
    case observe
    case issue
  }

  package var mode = Mode.issue
  /// Accuracy asks for a retrain when it is this far below its alert threshold.
  package var accuracyThreshold = 0.05
  /// Drift asks for one from this score on.
  package var driftThreshold = 2.0
  package var minimumTimeBetweenRetrains = Duration.seconds(24 * 3600)
  package var maximumTimeWithoutRetrain = Duration.seconds(7 * 24 * 3600)
  package var driftSeverityWeights = SeverityWeights()
  /// Without a feature batch for this long, metrics and deadlines alone make the trigger evaluate.
  package var idleEvaluation = Duration.seconds(48 * 3600)

  package init() {}
}

/// What a drift of each severity adds to the severity score.
package struct SeverityWeights: Sendable, Equatable {
  package var low = 0.1
  package var medium = 0.5
  package var high = 1.0

  package init() {}

  package subscript(severity: Severity) -> Double {
    switch severity {
    case .low: low
    case .medium: medium
    case .high: high
    }
  }
}
