import Engine
import Events
import Monitoring
import TestSupport
import Testing
import Wire

/// What the journal keeps of the engine: written down at any point and read back, it goes on as if nothing
/// had been.
@Suite struct CheckpointTests {
  /// What a journal would hold: the last value of each record.
  private struct Kept {
    var records: [String: StateRecord] = [:]

    mutating func keep(_ changes: EngineChanges) {
      for record in changes.records {
        records["\(record.kind) \(record.key)"] = record.value == nil ? nil : record
      }
    }

    var all: [StateRecord] { records.sorted { $0.key < $1.key }.map(\.value) }
  }

  static func settings(_ preset: Preset = .reference) -> EngineSettings {
    var settings = EngineSettings(digest: Identity.digest)
    settings.defaults.preset = preset
    settings.defaults.standard.batchesPerFalseAlarm = 10
    settings.defaults.standard.metrics = [MetricSettings(name: "revenue", range: 0...10)]
    settings.defaults.retrain.minimumTimeBetweenRetrains = .seconds(3_600)
    settings.defaults.retrain.life.acknowledgeWithin = .seconds(600)
    settings.defaults.retrain.life.expiresAfter = .seconds(40_000)
    settings.defaults.retrain.life.startWithin = .seconds(3_000)
    settings.defaults.noDataAfter = .seconds(30_000)
    settings.limits.sources = 12
    return settings
  }

  /// Numbers and text, once in a while without one of the columns.
  private static func mixedBatch(_ random: inout SeededGenerator) -> FeatureBatch {
    let rows = 30
    var batch = FeatureBatch(
      names: FeatureNames(["x"]),
      matrix: Matrix(rows: rows, columns: 1, values: (0..<rows).map { _ in random.normal() }))
    guard Int.random(in: 0..<5, using: &random) > 0 else { return batch }
    let words = ["a", "b", "c", ""]
    batch.texts = [
      TextBlock(rows: rows, columns: 1, cells: (0..<rows).map { _ in words.randomElement(using: &random)! })
    ]
    batch.textNames = FeatureNames(["word"])
    return batch
  }

  static func event(
    _ step: Int, at seconds: Double, _ decisions: [DecisionID], _ random: inout SeededGenerator
  ) -> Event {
    let bodies: [EventBody] = [
      .accuracy([0.95, 0.5, 0.9].randomElement(using: &random)!),
      .metrics(Metrics(accuracy: nil, latencyMilliseconds: Double.random(in: 100...300, using: &random))),
      .column((0..<5).map { _ in random.normal() + [0, 3].randomElement(using: &random)! }),
      .baseline(column: (0..<20).map { _ in random.normal() }),
      .baseline(BaselineUpdate(accuracy: Double.random(in: 0.6...1, using: &random))),
      .head(Head(dropped: 3, interval: .seconds(1))), .tombstone,
      .metrics(
        Metrics(
          accuracy: nil, latencyMilliseconds: nil,
          counts: CaseCounts(correct: [95, 70].randomElement(using: &random)!, total: 100),
          named: [NamedMetric(name: "revenue", value: random.normal() + 5)])),
      .features(Self.mixedBatch(&random)),
    ]
    var body = bodies.randomElement(using: &random)!
    if let decision = decisions.randomElement(using: &random), Int.random(in: 0..<3, using: &random) == 0 {
      body = .feedback(
        Feedback(
          decision: decision, report: Feedback.Report.allCases.randomElement(using: &random)!,
          owner: ["a", "b"].randomElement(using: &random)))
    }
    let source = Int.random(in: 0..<20, using: &random)
    // Numbers jump now and then; some sources do not count.
    let number = UInt64(step * 3) + UInt64(Int.random(in: 0..<3, using: &random)) + 1
    let epoch = UInt64(1 + step / 200 + Int.random(in: 0..<2, using: &random))
    return .test(
      "\(step % 50)", Bool.random(using: &random) ? seconds - 5 : nil, body,
      model: "m\(Int.random(in: 0..<4, using: &random))", source: "s\(source)",
      sequence: source % 4 == 0 ? nil : SequenceNumber(epoch: epoch, number: number))
  }

  @Test(arguments: [UInt64(1), 2, 3, 4], Preset.allCases)
  func aRestoredEngineGoesOnAlike(seed: UInt64, preset: Preset) throws {
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let settings = Self.settings(preset)
    var engine = MonitoringEngine(settings: settings)
    engine.tracksChanges = true
    var kept = Kept()
    var seconds = 0.0
    var decisions: [DecisionID] = []
    var restarts = 0
    for step in 0..<1_500 {
      seconds += Double(Int.random(in: 0...1_200, using: &random))
      if Int.random(in: 0..<40, using: &random) == 0 {
        kept.keep(engine.takeChanges(withHistory: Bool.random(using: &random)))
        #expect(!engine.hasChanges)
        var restored = try MonitoringEngine(settings: settings, restoring: kept.all)
        // Everything is told once more to a journal that is told all, and it is what was kept.
        #expect(restored.modelCount == engine.modelCount)
        #expect(restored.sourceReports.map(\.source) == engine.sourceReports.map(\.source))
        restored.reportsAssessments = engine.reportsAssessments
        // Clocks of sources are measured anew, and arrival is told with the next event.
        engine = restored
        restarts += 1
      }
      let event = Self.event(step, at: seconds, decisions, &random)
      var twin = engine
      let effects = engine.handle(event, at: .test(seconds))
      #expect(effects == twin.handle(event, at: .test(seconds)))
      for publication in effects.publications {
        guard case .decision(let decision) = publication.output else { continue }
        decisions = (decisions + [decision.id]).suffix(6)
      }
    }
    #expect(restarts > 15 && !decisions.isEmpty)
  }

  /// One engine runs through; its twin is written down and restored every few events. Both say the same.
  @Test(arguments: [UInt64(11), 12, 13], Preset.allCases)
  func anInterruptedRunSaysTheSame(seed: UInt64, preset: Preset) throws {
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    var settings = Self.settings(preset)
    // No purge: an arrival that nobody tells the restored engine decides when it is due.
    settings.limits.sources = 4_096
    var whole = MonitoringEngine(settings: settings)
    var interrupted = MonitoringEngine(settings: settings)
    interrupted.tracksChanges = true
    var kept = Kept()
    var seconds = 0.0
    var decisions: [DecisionID] = []
    var published = 0
    for step in 0..<1_200 {
      seconds += Double(Int.random(in: 0...1_200, using: &random))
      if Int.random(in: 0..<10, using: &random) == 0 {
        kept.keep(interrupted.takeChanges(withHistory: false))
        interrupted = try MonitoringEngine(settings: settings, restoring: kept.all)
      }
      let event = Self.event(step, at: seconds, decisions, &random)
      let effects = whole.handle(event, at: .test(seconds))
      #expect(effects == interrupted.handle(event, at: .test(seconds)), "seed \(seed), step \(step)")
      #expect(whole.nextDeadline.map { _ in true } == interrupted.nextDeadline.map { _ in true })
      for publication in effects.publications {
        published += 1
        guard case .decision(let decision) = publication.output else { continue }
        decisions = (decisions + [decision.id]).suffix(6)
      }
    }
    #expect(published > 500 && whole.sourceReports.map(\.counts) == interrupted.sourceReports.map(\.counts))
  }

  /// Bytes that are no record give an error, wherever they are wrong.
  @Test(arguments: Preset.allCases) func damagedRecordsAreRefused(preset: Preset) throws {
    var random = SeededGenerator(seed: 5)
    var engine = MonitoringEngine(settings: Self.settings(preset))
    engine.tracksChanges = true
    for step in 0..<100 {
      _ = engine.handle(Self.event(step, at: Double(step) * 900, [], &random), at: .test(Double(step) * 900))
    }
    let records = engine.takeChanges(withHistory: false).records
    var refused = 0
    for index in records.indices {
      guard let bytes = records[index].value else { continue }
      for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 60)) {
        var damaged = records
        damaged[index].value = Array(bytes.prefix(length))
        #expect(throws: StateError.self) {
          _ = try MonitoringEngine(settings: Self.settings(), restoring: damaged)
        }
        refused += 1
      }
      for _ in 0..<20 {
        var damaged = records
        var changed = bytes
        changed[Int.random(in: changed.indices, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
        damaged[index].value = changed
        // Taken or refused, never trapped on.
        _ = try? MonitoringEngine(settings: Self.settings(), restoring: damaged)
      }
    }
    #expect(refused > 100)
  }

  /// Two records that claim to be the same model (kind 2) or source (kind 4).
  @Test(arguments: [UInt8(2), 4]) func aRecordThatStandsTwiceIsRefused(kind: UInt8) throws {
    var random = SeededGenerator(seed: 6)
    var engine = MonitoringEngine(settings: Self.settings())
    engine.tracksChanges = true
    for step in 0..<60 {
      _ = engine.handle(Self.event(step, at: Double(step) * 900, [], &random), at: .test(Double(step) * 900))
    }
    // Without baselines, which alone would not fit another model.
    var records = engine.takeChanges(withHistory: false).records.filter { $0.kind != 3 }
    let places = records.indices.filter { records[$0].kind == kind && records[$0].value != nil }
    try #require(places.count >= 2)
    records[places[1]].value = records[places[0]].value
    let error = #expect(throws: StateError.self) {
      _ = try MonitoringEngine(settings: Self.settings(), restoring: records)
    }
    #expect(error.map { "\($0)".contains("twice") } == true)
  }

  /// While it is held nothing is decided; what was due fires afterwards.
  @Test func aHeldEngineDecidesNothing() {
    var engine = MonitoringEngine(settings: Self.settings())
    engine.isHeld = true
    engine.reportsAssessments = false
    var effects: [Effect] = []
    for step in 0..<50 {
      engine.handle(
        .test("\(step)", Double(step) * 100_000, .accuracy(0.1)), at: .test(Double(step) * 100_000),
        into: &effects)
    }
    #expect(effects.publications.isEmpty)
    engine.isHeld = false
    engine.handle(.test("last", 5_100_000, .accuracy(0.1)), at: .test(5_100_000), into: &effects)
    let kinds = effects.publications.map(\.output)
    #expect(kinds.contains { if case .alert = $0 { true } else { false } })
    #expect(kinds.contains { if case .decision = $0 { true } else { false } })
  }
}
