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

  package init(
    monitor: MonitorKind, isViolated: Bool, severity: Severity, value: Double, threshold: Double,
    topFeatures: [ScoredFeature] = [], source: SourceName? = nil, metric: String? = nil,
    evidence: Evidence? = nil
  ) {
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

/// One alert, from the first violation to its end. Its id is a digest of model, version, monitor,
/// ordinal and opening time, so a recomputation yields the same id and a later run another.
package struct Episode: Sendable, Equatable {
  /// From 1, one more each time this alert of this model opens.
  package var ordinal: UInt64
  /// From 1, one more each time something about it is published. A consumer applies an event only
  /// when its revision is larger than what it knows.
  package var revision: UInt64
  package var openedAt: Timestamp
  package var severity: Severity

  package init(ordinal: UInt64, revision: UInt64, openedAt: Timestamp, severity: Severity) {
    self.ordinal = ordinal
    self.revision = revision
    self.openedAt = openedAt
    self.severity = severity
  }
}

/// An alert that opened, changed its severity or ended.
package struct AlertTransition: Sendable, Equatable {
  package enum Change: String, Sendable {
    case opened
    case updated
    case resolved
  }

  package var change: Change
  package var episode: Episode
  package var finding: Finding

  package init(change: Change, episode: Episode, finding: Finding) {
    self.change = change
    self.episode = episode
    self.finding = finding
  }
}
