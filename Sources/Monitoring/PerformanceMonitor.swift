package import Detection
package import Events

/// What the performance monitor of a model is held to.
package struct PerformanceSettings: Sendable, Equatable {
  /// Accuracy alerts below this share of the baseline.
  package var accuracyRatio = 0.9
  /// Latency alerts above this many milliseconds.
  package var latencyLimitMilliseconds = 200.0
  /// Measurements a trend window holds.
  package var window = 5
  /// Measurements kept; at least two windows.
  package var history = 100

  package init() {}
}

/// Watches accuracy and latency of one model: the latest value decides, trends compare two windows.
///
/// Memory: two rings of at most `history` values; the count of all measurements is exact.
package struct PerformanceMonitor: Sendable {
  private let settings: PerformanceSettings
  private var accuracyLimit: LimitDetector
  private var latencyLimit: LimitDetector
  var accuracies: Ring<Double>
  var latencies: Ring<Double>
  package internal(set) var accuracyBreach: Breach?
  var latencyBreach: Breach?
  var total: UInt64 = 0
  /// The accuracy that an event gave to be held against; nil while the configured one holds.
  private(set) var givenBaseline: Double?

  /// - Parameter baselineAccuracy: what accuracy is held against.
  package init(settings: PerformanceSettings, baselineAccuracy: Double) {
    self.settings = settings
    accuracyLimit = Self.accuracyLimit(settings, baselineAccuracy)
    latencyLimit = LimitDetector(.above, settings.latencyLimitMilliseconds)
    accuracies = Ring(capacity: settings.history)
    latencies = Ring(capacity: settings.history)
  }

  private static func accuracyLimit(_ settings: PerformanceSettings, _ baseline: Double) -> LimitDetector {
    LimitDetector(.below, settings.accuracyRatio * baseline)
  }

  /// Holds later measurements against another accuracy; what was judged stays judged.
  package mutating func setBaseline(accuracy: Double) {
    givenBaseline = accuracy
    accuracyLimit = Self.accuracyLimit(settings, accuracy)
  }

  /// Takes a measurement. A metric it lacks keeps its last value and its alert.
  ///
  /// - Returns: a verdict on each metric it has; nil, and nothing counted, when it has neither.
  package mutating func observe(_ metrics: Metrics) -> Verdicts? {
    guard metrics.accuracy != nil || metrics.latencyMilliseconds != nil else { return nil }
    var verdicts = Verdicts()
    total &+= 1
    if let accuracy = metrics.accuracy {
      accuracies.append(accuracy)
      let verdict = accuracyLimit.observe(accuracy)
      accuracyBreach = Self.breach(verdict, .high)
      verdicts.accuracy = verdict
    }
    if let latency = metrics.latencyMilliseconds {
      latencies.append(latency)
      let verdict = latencyLimit.observe(latency)
      latencyBreach = Self.breach(verdict, .medium)
      verdicts.latency = verdict
    }
    return verdicts
  }

  /// What one measurement came to; nil for a metric that it lacks.
  package struct Verdicts: Sendable {
    package var accuracy: Verdict?
    package var latency: Verdict?

    /// For alert policies.
    package var accuracyFinding: Finding? {
      accuracy.map { PerformanceMonitor.finding(.accuracy, $0, .high) }
    }
    package var latencyFinding: Finding? { latency.map { PerformanceMonitor.finding(.latency, $0, .medium) } }
  }

  private static func breach(_ verdict: Verdict, _ severity: Severity) -> Breach? {
    guard verdict.isDrifted else { return nil }
    return Breach(current: verdict.score, threshold: verdict.threshold, severity: severity)
  }

  fileprivate static func finding(_ monitor: MonitorKind, _ verdict: Verdict, _ severity: Severity) -> Finding
  {
    Finding(
      monitor: monitor, isViolated: verdict.isDrifted, severity: severity, value: verdict.score,
      threshold: verdict.threshold)
  }

  /// The state of the model by its latest measurements. Cost: O(window).
  package var assessment: PerformanceAssessment {
    PerformanceAssessment(
      accuracyBreach: accuracyBreach, latencyBreach: latencyBreach, recentAccuracy: accuracies.latest,
      recentLatencyMilliseconds: latencies.latest, totalMeasurements: total,
      trend: trend(window: settings.window))
  }

  /// The mean of the last `window` measurements against that of the `window` before them.
  ///
  /// With fewer than two windows the older mean equals the recent one, so the trend is `stable`.
  package func trend(window: Int) -> PerformanceTrend {
    let accuracyMeans = Self.means(accuracies, window)
    let latencyMeans = Self.means(latencies, window)
    return PerformanceTrend(
      accuracy: Self.direction(accuracyMeans, tolerance: 0.02, up: .improving, down: .degrading),
      latency: Self.direction(latencyMeans, tolerance: 0.1, up: .increasing, down: .decreasing),
      accuracyMeans: accuracyMeans, latencyMeans: latencyMeans)
  }

  private static func means(_ values: Ring<Double>, _ window: Int) -> PerformanceTrend.Means? {
    guard values.count >= window else { return nil }
    let recent = mean(values, ages: 0..<window)
    guard values.count >= 2 * window else { return .init(recent: recent, older: recent) }
    return .init(recent: recent, older: mean(values, ages: window..<2 * window))
  }

  private static func mean(_ values: Ring<Double>, ages: Range<Int>) -> Double {
    var sum = 0.0
    for age in ages.reversed() { sum += values[fromLatest: age] }
    return sum / Double(ages.count)
  }

  private static func direction(
    _ means: PerformanceTrend.Means?, tolerance: Double, up: PerformanceTrend.Direction,
    down: PerformanceTrend.Direction
  ) -> PerformanceTrend.Direction {
    guard let means else { return .insufficientData }
    if means.recent > means.older * (1 + tolerance) { return up }
    if means.recent < means.older * (1 - tolerance) { return down }
    return .stable
  }
}
