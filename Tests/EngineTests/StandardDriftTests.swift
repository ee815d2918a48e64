import Engine
import Events
import Monitoring
import TestSupport
import Testing
import Wire

/// Preset `standard` on features, through the engine.
@Suite struct StandardDriftTests {
  private static let names = FeatureNames(["a", "b", "c"])

  /// A table of normals, column `shifted` moved by `shift`, and a column of words.
  private static func batch(
    _ rows: Int, shifted: Int = 0, by shift: Double = 0, words: [String] = ["x", "y"],
    _ random: inout SeededGenerator
  ) -> FeatureBatch {
    var values: [Double] = []
    for _ in 0..<rows {
      for column in 0..<3 { values.append(random.normal() + (column == shifted ? shift : 0)) }
    }
    var batch = FeatureBatch(names: names, matrix: Matrix(rows: rows, columns: 3, values: values))
    batch.texts = [
      TextBlock(rows: rows, columns: 1, cells: (0..<rows).map { _ in words.randomElement(using: &random)! })
    ]
    batch.textNames = FeatureNames(["word"])
    return batch
  }

  private struct Watched {
    var engine: MonitoringEngine
    var random: SeededGenerator
    var seconds = 0.0

    init(seed: UInt64, _ change: (inout StandardSettings) -> Void = { _ in }) {
      var settings = EngineSettings(digest: Identity.digest)
      settings.defaults.preset = .standard
      change(&settings.defaults.standard)
      engine = MonitoringEngine(settings: settings)
      random = SeededGenerator(seed: seed)
    }

    mutating func send(_ body: EventBody, model: String = "m") -> [Output] {
      seconds += 1
      return engine.handle(.test("\(seconds)", seconds, body, model: model), at: .test(seconds)).outputs
    }

    mutating func baseline(_ rows: Int = 1_000, model: String = "m") {
      let features = StandardDriftTests.batch(rows, &random)
      _ = send(.baseline(BaselineUpdate(features: features)), model: model)
    }
  }

  private static func alerts(_ outputs: [Output]) -> [AlertTransition] {
    outputs.compactMap { if case .alert(let transition) = $0 { transition } else { nil } }
  }

  private static func assessment(_ outputs: [Output]) -> DriftAssessment? {
    outputs.compactMap { if case .drift(let assessment) = $0 { assessment } else { nil } }.first
  }

  /// The two gates: small batches of the population are not enough evidence, large ones with a shift of a
  /// thousandth of a deviation not enough effect.
  @Test func bothGatesAreSilentOnNothing() throws {
    var watched = Watched(seed: 1)
    watched.baseline()
    for step in 0..<500 {
      let outputs = watched.send(.features(Self.batch(8, &watched.random)))
      #expect(Self.alerts(outputs).isEmpty, "seed 1, step \(step)")
    }
    var large = Watched(seed: 2)
    large.baseline(20_000)
    for _ in 0..<3 {
      let outputs = large.send(.features(Self.batch(200_000, by: 0.001, &large.random)))
      #expect(Self.alerts(outputs).isEmpty, "seed 2")
      let assessment = try #require(Self.assessment(outputs))
      #expect(assessment.features.allSatisfy { $0.score < 0.1 && !$0.isDrifted })
    }
  }

  @Test func aShiftIsToldWithItsNumbersAndItsEnd() throws {
    var watched = Watched(seed: 3)
    watched.baseline()
    for _ in 0..<20 {
      #expect(Self.alerts(watched.send(.features(Self.batch(200, &watched.random)))).isEmpty)
    }
    var opened: AlertTransition?
    var batches = 0
    while opened == nil && batches < 10 {
      batches += 1
      opened =
        Self.alerts(watched.send(.features(Self.batch(200, shifted: 1, by: 0.7, &watched.random)))).first
    }
    let alert = try #require(opened, "not within 10 batches")
    #expect(batches <= 5)
    #expect(alert.finding.monitor == .drift && alert.finding.topFeatures.map(\.name) == ["b"])
    let evidence = try #require(alert.finding.evidence)
    #expect(evidence.log10 >= 4 && evidence.threshold == 4 && evidence.effect >= 0.1)
    #expect(evidence.count <= 200 * (batches + 2) && evidence.change.at != nil)
    var isOver = false
    for _ in 0..<20 where !isOver {
      watched.seconds += 120
      isOver = Self.alerts(watched.send(.features(Self.batch(200, &watched.random)))).contains {
        $0.change == .resolved
      }
    }
    #expect(isOver)
  }

  /// What one column of one model needs grows with how many are watched.
  @Test func manyColumnsNeedMoreEvidence() throws {
    func batchesNeeded(models: Int) -> Int {
      var watched = Watched(seed: 4)
      for model in 0..<models { watched.baseline(300, model: "m\(model)") }
      for count in 1...100 {
        let batch = Self.batch(40, by: 0.8, &watched.random)
        if !Self.alerts(watched.send(.features(batch), model: "m0")).isEmpty { return count }
      }
      return .max
    }
    let (alone, among) = (batchesNeeded(models: 1), batchesNeeded(models: 200))
    #expect(alone < among && among < 100, "\(alone) alone, \(among) among 200 models")
  }

  @Test func aBrokenSchemaHidesNoOtherColumn() throws {
    var watched = Watched(seed: 5)
    watched.baseline()
    var alerts: [AlertTransition] = []
    for _ in 0..<6 {
      var batch = Self.batch(300, shifted: 2, by: 1, &watched.random)
      let values = batch.blocks[0].values
      batch = FeatureBatch(
        names: FeatureNames(["c", "d"]),
        matrix: Matrix(rows: 300, columns: 2, values: (0..<300).flatMap { [values[$0 * 3 + 2], 0] }))
      alerts += Self.alerts(watched.send(.features(batch)))
    }
    let broken = try #require(alerts.first { $0.finding.monitor == .schema })
    #expect(broken.finding.monitor.alertType == "schema_break" && broken.finding.value == 4)
    #expect(broken.finding.topFeatures.map(\.name) == ["a", "b", "word", "d"])
    let drift = try #require(alerts.first { $0.finding.monitor == .drift })
    #expect(drift.finding.topFeatures.map(\.name) == ["c"])
    let told = try #require(watched.engine.detail(of: ModelKey(name: ModelName("m")!)))
    #expect(told.retrain.blocks.contains(.inhibited(by: [.schema])) && !told.retrain.wouldRetrain)
    #expect(told.summary.alerts.first { $0.monitor == .drift }?.flags == .inhibitedBySchema)
    var back: [AlertTransition] = []
    for _ in 0..<6 {
      watched.seconds += 299
      back += Self.alerts(watched.send(.features(Self.batch(300, shifted: 2, by: 1, &watched.random))))
    }
    // After three good batches it recovers, and two later it is over; until then drift follows from it.
    #expect(
      back.filter { $0.finding.monitor == .schema }.map(\.state) == [.recovering, .resolved], "\(back)")
    #expect(drift.flags == .inhibitedBySchema)
    let after = back.filter { $0.finding.monitor == .drift }
    #expect(after.map(\.flags) == [[]] && after.first?.change == .updated, "\(after)")
  }

  /// What is wrong with values of one batch is told at once, beside whether the column drifts.
  @Test func valuesThatCannotBeRightAreTold() throws {
    var watched = Watched(seed: 8)
    watched.baseline()
    let clean = try #require(Self.assessment(watched.send(.features(Self.batch(100, &watched.random)))))
    #expect(clean.standard?.quality == [])
    let batch = Self.batch(100, words: ["x", "new", ""], &watched.random)
    var values = batch.blocks[0].values
    values[3 * 7 + 1] = 94
    for row in 0..<30 { values[3 * row + 2] = .nan }
    var wrong = FeatureBatch(names: Self.names, matrix: Matrix(rows: 100, columns: 3, values: values))
    (wrong.texts, wrong.textNames) = (batch.texts, batch.textNames)
    let outputs = watched.send(.features(wrong))
    let quality = try #require(Self.assessment(outputs)?.standard).quality
    #expect(quality.map(\.column) == [1, 2, 3, 3])
    #expect(quality.map(\.issue) == [.range, .missing, .missing, .unseen])
    #expect(quality[0].value == 94 && quality[0].limit < 12 && quality[1].value == 0.3)
  }

  /// A column that was constant has no range to be out of: another value is drift, and that alone.
  @Test func aConstantColumnHasNoRange() throws {
    var watched = Watched(seed: 9)
    func constant(_ value: Double) -> FeatureBatch {
      FeatureBatch(
        names: FeatureNames(["k"]),
        matrix: Matrix(rows: 100, columns: 1, values: Array(repeating: value, count: 100)))
    }
    _ = watched.send(.baseline(BaselineUpdate(features: constant(3))))
    for _ in 0..<5 { #expect(Self.alerts(watched.send(.features(constant(3)))).isEmpty) }
    var alerts: [AlertTransition] = []
    for _ in 0..<5 {
      let outputs = watched.send(.features(constant(3.5)))
      alerts += Self.alerts(outputs)
      #expect(Self.assessment(outputs)?.standard?.quality == [])
    }
    #expect(alerts.first?.finding.topFeatures.map(\.name) == ["k"])
  }

  /// Without a baseline the first rows are one, and text is judged as numbers are.
  @Test func aLearnedBaselineKnowsItsCategories() throws {
    var watched = Watched(seed: 6) { $0.learnedRows = 600 }
    for _ in 0..<6 { #expect(watched.send(.features(Self.batch(100, &watched.random))).isEmpty) }
    for _ in 0..<30 {
      let outputs = watched.send(.features(Self.batch(100, &watched.random)))
      #expect(Self.alerts(outputs).isEmpty, "seed 6")
      #expect(Self.assessment(outputs)?.standard?.origin == .learned)
    }
    var alerts: [AlertTransition] = []
    for _ in 0..<5 {
      alerts += Self.alerts(
        watched.send(.features(Self.batch(100, words: ["x", "y", "new"], &watched.random))))
    }
    #expect(alerts.first?.finding.topFeatures.map(\.name) == ["word"])
  }

  /// Columns in another order, and spread over several blocks, are the same columns.
  @Test func theOrderOfColumnsDoesNotMatter() throws {
    var straight = Watched(seed: 7)
    straight.baseline()
    var turned = straight
    for _ in 0..<5 {
      let batch = Self.batch(50, shifted: 1, by: 1, &straight.random)
      let values = batch.blocks[0].values
      func column(_ column: Int) -> Matrix {
        Matrix(rows: 50, columns: 1, values: (0..<50).map { values[$0 * 3 + column] })
      }
      var other = FeatureBatch(
        names: FeatureNames(["c", "a", "b"]), blocks: [column(2), column(0), column(1)])
      (other.texts, other.textNames) = (batch.texts, batch.textNames)
      let first = try #require(Self.assessment(straight.send(.features(batch))))
      let second = try #require(Self.assessment(turned.send(.features(other))))
      #expect(first.features.map(\.score) == second.features.map(\.score))
      #expect(first.features.map(\.evidence) == second.features.map(\.evidence))
      for (left, right) in zip(first.features, second.features) {
        #expect(left.newMean.isNaN == right.newMean.isNaN)
        if !left.newMean.isNaN { #expect(abs(left.newMean - right.newMean) < 1e-12) }
      }
    }
  }
}
