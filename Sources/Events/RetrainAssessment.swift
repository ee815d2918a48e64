/// Whether to retrain, asked once, with every number that decided it.
package struct RetrainAssessment: Sendable, Equatable {
  /// Of the rules that can ask for a retrain, those that do.
  package struct Constraints: Sendable, Equatable {
    package var accuracyTrigger = false
    package var driftTrigger = false
    package var timeTrigger = false
    /// Whether enough time has passed since the last retrain.
    package var isMinimumTimeSatisfied = false
    /// Whether an anomaly of the model's feed holds every retrain.
    package var isHeld = false

    package init() {}
  }

  package var shouldRetrain: Bool
  /// The sum of the fired rules' weights.
  package var severityScore: Double
  package var reasons: [TriggerReason]
  package var constraints: Constraints
  package var sinceLastRetrain: Duration
  /// By the clock as it stood before this decision reset it.
  package var nextAllowedRetrain: Timestamp

  package init(
    shouldRetrain: Bool, severityScore: Double, reasons: [TriggerReason], constraints: Constraints,
    sinceLastRetrain: Duration, nextAllowedRetrain: Timestamp
  ) {
    self.shouldRetrain = shouldRetrain
    self.severityScore = severityScore
    self.reasons = reasons
    self.constraints = constraints
    self.sinceLastRetrain = sinceLastRetrain
    self.nextAllowedRetrain = nextAllowedRetrain
  }
}

/// Why a retrain is asked for, or is waiting.
package enum TriggerReason: Sendable, Equatable {
  /// By how much accuracy is below the alert threshold.
  case accuracyDropped(by: Double)
  case driftDetected(score: Double)
  case maximumTimeExceeded(Duration)
  /// Accuracy or drift asks, but the minimum time is not over.
  case waitingForMinimumTime(Duration)

  /// The machine's word for it.
  package var code: String {
    switch self {
    case .accuracyDropped: "accuracy_dropped"
    case .driftDetected: "drift_detected"
    case .maximumTimeExceeded: "maximum_time_exceeded"
    case .waitingForMinimumTime: "waiting_for_minimum_time"
    }
  }
}
