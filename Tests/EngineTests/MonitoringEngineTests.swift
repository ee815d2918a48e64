import Decisions
import Engine
import Events
import TestSupport
import Testing

@Suite struct MonitoringEngineTests {
  private static let day = 86_400.0

  // MARK: When the trigger is asked

  @Test func withoutFeatureBaselineEveryMeasurementAsks() {
    var engine = MonitoringEngine(settings: EngineSettings())
    #expect(engine.handle(.test("1", 0, .accuracy(1)), at: .test(0)).evaluations.count == 1)
    #expect(engine.handle(.test("2", 9, .accuracy(1)), at: .test(9)).evaluations.count == 1)
  }

  @Test func withBatchesComingOnlyBatchesAsk() {
    var engine = MonitoringEngine(settings: EngineSettings())
    #expect(engine.handle(.test("1", 0, .baseline(column: [0, 1])), at: .test(0)).evaluations.isEmpty)
    #expect(engine.handle(.test("2", 1, .accuracy(1)), at: .test(1)).evaluations.isEmpty)
    #expect(engine.handle(.test("3", 2, .column([0])), at: .test(2)).evaluations.count == 1)
    // 48 h after that batch the model counts as idle.
    let edge = 2 + 2 * Self.day
    #expect(engine.handle(.test("4", edge - 1, .accuracy(1)), at: .test(edge - 1)).evaluations.isEmpty)
    #expect(engine.handle(.test("5", edge, .accuracy(1)), at: .test(edge)).evaluations.count == 1)
    // A rejected batch is none.
    let wrong = engine.handle(.test("6", edge, .features(Self.pair)), at: .test(edge))
    #expect(wrong.reasons.contains(.shapeMismatch) && wrong.outputs.isEmpty)
    #expect(engine.handle(.test("7", edge, .accuracy(1)), at: .test(edge)).evaluations.count == 1)
  }

  private static let pair = FeatureBatch(names: nil, matrix: Matrix(rows: 1, columns: 2, values: [1, 2]))

  /// The time rule falls due without an event of the model: at its own time, again and again.
  @Test func deadlinesFireAtTheirOwnTime() {
    var engine = MonitoringEngine(settings: EngineSettings())
    _ = engine.handle(.test("1", 0, .accuracy(1)), at: .test(0))
    #expect(engine.nextDeadline == .test(7 * Self.day))
    var effects: [Effect] = []
    engine.advance(to: .test(7 * Self.day), into: &effects)
    #expect(effects.isEmpty, "due before, not at")
    engine.advance(to: .test(22 * Self.day), into: &effects)
    #expect(effects.evaluations.map(\.time) == [7, 14, 21].map { .test($0 * Self.day) })
    #expect(effects.evaluations.allSatisfy { $0.isTimer && $0.decided })
    #expect(engine.nextDeadline == .test(28 * Self.day))
  }

  /// A deadline runs on the arrival clock from the event that set model time.
  @Test func nominalTimesWaitInArrivalTime() {
    var engine = MonitoringEngine(settings: EngineSettings())
    // A nominal date far in the past, arriving at 1,000 s.
    _ = engine.handle(.test("1", -900 * Self.day, .accuracy(1)), at: .test(1_000))
    #expect(engine.nextDeadline == .test(1_000 + 7 * Self.day))
    // The next event is eight nominal days on and arrives at once: its model's deadline comes first.
    let effects = engine.handle(.test("2", -892 * Self.day, .accuracy(1)), at: .test(1_001))
    #expect(effects.evaluations.map(\.isTimer) == [true, false])
    #expect(effects.evaluations.first?.time == .test(-893 * Self.day))
  }

  /// Due before an event, not at its time: then the event itself evaluates.
  @Test func deadlineAtAnEventsTimeIsTheEvents() {
    for isLive in [true, false] {
      var engine = MonitoringEngine(settings: EngineSettings())
      _ = engine.handle(.test("1", 0, .accuracy(1)), at: .test(0))
      let week = 7 * Self.day
      let arrival = isLive ? week : 1
      let nominal = isLive ? week : -week
      if !isLive {
        engine = MonitoringEngine(settings: EngineSettings())
        _ = engine.handle(.test("1", -2 * week, .accuracy(1)), at: .test(0))
      }
      let effects = engine.handle(.test("2", nominal, .accuracy(1)), at: .test(arrival))
      #expect(effects.evaluations.map(\.isTimer) == [false])
      #expect(effects.evaluations.map(\.decided) == [true])
    }
  }

  @Test func deadlinesOfAllModelsFireInOrder() {
    var engine = MonitoringEngine(settings: EngineSettings())
    var random = SeededGenerator(seed: 8)
    var lags: [String: Duration] = [:]
    for model in 0..<50 {
      let at = Double(model)
      let nominal = Double.random(in: -10_000...at, using: &random)
      lags["m\(model)"] = Timestamp.test(nominal).duration(to: .test(at))
      _ = engine.handle(.test("\(model)", nominal, .accuracy(1), model: "m\(model)"), at: .test(at))
    }
    var effects: [Effect] = []
    engine.advance(to: .test(30 * Self.day), into: &effects)
    #expect(effects.evaluations.count == 50 * 4)
    // In arrival time: model time plus the lag with which each model's event arrived.
    let arrivals = effects.publications.map { $0.time.advanced(by: lags[$0.model.name.text]!) }
    #expect(arrivals == arrivals.sorted())
    #expect(effects.publications.map(\.time) != effects.publications.map(\.time).sorted(), "lags must matter")
  }

  /// However far a hostile or broken time jumps, the work is bounded, and said.
  @Test func aJumpOverManyDeadlinesIsBounded() {
    var settings = EngineSettings()
    settings.defaults.retrain.minimumTimeBetweenRetrains = .zero
    settings.defaults.retrain.maximumTimeWithoutRetrain = .seconds(1)
    var engine = MonitoringEngine(settings: settings)
    _ = engine.handle(.test("1", 0, .accuracy(1)), at: .test(0))
    let far = 200 * 365 * Self.day
    let byArrival = engine.handle(.test("2", far, .accuracy(1)), at: .test(far))
    #expect((1_000...1_002).contains(byArrival.evaluations.filter(\.isTimer).count))
    #expect(byArrival.reasons.filter { $0 == .deadlineSkipped }.count == 1)
    // By the event's own time, with arrival standing still.
    var nominal = MonitoringEngine(settings: settings)
    _ = nominal.handle(.test("1", -far, .accuracy(1)), at: .test(0))
    let effects = nominal.handle(.test("2", 0, .accuracy(1)), at: .test(1))
    #expect((1_000...1_002).contains(effects.evaluations.filter(\.isTimer).count))
    #expect(effects.reasons.filter { $0 == .deadlineSkipped }.count == 1)
  }

  // MARK: Time

  @Test func timesFarAheadAreRefusedAndTheDataKept() {
    var engine = MonitoringEngine(settings: EngineSettings())
    let effects = engine.handle(.test("1", 2 * Self.day, .accuracy(1)), at: .test(0))
    #expect(effects.reasons.contains(.timeRefused))
    #expect(effects.publications.first?.time == .test(0))
  }

  @Test func lateEventsAreHandledInOrderOfArrival() {
    var engine = MonitoringEngine(settings: EngineSettings())
    _ = engine.handle(.test("1", 100, .accuracy(0.9)), at: .test(100))
    let effects = engine.handle(.test("2", 50, .accuracy(0.1)), at: .test(101))
    #expect(effects.reasons.contains(.late))
    #expect(effects.publications.first?.time == .test(100), "model time never goes back")
    guard case .performance(let assessment)? = effects.outputs.first else { return #expect(Bool(false)) }
    #expect(assessment.recentAccuracy == 0.1)
  }

  // MARK: Models

  @Test func unknownModelsAreRegisteredOrRejectedUnderACap() {
    var settings = EngineSettings()
    settings.limits.models = 2
    var engine = MonitoringEngine(settings: settings)
    for (index, model) in ["a", "b", "c", "a"].enumerated() {
      let effects = engine.handle(.test("\(index)", 0, .accuracy(1), model: model), at: .test(0))
      #expect(effects.reasons.contains(.tooManyModels) == (model == "c"))
    }
    #expect(engine.modelCount == 2)

    settings.unknownModels = .reject
    settings.add(ModelSettings(), name: ModelName("a")!, version: nil)
    engine = MonitoringEngine(settings: settings)
    #expect(engine.handle(.test("1", 0, .accuracy(1), model: "a"), at: .test(0)).outputs.count == 2)
    #expect(
      engine.handle(.test("2", 0, .accuracy(1), model: "b"), at: .test(0)).reasons.contains(.unknownModel))
  }

  @Test func exactVersionComesBeforeAnyVersion() {
    var settings = EngineSettings()
    var any = ModelSettings()
    any.baselineAccuracy = 0.5
    var exact = ModelSettings()
    exact.baselineAccuracy = 0.25
    settings.add(any, name: ModelName("a")!, version: nil)
    settings.add(exact, name: ModelName("a")!, version: ModelVersion("2")!)
    let accuracy = { (version: String) in
      settings.settings(for: ModelKey(name: ModelName("a")!, version: ModelVersion(version)!))?
        .baselineAccuracy
    }
    #expect(accuracy("1") == 0.5 && accuracy("2") == 0.25 && accuracy("-") == 0.5)
  }

  // MARK: Sources

  private func sequenced(_ engine: inout MonitoringEngine, _ epoch: UInt64, _ number: UInt64, at: Double)
    -> [Reason]
  {
    engine.handle(
      .test("\(epoch)-\(number)", nil, .accuracy(1), sequence: .init(epoch: epoch, number: number)),
      at: .test(at)
    ).reasons
  }

  @Test func sequencesAreAccounted() {
    var engine = MonitoringEngine(settings: EngineSettings())
    var effects: [Effect] = []
    // These epochs began before the engine did.
    engine.advance(to: Timestamp(nanoseconds: 1_000), into: &effects)
    #expect(sequenced(&engine, 5, 10, at: 0) == [], "accounted from the first that is heard")
    #expect(sequenced(&engine, 5, 11, at: 0) == [])
    #expect(sequenced(&engine, 5, 11, at: 0) == [.duplicate])
    #expect(sequenced(&engine, 5, 3, at: 0) == [.duplicate])
    #expect(sequenced(&engine, 5, 15, at: 0) == [.gap])
    #expect(sequenced(&engine, 6, 1, at: 1) == [.restarted], "a higher epoch is a restart, not a gap")
    #expect(sequenced(&engine, 7, 3, at: 1) == [.restarted, .gap], "which is accounted from its number 1")
    #expect(sequenced(&engine, 5, 16, at: 2) == [.staleEpoch])
    #expect(sequenced(&engine, 7, 4, at: 3) == [])
    #expect(
      sequenced(&engine, 5, 17, at: 6) == [.restarted], "silent for three heads: the lower one is believed")
    let young: UInt64 = 60_000_000_000
    let event = Event.test("young", nil, .accuracy(1), source: "t", sequence: .init(epoch: young, number: 3))
    #expect(
      engine.handle(event, at: .test(61)).reasons == [.gap], "an epoch that began after the first event")
  }

  /// Sources that were forgotten and come back are accounted anew, not from their beginning.
  @Test func forgottenSourcesLostNothing() {
    var settings = EngineSettings()
    settings.limits.sources = 1
    var engine = MonitoringEngine(settings: settings)
    let send = { (engine: inout MonitoringEngine, source: String, number: UInt64, at: Double) in
      let sequence = SequenceNumber(epoch: 2_000_000_000, number: number)
      let event = Event.test("\(source)\(number)", nil, .accuracy(1), source: source, sequence: sequence)
      return engine.handle(event, at: .test(at)).reasons
    }
    var effects: [Effect] = []
    engine.advance(to: .test(1), into: &effects)
    for number in 1...100 { #expect(send(&engine, "a", UInt64(number), 2 + Double(number)) == []) }
    #expect(send(&engine, "b", 1, 4_000) == [], "a is forgotten")
    #expect(send(&engine, "a", 101, 8_000) == [])
  }

  @Test func gapsCountWhatIsMissing() {
    var engine = MonitoringEngine(settings: EngineSettings())
    _ = sequenced(&engine, 0, 1, at: 0)
    let event = Event.test("x", nil, .accuracy(1), sequence: .init(epoch: 0, number: 100))
    let counts = engine.handle(event, at: .test(0)).compactMap { effect -> UInt64? in
      if case .account(let remark) = effect { remark.count } else { nil }
    }
    #expect(counts == [98])
    let refused = Event.test(
      "y", nil, .refused(Remark(.shapeMismatch)), sequence: .init(epoch: 0, number: 101))
    #expect(engine.handle(refused, at: .test(0)).reasons == [.shapeMismatch])
    #expect(sequenced(&engine, 0, 102, at: 0) == [], "a refused message was received: no gap")
  }

  @Test func idsWithoutSequenceAreRememberedForAWhile() {
    var engine = MonitoringEngine(settings: EngineSettings())
    let send = { (engine: inout MonitoringEngine, id: Int, source: String) in
      engine.handle(.test("\(id)", nil, .accuracy(1), source: source), at: .test(0)).reasons
    }
    for id in 0..<1_024 { #expect(send(&engine, id, "s") == [.unsequenced]) }
    #expect(send(&engine, 0, "s") == [.duplicate])
    #expect(send(&engine, 0, "other") == [.unsequenced], "ids are a source's own")
    #expect(send(&engine, 1_024, "s") == [.unsequenced])
    #expect(send(&engine, 0, "s") == [.unsequenced], "the oldest was forgotten")
    #expect(send(&engine, 1_024, "s") == [.duplicate])
  }

  @Test func sourcesAreCappedAndTheSilentForgotten() {
    var settings = EngineSettings()
    settings.limits.sources = 3
    var engine = MonitoringEngine(settings: settings)
    let send = { (engine: inout MonitoringEngine, source: Int, at: Double) in
      engine.handle(.test("\(at)", nil, .accuracy(1), source: "s\(source)"), at: .test(at)).reasons
    }
    for source in 0..<3 { #expect(send(&engine, source, 0) == [.unsequenced]) }
    #expect(send(&engine, 3, 1) == [.tooManySources])
    #expect(send(&engine, 0, 2_000) == [.unsequenced])
    #expect(send(&engine, 3, 3_700) == [.unsequenced], "two were silent for an hour")
  }

  // MARK: Properties

  private static func randomEvent(_ random: inout SeededGenerator, _ step: Int) -> (Event, Timestamp) {
    let at = Double(step) * 3_600
    let time: Double? = [nil, at, at - 5_000, at + 100].randomElement(using: &random)!
    let body: EventBody
    switch Int.random(in: 0..<6, using: &random) {
    case 0: body = .baseline(column: (0..<20).map { _ in random.normal() })
    case 1, 2:
      let shift = [0.0, 2.5, 9].randomElement(using: &random)!
      body = .column((0..<5).map { _ in random.normal() + shift })
    default: body = .accuracy([0.95, 0.8, 0.5].randomElement(using: &random)!)
    }
    let model = "m\(Int.random(in: 0..<4, using: &random))"
    return (.test("\(step)", time, body, model: model), .test(at))
  }

  /// The same events give the same effects, and a copy goes on as the original does.
  @Test(arguments: [UInt64(1), 2, 3]) func sameEventsSameEffects(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var first = MonitoringEngine(settings: EngineSettings())
    var second = MonitoringEngine(settings: EngineSettings())
    for step in 0..<2_000 {
      let (event, at) = Self.randomEvent(&random, step)
      // Printed, since scores of columns without values are NaN, which equals nothing.
      #expect(
        "\(first.handle(event, at: at))" == "\(second.handle(event, at: at))", "seed \(seed), step \(step)")
      if step == 1_000 { second = first }
    }
  }

  /// Checkers over any run: model times never go back, decisions keep the minimum time and count up,
  /// alerts are whole.
  @Test(arguments: [UInt64(1), 2, 3, 4, 5]) func runsAreSound(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var engine = MonitoringEngine(settings: EngineSettings())
    var times: [ModelKey: Timestamp] = [:]
    var decisions: [ModelKey: (ordinal: UInt64, time: Timestamp)] = [:]
    var open: [String: Episode] = [:]
    var count = 0
    for step in 0..<3_000 {
      let (event, at) = Self.randomEvent(&random, step)
      for publication in engine.handle(event, at: at).publications {
        let model = publication.model
        #expect(times[model].map { $0 <= publication.time } ?? true, "seed \(seed), step \(step)")
        times[model] = publication.time
        switch publication.output {
        case .decision(let decision):
          count += 1
          let before = decisions[model]
          #expect(decision.ordinal == (before?.ordinal ?? 0) + 1)
          if let before { #expect(before.time.duration(to: publication.time) >= .seconds(24 * 3_600)) }
          decisions[model] = (decision.ordinal, publication.time)
        case .alert(let transition):
          let key = "\(model) \(transition.finding.monitor)"
          #expect((open[key] == nil) == (transition.change == .opened), "seed \(seed), step \(step)")
          open[key] = transition.change == .resolved ? nil : transition.episode
        default: break
        }
      }
    }
    #expect(count > 20, "the run must decide something")
  }
}
