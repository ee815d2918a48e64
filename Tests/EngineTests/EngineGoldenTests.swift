import Engine
import Events
import Monitoring
import TestSupport
import Testing

/// Preset `reference` as a whole: events through the engine against answers computed in Python.
@Suite struct EngineGoldenTests {
  @Test func together() throws {
    let cases = try Golden.reference("together")
    #expect(cases.count == 6)
    for (number, golden) in cases.enumerated() {
      var settings = EngineSettings()
      // Only feature batches ask the trigger in the golden.
      settings.defaults.retrain.idleEvaluation = .seconds(3_650 * 86_400)
      var engine = MonitoringEngine(settings: settings)
      let names = FeatureNames(golden["feature_names"].list.compactMap(\.text))
      let accuracy = try #require(golden["baseline_accuracy"].number)
      let baseline = BaselineUpdate(accuracy: accuracy, features: batch(golden["baseline"], names))
      #expect(engine.handle(.test("b", 0, .baseline(baseline)), at: .test(0)).outputs.isEmpty)

      for (index, step) in golden["steps"].list.enumerated() {
        let context: Comment = "case \(number), step \(index)"
        let at = try #require(step["at_s"].number)
        let metrics = Metrics(
          accuracy: step["accuracy"].number, latencyMilliseconds: step["latency_ms"].number)
        let first = engine.handle(.test("m\(index)", at, .metrics(metrics)), at: .test(at)).outputs
        guard case .performance(let performance)? = first.first else { return #expect(Bool(false), context) }
        #expect(performance.status.rawValue == step["expect_alerts"]["status"].text, context)
        #expect(
          [performance.accuracyBreach, performance.latencyBreach].compactMap(\.self).count
            == step["expect_alerts"]["alerts"].list.count, context)

        let features = EventBody.features(batch(step["features"], names))
        let second = engine.handle(.test("f\(index)", at, features), at: .test(at)).outputs
        guard case .drift(let drift)? = second.first else { return #expect(Bool(false), context) }
        #expect(agree(drift.maximumScore, step["expect_drift"]["max_drift_score"].number), context)
        #expect(drift.severity.rawValue == step["expect_drift"]["drift_severity"].text, context)
        let asked = second.compactMap { if case .retrain(let assessment) = $0 { assessment } else { nil } }
        #expect(asked.count == 1, context)
        let expected = step["expect_decision"]
        #expect(asked.first?.shouldRetrain == expected["should_retrain"].flag, context)
        #expect(agree(asked.first?.severityScore, expected["severity_score"].number), context)
        #expect(
          agree(asked.first?.sinceLastRetrain.secondsValue, expected["time_since_last_retrain"].number),
          context)
        let decided = second.contains { if case .decision = $0 { true } else { false } }
        #expect(decided == expected["should_retrain"].flag, context)
      }
    }
  }

  private func batch(_ rows: JSON, _ names: FeatureNames?) -> FeatureBatch {
    let values = rows.matrix
    let count = rows.list.count
    return FeatureBatch(
      names: names, matrix: Matrix(rows: count, columns: values.count / count, values: values))
  }
}
