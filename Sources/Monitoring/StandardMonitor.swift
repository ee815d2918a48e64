import Detection
import Events

/// Performance of one model by preset `standard`: evidence against a reference in place of fixed limits.
///
/// Accuracy is judged by right answers of checked ones when an event has them, else by the figure alone; latency
/// by the answers above the reference's quantiles, each answer when an event has them, else its one figure;
/// business metrics by their mean within a range.
///
/// Memory: about 1.5 KiB each of counts, figures and metrics, 3 KiB of latency, 8 KiB while that learns.
struct StandardMonitor: Sendable {
  private(set) var counted: Watch<CountedAccuracy>
  private(set) var figure: Watch<BoundedFigure>
  private(set) var latency: Watch<AnswerLatency>
  private(set) var metrics: [Metric]
  /// Whether accuracy was last judged by counts.
  private(set) var isCounted = true

  struct Metric: Sendable {
    var watch: Watch<BoundedFigure>
    var breach: Breach?
    /// Of the last event, if it measured this one.
    var verdict: Verdict?

    var name: String { watch.subject.settings.name }
  }

  init(_ settings: StandardSettings) {
    let length = settings.batchesPerFalseAlarm
    counted = Watch(
      CountedAccuracy(averageRunLength: length, minimumEffect: settings.minimumDrop),
      configured: CountedAccuracy.reference(settings.counts, accuracy: settings.accuracy))
    var accuracy = MetricSettings(name: "accuracy", range: 0...1)
    accuracy.direction = .down
    let subject = BoundedFigure(
      settings: accuracy, averageRunLength: length, minimumEffect: settings.minimumDrop)
    let expected = settings.accuracy ?? settings.counts?.accuracy
    figure = Watch(subject, configured: expected.map { subject.reference(stated: $0) })
    latency = Watch(
      AnswerLatency(averageRunLength: length, minimumEffect: settings.minimumDrop),
      configured: settings.latencyQuantiles.map { ReferenceQuantiles($0) })
    metrics = settings.metrics.map { settings in
      let subject = BoundedFigure(
        settings: settings, averageRunLength: length, minimumEffect: BoundedMeanDetector.minimumEffect)
      return Metric(
        watch: Watch(subject, configured: settings.baseline.map { subject.reference(stated: $0) }))
    }
  }

  /// Begins anew with whatever the baseline gives.
  mutating func take(_ baseline: BaselineUpdate) {
    if let reference = CountedAccuracy.reference(baseline.counts, accuracy: baseline.accuracy) {
      counted.hold(against: reference, .given)
    }
    if let accuracy = baseline.expectedAccuracy {
      figure.hold(against: figure.subject.reference(stated: accuracy), .given)
    }
    if let quantiles = baseline.latencyQuantiles {
      latency.hold(against: ReferenceQuantiles(quantiles), .given)
    }
  }

  /// Nil when it learns, or there is nothing.
  mutating func observeAccuracy(_ measured: Metrics, at time: Timestamp) -> Verdict? {
    if let counts = measured.detail?.counts, counts.total > 0 {
      isCounted = true
      return counted.observe(counts, at: time)
    }
    guard let accuracy = measured.accuracy else { return nil }
    isCounted = false
    return figure.observe(accuracy, at: time)
  }

  mutating func observeLatency(_ measured: Metrics, at time: Timestamp) -> Verdict? {
    if let latencies = measured.detail?.latencies, !latencies.isEmpty {
      return latency.observe(.many(latencies), at: time)
    }
    return measured.latencyMilliseconds.flatMap { latency.observe(.one($0), at: time) }
  }

  /// - Returns: whether any metric that is watched was measured.
  mutating func observeMetrics(_ measured: Metrics, at time: Timestamp) -> Bool {
    var isAny = false
    for index in metrics.indices {
      metrics[index].verdict = nil
      guard let named = measured.detail?.named.first(where: { $0.name == metrics[index].name }),
        named.value.isFinite
      else { continue }
      isAny = true
      guard let verdict = metrics[index].watch.observe(named.value, at: time) else { continue }
      metrics[index].verdict = verdict
      let finding = metrics[index].watch.finding
      metrics[index].breach = finding.flatMap { finding in
        verdict.isDrifted
          ? Breach(current: finding.value, threshold: finding.threshold, severity: .medium) : nil
      }
    }
    return isAny
  }

  /// What accuracy was last judged by.
  var accuracyFinding: (value: Double, threshold: Double, evidence: Evidence)? {
    isCounted ? counted.finding : figure.finding
  }

  var breaches: [PerformanceAssessment.MetricBreach] {
    metrics.compactMap { metric in metric.breach.map { .init(name: metric.name, breach: $0) } }
  }

  /// Of what was measured, or has a reference from elsewhere.
  var reports: [WatchReport] {
    var reports: [WatchReport] = []
    if isCounted ? !counted.isIdle : !figure.isIdle {
      reports.append(isCounted ? counted.report(.accuracy) : figure.report(.accuracy))
    }
    if !latency.isIdle { reports.append(latency.report(.latency)) }
    for metric in metrics where !metric.watch.isIdle {
      reports.append(metric.watch.report(.metric, metric: metric.name))
    }
    return reports
  }

  // MARK: State

  func encode(to writer: inout StateWriter) {
    writer.write(isCounted)
    counted.encode(to: &writer)
    figure.encode(to: &writer)
    latency.encode(to: &writer)
    writer.write(metrics) { writer, metric in
      let settings = metric.watch.subject.settings
      writer.write(settings.name)
      writer.write(settings.range.lowerBound)
      writer.write(settings.range.upperBound)
      metric.watch.encode(to: &writer)
      PerformanceMonitor.write(metric.breach, to: &writer)
    }
  }

  /// Goes on from what was written; a metric that is no longer watched is forgotten.
  mutating func restore(from reader: inout StateReader) throws(StateError) {
    isCounted = try reader.readBool()
    try counted.restore(from: &reader)
    try figure.restore(from: &reader)
    try latency.restore(from: &reader)
    for _ in 0..<(try reader.read(UInt32.self)) {
      let name = try reader.readText()
      let ends = (try reader.readDouble(), try reader.readDouble())
      // Of another range, what was learned means something else.
      let index = metrics.firstIndex { metric in
        let range = metric.watch.subject.settings.range
        return metric.name == name && ends == (range.lowerBound, range.upperBound)
      }
      var metric = index.map { metrics[$0] } ?? Metric(watch: Self.forgotten)
      try metric.watch.restore(from: &reader)
      metric.breach = try PerformanceMonitor.readBreach(&reader)
      if let index { metrics[index] = metric }
    }
  }

  /// Takes what was written of a metric that nobody watches.
  private static let forgotten = Watch(
    BoundedFigure(settings: MetricSettings(name: "", range: 0...1), averageRunLength: 1, minimumEffect: 0),
    configured: nil)
}
