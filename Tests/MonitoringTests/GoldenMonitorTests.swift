import Events
import Monitoring
import TestSupport
import Testing

/// Preset `reference`, monitors and drift, against answers computed in Python.
@Suite struct GoldenMonitorTests {
  @Test func performance() throws {
    let cases = try Golden.reference("monitor")
    #expect(cases.count == 60)
    for (number, golden) in cases.enumerated() {
      var monitor = PerformanceMonitor(
        settings: PerformanceSettings(), baselineAccuracy: try #require(golden["baseline_accuracy"].number))
      for (index, step) in golden["steps"].list.enumerated() {
        let context: Comment = "case \(number), step \(index)"
        let before = step["expect_before"]
        if !before.isNull {
          #expect(monitor.assessment.status.rawValue == before["status"].text, context)
          continue
        }
        let verdicts = monitor.observe(
          Metrics(accuracy: step["accuracy"].number, latencyMilliseconds: step["latency_ms"].number),
          at: Timestamp(nanoseconds: 0))
        #expect(verdicts?.accuracy != nil && verdicts?.latency != nil)
        expect(monitor.assessment, step["expect"], context)
        let trend = monitor.trend(window: Int(try #require(step["window"].number)))
        expect(trend, step["expect_trend"], context)
      }
    }
  }

  private func expect(_ assessment: PerformanceAssessment, _ golden: JSON, _ context: Comment) {
    #expect(assessment.status.rawValue == golden["status"].text, context)
    #expect(agree(assessment.recentAccuracy, golden["recent_accuracy"].number), context)
    #expect(agree(assessment.recentLatencyMilliseconds, golden["recent_latency"].number), context)
    #expect(Double(assessment.totalMeasurements) == golden["total_measurements"].number, context)
    let breaches = [(MonitorKind.accuracy, assessment.accuracyBreach), (.latency, assessment.latencyBreach)]
      .compactMap { monitor, breach in breach.map { (monitor, $0) } }
    #expect(breaches.count == golden["alerts"].list.count, context)
    for ((monitor, breach), alert) in zip(breaches, golden["alerts"].list) {
      #expect(monitor.alertType == alert["type"].text, context)
      #expect(agree(breach.current, alert["current"].number), context)
      #expect(agree(breach.threshold, alert["threshold"].number), context)
      #expect(breach.severity.rawValue == alert["severity"].text, context)
    }
  }

  private func expect(_ trend: PerformanceTrend, _ golden: JSON, _ context: Comment) {
    #expect(trend.accuracy.rawValue == golden["accuracy_trend"].text, context)
    #expect(trend.latency.rawValue == golden["latency_trend"].text, context)
    #expect(agree(trend.accuracyMeans?.recent, golden["recent_accuracy"].number), context)
    #expect(agree(trend.accuracyMeans?.older, golden["older_accuracy"].number), context)
    #expect(agree(trend.latencyMeans?.recent, golden["recent_latency"].number), context)
    #expect(agree(trend.latencyMeans?.older, golden["older_latency"].number), context)
  }

  @Test func drift() throws {
    let cases = try Golden.reference("drift")
    #expect(cases.count == 40)
    for (number, golden) in cases.enumerated() {
      let names = golden["feature_names"].list.compactMap(\.text)
      let baseline = FeatureBaseline(batch(golden["baseline"], names))
      for column in 0..<baseline.moments.columns {
        let context: Comment = "case \(number), column \(column)"
        let expected = golden["expect_baseline"]
        #expect(agree(baseline.moments.mean(of: column), expected["mean"][column].number), context)
        #expect(
          agree(baseline.moments.standardDeviation(of: column), expected["std"][column].number), context)
        #expect(baseline.moments.minimum(of: column) == expected["min"][column].number, context)
        #expect(baseline.moments.maximum(of: column) == expected["max"][column].number, context)
      }
      for (index, step) in golden["batches"].list.enumerated() {
        var settings = DriftSettings()
        settings.threshold = try #require(step["threshold"].number)
        var monitor = DriftMonitor(settings: settings)
        monitor.setBaseline(baseline)
        let assessment = try monitor.observe(batch(step["data"], names), at: Timestamp(nanoseconds: 0))
        expect(assessment, step["expect"], "case \(number), batch \(index)")
      }
    }
  }

  private func batch(_ rows: JSON, _ names: [String]) -> FeatureBatch {
    let count = rows.list.count
    let values = rows.matrix
    return FeatureBatch(
      names: names.isEmpty ? nil : FeatureNames(names),
      matrix: Matrix(rows: count, columns: values.count / count, values: values))
  }

  private func expect(_ assessment: DriftAssessment, _ golden: JSON, _ context: Comment) {
    #expect(assessment.isDrifted == golden["drift_detected"].flag, context)
    #expect(assessment.severity.rawValue == golden["drift_severity"].text, context)
    #expect(agree(assessment.maximumScore, golden["max_drift_score"].number), context)
    #expect(Double(assessment.features.count) == golden["summary"]["total_features"].number, context)
    #expect(Double(assessment.driftedCount) == golden["summary"]["drifted_features"].number, context)
    for (index, feature) in assessment.features.enumerated() {
      let expected = golden["per_feature"][assessment.name(of: index)]
      #expect(feature.isDrifted == expected["drift_detected"].flag, context)
      #expect(agree(feature.score, expected["drift_score"].number), context)
      #expect(agree(feature.baselineMean, expected["baseline_mean"].number), context)
      #expect(agree(feature.newMean, expected["new_mean"].number), context)
    }
  }
}
