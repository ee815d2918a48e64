import Engine
import Events
import Monitoring
import TestSupport
import Testing

/// A reload carries everything over, and what it changes holds from the next evaluation.
@Suite struct ReloadTests {
  /// One engine runs through, its twin takes the same settings again every few events. Both say the same,
  /// hand the journal the same records, and hold the same accounts.
  @Test(arguments: [UInt64(31), 32, 33, 34], Preset.allCases)
  func aReloadOfTheSameSettingsChangesNothing(seed: UInt64, preset: Preset) throws {
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let settings = CheckpointTests.settings(preset)
    var whole = MonitoringEngine(settings: settings)
    var reloaded = MonitoringEngine(settings: settings)
    (whole.tracksChanges, reloaded.tracksChanges) = (true, true)
    var seconds = 0.0
    var decisions: [DecisionID] = []
    var reloads = 0
    for step in 0..<1_500 {
      seconds += Double(Int.random(in: 0...1_200, using: &random))
      if Int.random(in: 0..<10, using: &random) == 0 {
        try reloaded.reload(settings)
        reloads += 1
      }
      if Int.random(in: 0..<30, using: &random) == 0 {
        let withHistory = Bool.random(using: &random)
        let (left, right) = (
          whole.takeChanges(withHistory: withHistory), reloaded.takeChanges(withHistory: withHistory)
        )
        #expect(left.records == right.records, "seed \(seed), step \(step)")
        #expect(left.metrics == right.metrics && left.drift == right.drift, "seed \(seed), step \(step)")
        try reloaded.reload(settings)
        #expect(!reloaded.hasChanges, "what is written is the same, so nothing is to be written again")
      }
      let event = CheckpointTests.event(step, at: seconds, decisions, &random)
      let effects = whole.handle(event, at: .test(seconds))
      #expect(effects == reloaded.handle(event, at: .test(seconds)), "seed \(seed), step \(step)")
      #expect(whole.sourceReports == reloaded.sourceReports)
      for publication in effects.publications {
        guard case .decision(let decision) = publication.output else { continue }
        decisions = (decisions + [decision.id]).suffix(6)
      }
    }
    #expect(reloads > 100 && !decisions.isEmpty)
  }

  private static func accuracy(_ value: Double, _ second: Double, model: String = "m") -> Event {
    .test("\(model) \(second)", second, .accuracy(value), model: model)
  }

  private static func alerts(_ effects: [Effect]) -> [AlertTransition.Change] {
    effects.outputs.compactMap { if case .alert(let transition) = $0 { transition.change } else { nil } }
  }

  @Test func newThresholdsHoldFromTheNextMeasurement() throws {
    var settings = EngineSettings()
    var engine = MonitoringEngine(settings: settings)
    // The threshold is 0.9 of 0.95.
    #expect(Self.alerts(engine.handle(Self.accuracy(0.8, 1), at: .test(1))) == [.opened])
    settings.defaults.performance.accuracyRatio = 0.8
    try engine.reload(settings)
    #expect(engine.settings.defaults.performance.accuracyRatio == 0.8)
    #expect(Self.alerts(engine.handle(Self.accuracy(0.8, 2), at: .test(2))) == [.resolved])
    settings.defaults.performance.accuracyRatio = 0.9
    try engine.reload(settings)
    let effects = engine.handle(Self.accuracy(0.8, 3), at: .test(3))
    #expect(Self.alerts(effects) == [.opened])
    // The second opening of the same model: its count was carried over.
    let ordinals = effects.outputs.compactMap { output in
      if case .alert(let transition) = output { transition.episode.ordinal } else { nil }
    }
    #expect(ordinals == [2])
  }

  @Test func whatAReloadAltersIsWrittenAtTheNextCheckpoint() throws {
    var settings = EngineSettings()
    var engine = MonitoringEngine(settings: settings)
    engine.tracksChanges = true
    for step in 1...20 { _ = engine.handle(Self.accuracy(0.94, Double(step)), at: .test(Double(step))) }
    _ = engine.takeChanges(withHistory: true)
    try engine.reload(settings)
    // As values of their own: a failure would print the whole engine.
    let before = engine.hasChanges
    #expect(!before, "the same settings alter nothing")
    settings.defaults.performance.window = 2
    settings.defaults.performance.history = 4
    try engine.reload(settings)
    let after = engine.hasChanges
    #expect(after, "a shorter history is another record")
  }

  @Test func aModelThatIsRejectedIsLeftAloneAndGoesOnWhenItIsTakenAgain() throws {
    var settings = EngineSettings()
    settings.defaults.noDataAfter = .seconds(100)
    let open = settings
    settings.unknownModels = .reject
    var engine = MonitoringEngine(settings: open)
    #expect(Self.alerts(engine.handle(Self.accuracy(0.5, 1), at: .test(1))) == [.opened])
    try engine.reload(settings)
    let refused = engine.handle(Self.accuracy(1, 2), at: .test(2))
    #expect(refused.reasons.last == .unknownModel && Self.alerts(refused) == [.resolved], "it is retired")
    // It is silent, and nobody watches.
    var effects: [Effect] = []
    engine.advance(to: .test(500), into: &effects)
    #expect(effects.isEmpty && engine.nextDeadline == .max)
    try engine.reload(open)
    engine.advance(to: .test(501), into: &effects)
    #expect(Self.alerts(effects) == [.opened], "what fell due meanwhile is told")
    #expect(Self.alerts(engine.handle(Self.accuracy(1, 502), at: .test(502))) == [.resolved])
  }

  @Test func aBaselineOfTheStreamStandsBeforeAConfiguredOneAndAConfiguredOneIsReplaced() throws {
    let column = { (centre: Double) in
      let values = (0..<40).map { centre + Double($0 % 5) }
      let batch = FeatureBatch(names: nil, matrix: Matrix(rows: 40, columns: 1, values: values))
      return FeatureBaseline(batch, isDetailed: false)
    }
    var (low, high) = (EngineSettings(), EngineSettings())
    (low.defaults.baselineFeatures, high.defaults.baselineFeatures) = (column(0), column(100))
    let batch = EventBody.column((0..<40).map { Double($0 % 5) })
    var engine = MonitoringEngine(settings: low)
    #expect(Self.alerts(engine.handle(.test("1", 1, batch), at: .test(1))).isEmpty)
    try engine.reload(high)
    #expect(Self.alerts(engine.handle(.test("2", 2, batch), at: .test(2))) == [.opened])
    _ = engine.handle(.test("3", 3, .baseline(column: (0..<40).map { Double($0 % 5) })), at: .test(3))
    try engine.reload(low)
    try engine.reload(high)
    #expect(Self.alerts(engine.handle(.test("4", 4, batch), at: .test(4))) == [.resolved])
  }

  @Test func limitsAndTimersAreThoseOfTheNewSettings() throws {
    var settings = EngineSettings()
    var engine = MonitoringEngine(settings: settings)
    for model in ["a", "b"] { _ = engine.handle(Self.accuracy(1, 1, model: model), at: .test(1)) }
    settings.limits.models = 1
    settings.defaults.noDataAfter = .seconds(10)
    try engine.reload(settings)
    #expect(engine.modelCount == 2, "what is known stays")
    #expect(engine.handle(Self.accuracy(1, 2, model: "c"), at: .test(2)).reasons.last == .tooManyModels)
    var effects: [Effect] = []
    engine.advance(to: .test(20), into: &effects)
    #expect(Self.alerts(effects) == [.opened, .opened], "both have been silent for 10 s")
  }

  /// Each preset, since one keeps what it is given and the other what it learns.
  @Test(arguments: Preset.allCases) func columnsOfAllModelsAreBounded(preset: Preset) throws {
    var settings = EngineSettings()
    settings.defaults.preset = preset
    settings.limits.columns = 5
    var engine = MonitoringEngine(settings: settings)
    func baseline(_ columns: Int, _ model: String) -> EventBody {
      let matrix = Matrix(rows: 300, columns: columns, values: (0..<300 * columns).map { Double($0 % 7) })
      return .baseline(BaselineUpdate(features: FeatureBatch(names: nil, matrix: matrix)))
    }
    func reason(_ id: Int, _ body: EventBody, _ model: String) -> Reason? {
      engine.handle(.test("\(id)", Double(id), body, model: model), at: .test(Double(id))).reasons.last
    }
    #expect(reason(1, baseline(3, "a"), "a") == .unsequenced)
    #expect(reason(2, baseline(3, "b"), "b") == .tooLarge)
    #expect(reason(3, baseline(2, "b"), "b") == .unsequenced)
    #expect(reason(4, baseline(3, "a"), "a") == .unsequenced, "no more than it has")
    #expect(reason(5, baseline(1, "c"), "c") == .tooLarge)
    #expect(reason(6, .accuracy(0.9), "c") == .unsequenced, "what has no columns goes on")
    // A smaller baseline makes room, and a reload counts anew.
    #expect(reason(7, baseline(1, "a"), "a") == .unsequenced)
    try engine.reload(settings)
    #expect(reason(8, baseline(3, "d"), "d") == .tooLarge)
    #expect(reason(9, baseline(2, "d"), "d") == .unsequenced)
    let batch = EventBody.features(
      FeatureBatch(names: nil, matrix: Matrix(rows: 2, columns: 1, values: [1, 2])))
    #expect(reason(10, batch, "e") == (preset == .standard ? .tooLarge : .noBaseline), "nor is one learned")
  }
}
