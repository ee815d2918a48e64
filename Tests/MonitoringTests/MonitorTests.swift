import Events
import Monitoring
import TestSupport
import Testing

@Suite struct RingTests {
  @Test func keepsTheLastOnesInOrder() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<200 {
      let capacity = Int.random(in: 1...9, using: &random)
      var ring = Ring<Int>(capacity: capacity)
      var all: [Int] = []
      for value in 0..<Int.random(in: 0...40, using: &random) {
        ring.append(value)
        all.append(value)
        let kept = Array(all.suffix(capacity))
        #expect((0..<ring.count).map { ring[fromLatest: $0] } == kept.reversed())
        #expect(ring.latest == value)
      }
    }
  }
}

@Suite struct PerformanceMonitorTests {
  private func observe(_ monitor: inout PerformanceMonitor, _ metrics: Metrics) -> [Finding] {
    let verdicts = monitor.observe(metrics, at: Timestamp(nanoseconds: 0))
    return [
      verdicts?.accuracy.flatMap { monitor.finding(.accuracy, $0) },
      verdicts?.latency.flatMap { monitor.finding(.latency, $0) },
    ].compactMap(\.self)
  }

  @Test func absentMetricKeepsItsValueAndAlert() {
    var monitor = PerformanceMonitor(settings: PerformanceSettings(), baselineAccuracy: 1)
    _ = observe(&monitor, Metrics(accuracy: 0.5, latencyMilliseconds: 10))
    let findings = observe(&monitor, Metrics(latencyMilliseconds: 500))
    #expect(findings.map(\.monitor) == [.latency])
    #expect(monitor.assessment.recentAccuracy == 0.5)
    #expect(monitor.assessment.accuracyBreach?.current == 0.5)
    #expect(monitor.assessment.latencyBreach?.current == 500)
    #expect(monitor.assessment.totalMeasurements == 2)
  }

  @Test func eventWithNeitherIsNoMeasurement() {
    var monitor = PerformanceMonitor(settings: PerformanceSettings(), baselineAccuracy: 1)
    let nothing = Metrics(accuracy: .nan, latencyMilliseconds: .infinity)
    #expect(monitor.observe(nothing, at: Timestamp(nanoseconds: 0)) == nil)
    #expect(monitor.assessment.status == .noData)
  }

  @Test func countStaysExactBeyondTheHistory() {
    var settings = PerformanceSettings()
    settings.history = 10
    var monitor = PerformanceMonitor(settings: settings, baselineAccuracy: 1)
    for _ in 0..<1_000 { _ = observe(&monitor, Metrics(accuracy: 1)) }
    #expect(monitor.assessment.totalMeasurements == 1_000)
  }

  @Test func thresholdIsStrict() {
    var monitor = PerformanceMonitor(settings: PerformanceSettings(), baselineAccuracy: 1)
    let at = observe(&monitor, Metrics(accuracy: 0.9, latencyMilliseconds: 200))
    #expect(at.map(\.isViolated) == [false, false])
    let beyond = observe(&monitor, Metrics(accuracy: 0.9.nextDown, latencyMilliseconds: 200.0.nextUp))
    #expect(beyond.map(\.isViolated) == [true, true])
  }
}

@Suite struct DriftMonitorTests {
  private static func batch(_ names: [String]?, _ rows: [[Double]]) -> FeatureBatch {
    FeatureBatch(
      names: names.flatMap(FeatureNames.init),
      matrix: Matrix(rows: rows.count, columns: rows[0].count, values: rows.flatMap(\.self)))
  }

  private static func monitor(_ names: [String]?, _ rows: [[Double]]) -> DriftMonitor {
    var monitor = DriftMonitor(settings: DriftSettings())
    monitor.setBaseline(FeatureBaseline(batch(names, rows)))
    return monitor
  }

  private static let time = Timestamp(nanoseconds: 0)

  @Test func columnsAreMatchedByNameInAnyOrder() throws {
    var monitor = Self.monitor(["a", "b", "c"], [[0, 10, 20], [2, 12, 22]])
    // The same object twice, then another list, then the first again: the cached match must follow.
    let shuffled = Self.batch(["c", "a", "b"], [[21, 1, 11]])
    for batch in [shuffled, shuffled, Self.batch(["a", "b", "c"], [[1, 11, 21]]), shuffled] {
      let assessment = try monitor.observe(batch, at: Self.time)
      #expect(assessment.features.map(\.newMean) == [1, 11, 21])
      #expect(assessment.maximumScore == 0)
    }
  }

  @Test func unnamedColumnsAreMatchedByPosition() throws {
    var named = Self.monitor(["a", "b"], [[0, 10], [2, 12]])
    #expect(try named.observe(Self.batch(nil, [[1, 11]]), at: Self.time).name(of: 1) == "b")
    var unnamed = Self.monitor(nil, [[0, 10], [2, 12]])
    #expect(try unnamed.observe(Self.batch(nil, [[1, 11]]), at: Self.time).name(of: 1) == "feature_1")
  }

  @Test func wrongCountNamesBothCounts() {
    var monitor = Self.monitor(nil, [[0, 10], [2, 12]])
    #expect(throws: Remark(.shapeMismatch, "the baseline has 2 features, the batch has 3")) {
      try monitor.observe(Self.batch(nil, [[1, 2, 3]]), at: Self.time)
    }
  }

  @Test func missingAndExtraNamesAreNamed() throws {
    var monitor = Self.monitor(["a", "b"], [[0, 10], [2, 12]])
    do throws(Remark) {
      _ = try monitor.observe(Self.batch(["a", "x"], [[1, 2]]), at: Self.time)
      Issue.record("taken")
    } catch {
      #expect(error.reason == .shapeMismatch)
      #expect(error.detail.contains("missing: b") && error.detail.contains("not in the baseline: x"))
    }
  }

  @Test func aColumnWithoutAPresentValueHidesNoOther() throws {
    var monitor = Self.monitor(nil, [[0, 10], [2, 12]])
    let assessment = try monitor.observe(Self.batch(nil, [[.nan, 100]]), at: Self.time)
    #expect(!assessment.features[0].isDrifted && assessment.features[0].score.isNaN)
    #expect(assessment.features[1].isDrifted && assessment.driftedCount == 1)
    let empty = try monitor.observe(Self.batch(nil, [[.nan, .infinity]]), at: Self.time)
    #expect(empty.maximumScore == nil && monitor.finding(for: empty) == nil)
  }

  /// A batch that is the baseline again has not drifted, whatever its columns hold: a constant one has
  /// no deviation but the epsilon, so any noise of rounding would be a large score.
  @Test(arguments: [UInt64(1), 2, 3]) func theBaselinesOwnRowsAreNoDrift(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for rows in [1, 7, 8, 30, 100, 999] {
      let columns = 40
      let constants = (0..<columns).map { column in
        (Double.random(in: 1..<10, using: &random)) * [1e3, 1e6, 1e9, 1e13][column % 4]
      }
      let values = (0..<rows).flatMap { _ in constants }
      let batch = FeatureBatch(names: nil, matrix: Matrix(rows: rows, columns: columns, values: values))
      var monitor = DriftMonitor(settings: DriftSettings())
      monitor.setBaseline(FeatureBaseline(batch))
      #expect(try monitor.observe(batch, at: Self.time).maximumScore == 0, "seed \(seed), \(rows) rows")
    }
  }

  @Test func noBaselineIsSaid() {
    var monitor = DriftMonitor(settings: DriftSettings())
    #expect(throws: Remark(.noBaseline, "features before any feature baseline")) {
      try monitor.observe(Self.batch(nil, [[1]]), at: Self.time)
    }
  }

  @Test func historyIsARingAndSurvivesANewBaseline() throws {
    var settings = DriftSettings()
    settings.history = 3
    var monitor = DriftMonitor(settings: settings)
    for round in 0..<5 {
      monitor.setBaseline(FeatureBaseline(Self.batch(nil, [[0], [2]])))
      _ = try monitor.observe(Self.batch(nil, [[Double(round)]]), at: Timestamp(nanoseconds: Int64(round)))
    }
    #expect((0..<monitor.history.count).map { monitor.history[fromLatest: $0].at.nanoseconds } == [4, 3, 2])
  }

  /// The top list against sorting everything.
  @Test func topDriftedIsTheSortedHead() throws {
    var random = SeededGenerator(seed: 6)
    for _ in 0..<100 {
      let features = (0..<Int.random(in: 1...30, using: &random)).map { _ in
        let score = Double(Int.random(in: 0...6, using: &random))
        return DriftAssessment.Feature(isDrifted: score > 2, score: score, baselineMean: 0, newMean: 0)
      }
      let assessment = DriftAssessment(
        features: features, names: nil, driftedCount: 0, maximumScore: nil, severity: .low)
      let sorted = features.enumerated().filter { $0.element.isDrifted }
        .sorted {
          $0.element.score > $1.element.score || $0.element.score == $1.element.score && $0.offset < $1.offset
        }
        .prefix(5).map { ScoredFeature(name: "feature_\($0.offset)", score: $0.element.score) }
      #expect(assessment.topDrifted(5) == sorted)
    }
  }
}
