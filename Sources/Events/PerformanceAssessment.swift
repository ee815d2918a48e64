/// What the performance monitor says after a measurement.
package struct PerformanceAssessment: Sendable, Equatable {
  package enum Status: String, Sendable {
    case noData = "no_data"
    /// No alert, and a reference is still being learned; preset `standard` alone.
    case learning
    case healthy
    case alert
  }

  /// The accuracy alert, while the latest accuracy violates.
  package var accuracyBreach: Breach?
  /// The latency alert, while the latest latency violates.
  package var latencyBreach: Breach?
  package var recentAccuracy: Double?
  package var recentLatencyMilliseconds: Double?
  /// Measurements ever taken; exact, whatever the histories keep.
  package var totalMeasurements: UInt64
  package var trend: PerformanceTrend
  /// Alerts of business metrics, each with its name.
  package var metricBreaches: [MetricBreach]
  /// What each monitor of preset `standard` is at; empty under preset `reference`.
  package var watches: [WatchReport]

  package init(
    accuracyBreach: Breach? = nil, latencyBreach: Breach? = nil, recentAccuracy: Double? = nil,
    recentLatencyMilliseconds: Double? = nil, totalMeasurements: UInt64 = 0, trend: PerformanceTrend,
    metricBreaches: [MetricBreach] = [], watches: [WatchReport] = []
  ) {
    (self.metricBreaches, self.watches) = (metricBreaches, watches)
    self.accuracyBreach = accuracyBreach
    self.latencyBreach = latencyBreach
    self.recentAccuracy = recentAccuracy
    self.recentLatencyMilliseconds = recentLatencyMilliseconds
    self.totalMeasurements = totalMeasurements
    self.trend = trend
  }

  package var status: Status {
    if totalMeasurements == 0 { return .noData }
    guard accuracyBreach == nil && latencyBreach == nil && metricBreaches.isEmpty else { return .alert }
    return watches.contains(where: \.isLearning) ? .learning : .healthy
  }

  package struct MetricBreach: Sendable, Equatable {
    package var name: String
    package var breach: Breach

    package init(name: String, breach: Breach) { (self.name, self.breach) = (name, breach) }
  }
}

/// A value on the wrong side of its threshold.
package struct Breach: Sendable, Equatable {
  package var current: Double
  package var threshold: Double
  package var severity: Severity

  package init(current: Double, threshold: Double, severity: Severity) {
    self.current = current
    self.threshold = threshold
    self.severity = severity
  }
}

/// The last window of measurements against the window before it.
package struct PerformanceTrend: Sendable, Equatable {
  package enum Direction: String, Sendable {
    case insufficientData = "insufficient_data"
    case stable
    case improving
    case degrading
    case increasing
    case decreasing
  }

  package struct Means: Sendable, Equatable {
    package var recent: Double
    package var older: Double

    package init(recent: Double, older: Double) {
      self.recent = recent
      self.older = older
    }
  }

  package var accuracy: Direction
  package var latency: Direction
  /// Nil while there are fewer measurements than one window.
  package var accuracyMeans: Means?
  package var latencyMeans: Means?

  package init(accuracy: Direction, latency: Direction, accuracyMeans: Means?, latencyMeans: Means?) {
    self.accuracy = accuracy
    self.latency = latency
    self.accuracyMeans = accuracyMeans
    self.latencyMeans = latencyMeans
  }
}
