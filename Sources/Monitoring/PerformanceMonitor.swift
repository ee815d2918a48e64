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

/// Watches accuracy and latency of one model. Trends compare two windows; what is an alert the latest value
/// decides under preset `reference`, and evidence under preset `standard`, which also watches business metrics.
///
/// Memory: two rings of at most `history` values, beside what preset `standard` has; the count of all
/// measurements is exact.
package struct PerformanceMonitor: Sendable {
  private let settings: PerformanceSettings
  /// What accuracy is held against while no event has given anything else.
  private let configuredBaseline: Double
  var accuracyLimit: LimitDetector
  var latencyLimit: LimitDetector
  var accuracies: Ring<Double>
  var latencies: Ring<Double>
  package internal(set) var accuracyBreach: Breach?
  var latencyBreach: Breach?
  var total: UInt64 = 0
  /// The accuracy that an event gave to be held against; nil while the configured one holds.
  private(set) var givenBaseline: Double?
  /// One, or none under preset `reference`, whose many models a list keeps small.
  var standards: [StandardMonitor]

  /// - Parameters:
  ///   - baselineAccuracy: what accuracy is held against.
  ///   - standard: nil for preset `reference`.
  package init(settings: PerformanceSettings, baselineAccuracy: Double, standard: StandardSettings? = nil) {
    self.settings = settings
    configuredBaseline = baselineAccuracy
    standards = standard.map { [StandardMonitor($0)] } ?? []
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

  /// Holds later measurements against what a baseline event gives.
  package mutating func take(_ baseline: BaselineUpdate) {
    if let accuracy = baseline.expectedAccuracy { setBaseline(accuracy: accuracy) }
    if isStandard { standards[0].take(baseline) }
  }

  /// What accuracy is held against.
  package var baselineAccuracy: Double { givenBaseline ?? configuredBaseline }

  /// Whether preset `standard` judges.
  package var isStandard: Bool { !standards.isEmpty }

  /// Takes a measurement. A metric it lacks keeps its last value and its alert.
  ///
  /// - Parameter time: of the model, to date changes with.
  /// - Returns: a verdict on each metric it has; nil, and nothing counted, when it has none.
  package mutating func observe(_ metrics: Metrics, at time: Timestamp) -> Verdicts? {
    if isStandard { return observeStandard(metrics, at: time) }
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

  /// The same by preset `standard`, whose verdicts are absent while a reference is learned.
  private mutating func observeStandard(_ metrics: Metrics, at time: Timestamp) -> Verdicts? {
    let isMetric = standards[0].observeMetrics(metrics, at: time)
    let counts = (metrics.detail?.counts?.total ?? 0) > 0
    guard isMetric || counts || metrics.accuracy != nil || metrics.latencyMilliseconds != nil else {
      return nil
    }
    total &+= 1
    if let accuracy = metrics.accuracy { accuracies.append(accuracy) }
    if let latency = metrics.latencyMilliseconds { latencies.append(latency) }
    let verdicts = Verdicts(
      accuracy: standards[0].observeAccuracy(metrics, at: time),
      latency: standards[0].observeLatency(metrics, at: time))
    if let verdict = verdicts.accuracy {
      accuracyBreach = breach(verdict, standards[0].accuracyFinding, .high)
    }
    if let verdict = verdicts.latency {
      latencyBreach = breach(verdict, standards[0].latency.finding, .medium)
    }
    return verdicts
  }

  private func breach(
    _ verdict: Verdict, _ finding: (value: Double, threshold: Double, evidence: Evidence)?,
    _ severity: Severity
  ) -> Breach? {
    guard verdict.isDrifted, let finding else { return nil }
    return Breach(current: finding.value, threshold: finding.threshold, severity: severity)
  }

  /// What one measurement came to; nil for a metric that it lacks, or that is still being learned.
  package struct Verdicts: Sendable {
    package var accuracy: Verdict?
    package var latency: Verdict?
  }

  /// For alert policies: what came of the last measurement, whose verdict this is.
  package func finding(_ monitor: MonitorKind, _ verdict: Verdict) -> Finding? {
    let severity: Severity = monitor == .accuracy ? .high : .medium
    guard isStandard else { return Self.finding(monitor, verdict, severity) }
    guard let found = monitor == .accuracy ? standards[0].accuracyFinding : standards[0].latency.finding
    else { return nil }
    return Finding(
      monitor: monitor, isViolated: verdict.isDrifted, severity: severity, value: found.value,
      threshold: found.threshold, evidence: found.evidence, score: found.evidence.score)
  }

  /// Business metrics that are watched; only preset `standard` has any.
  package var metricCount: Int { isStandard ? standards[0].metrics.count : 0 }
  /// - Precondition: the index is below ``metricCount``, here and below.
  package func metricName(at index: Int) -> String { standards[0].metrics[index].name }
  /// Of the last measurement; nil when it lacks this metric.
  package func metricVerdict(at index: Int) -> Verdict? { standards[0].metrics[index].verdict }
  package func metricFinding(at index: Int, _ verdict: Verdict) -> Finding? {
    let metric = standards[0].metrics[index]
    guard let found = metric.watch.finding else { return nil }
    return Finding(
      monitor: .metric, isViolated: verdict.isDrifted, severity: .medium, value: found.value,
      threshold: found.threshold, metric: metric.name, evidence: found.evidence,
      score: found.evidence.score)
  }

  private static func breach(_ verdict: Verdict, _ severity: Severity) -> Breach? {
    guard verdict.isDrifted else { return nil }
    return Breach(current: verdict.score, threshold: verdict.threshold, severity: severity)
  }

  fileprivate static func finding(_ monitor: MonitorKind, _ verdict: Verdict, _ severity: Severity) -> Finding
  {
    Finding(
      monitor: monitor, isViolated: verdict.isDrifted, severity: severity, value: verdict.score,
      threshold: verdict.threshold, score: score(monitor, verdict))
  }

  /// Of a fixed limit: latency over its limit, and of accuracy the share of wrong answers over what is allowed of
  /// it. Nil where a limit has no such part.
  private static func score(_ monitor: MonitorKind, _ verdict: Verdict) -> Double? {
    if monitor == .accuracy {
      return verdict.threshold < 1 ? max(0, (1 - verdict.score) / (1 - verdict.threshold)) : nil
    }
    return verdict.threshold > 0 ? max(0, verdict.score / verdict.threshold) : nil
  }

  /// The state of the model by its latest measurements. Cost: O(window).
  package var assessment: PerformanceAssessment {
    PerformanceAssessment(
      accuracyBreach: accuracyBreach, latencyBreach: latencyBreach, recentAccuracy: accuracies.latest,
      recentLatencyMilliseconds: latencies.latest, totalMeasurements: total,
      trend: trend(window: settings.window),
      metricBreaches: isStandard ? standards[0].breaches : [],
      watches: isStandard ? standards[0].reports : [])
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
