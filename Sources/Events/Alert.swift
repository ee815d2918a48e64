/// What can be wrong: with a model, with whoever is to retrain it, or with a source.
package enum MonitorKind: String, CaseIterable, Sendable {
  case accuracy
  case latency
  case drift
  /// A figure of the business, under a name.
  case metric
  /// Columns of a feature batch that are not those of the baseline.
  case schema
  /// Two processes speak under one source name, so each one's events are refused in turn.
  case duplicateSource = "duplicate_source"
  /// A retrain was claimed and not started.
  case orchestrator
  /// The model is silent.
  case noData = "no_data"
  /// Many models that one source sends features of drift at once.
  case fleet = "fleet_anomaly"

  /// The word for what is wrong.
  package var alertType: String {
    switch self {
    case .accuracy: "accuracy_degradation"
    case .latency: "latency_spike"
    case .drift: "data_drift"
    case .metric: "metric_shift"
    case .schema: "schema_break"
    case .duplicateSource: "duplicate_source"
    case .orchestrator: "orchestrator_stalled"
    case .noData: "no_data"
    case .fleet: "fleet_anomaly"
    }
  }
}

/// What a monitor found at one evaluation, as alert policies see it.
package struct Finding: Sendable, Equatable {
  package var monitor: MonitorKind
  package var isViolated: Bool
  package var severity: Severity
  package var value: Double
  package var threshold: Double
  /// For drift, the features that drifted most, largest score first.
  package var topFeatures: [ScoredFeature]
  /// What it is about when that is no model.
  package var source: SourceName?
  /// The name of the metric that monitor `metric` watches.
  package var metric: String?
  /// By preset `standard`.
  package var evidence: Evidence?
  /// How near the alarm is, without a unit: 1 is exactly at it, more is worse. NaN where that cannot be said.
  package var score: Double

  /// Cases that stand behind it.
  package var samples: Int { evidence?.count ?? 1 }

  /// - Parameter score: nil: 1 when it is violated, else 0.
  package init(
    monitor: MonitorKind, isViolated: Bool, severity: Severity, value: Double, threshold: Double,
    topFeatures: [ScoredFeature] = [], source: SourceName? = nil, metric: String? = nil,
    evidence: Evidence? = nil, score: Double? = nil
  ) {
    self.score = score ?? (isViolated ? 1 : 0)
    (self.metric, self.evidence) = (metric, evidence)
    self.monitor = monitor
    self.isViolated = isViolated
    self.severity = severity
    self.value = value
    self.threshold = threshold
    self.topFeatures = topFeatures
    self.source = source
  }
}
