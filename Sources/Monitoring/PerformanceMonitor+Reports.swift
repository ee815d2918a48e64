import Detection
package import Events

// What is told of performance to whoever looks.
extension PerformanceMonitor {
  /// Whether nothing was measured yet, or a reference is still being learned.
  package var isLearning: Bool {
    total == 0 || isStandard && standards[0].reports.contains(where: \.isLearning)
  }

  package var latestAccuracy: Double? { accuracies.latest }
  /// In milliseconds.
  package var latestLatency: Double? { latencies.latest }

  /// Where accuracy, latency and the metrics of the business stand. Cost: O(metrics).
  package var reports: [MonitorReport] {
    guard isStandard else {
      return [
        Self.report(.accuracy, accuracies.latest, accuracyLimit, isViolated: accuracyBreach != nil),
        Self.report(.latency, latencies.latest, latencyLimit, isViolated: latencyBreach != nil),
      ]
    }
    return standards[0].reports.map(report)
  }

  private static func report(
    _ monitor: MonitorKind, _ value: Double?, _ limit: LimitDetector, isViolated: Bool
  ) -> MonitorReport {
    let direction: MonitorReport.Direction = limit.side == .below ? .below : .above
    return MonitorReport(
      monitor: monitor, state: value == nil ? .noData : isViolated ? .violated : .watching, value: value,
      threshold: limit.limit, direction: direction,
      score: value.flatMap { direction == .below ? ratio(limit.limit, $0) : ratio($0, limit.limit) })
  }

  /// Nil where that is no number to show.
  private static func ratio(_ value: Double, _ limit: Double) -> Double? {
    let ratio = value / limit
    return ratio.isFinite ? ratio : nil
  }

  private func report(_ watch: WatchReport) -> MonitorReport {
    var report = MonitorReport(
      monitor: watch.monitor, metric: watch.metric, state: .watching, direction: direction(of: watch),
      origin: watch.origin)
    switch watch.stage {
    case .learning(let seen, let wanted):
      (report.state, report.progress) = (.learning, .init(seen: seen, wanted: wanted))
    case .watching(let value, let threshold, let evidence):
      (report.value, report.threshold, report.evidence) = (value, threshold, evidence)
      report.state = evidence == nil ? .noData : isViolated(watch) ? .violated : .watching
      report.score = evidence.flatMap { Self.ratio($0.log10, $0.threshold) }
    }
    return report
  }

  private func isViolated(_ watch: WatchReport) -> Bool {
    switch watch.monitor {
    case .accuracy: accuracyBreach != nil
    case .latency: latencyBreach != nil
    default: standards[0].metrics.contains { $0.name == watch.metric && $0.breach != nil }
    }
  }

  private func direction(of watch: WatchReport) -> MonitorReport.Direction {
    switch watch.monitor {
    case .accuracy: return .below
    case .metric:
      let metric = standards[0].metrics.first { $0.name == watch.metric }
      switch metric?.watch.subject.settings.direction {
      case .up: return .above
      case .down: return .below
      case .both, nil: return .outside
      }
    default: return .above
    }
  }
}
