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
  package var life = RetrainLifePolicy()

  package init() {}
}

/// How long each step in the life of a decision may take, on the arrival clock.
package struct RetrainLifePolicy: Sendable, Equatable {
  /// Unclaimed, it is sent again after this, twice this, four times this, ….
  package var acknowledgeWithin = Duration.seconds(60)
  /// Unclaimed for this long, it expires.
  package var expiresAfter = Duration.seconds(24 * 3600)
  /// Claimed and not started for this long, the attempt has failed.
  package var startWithin = Duration.seconds(15 * 60)
  /// How long a retrain usually takes; after three times as much the attempt has failed.
  package var duration = Duration.seconds(2 * 3600)
  /// From a retrain's success to when labels tell whether it helped.
  package var verifyAfter = Duration.seconds(24 * 3600)
  /// Attempts of one decision.
  package var attempts = 3

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
