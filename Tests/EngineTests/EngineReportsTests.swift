import Engine
import Events
import Monitoring
import TestSupport
import Testing

/// What is told to whoever looks.
@Suite struct EngineReportsTests {
  private static func settings(_ preset: Preset) -> EngineSettings {
    var settings = EngineSettings()
    settings.defaults.preset = preset
    settings.defaults.retrain.minimumTimeBetweenRetrains = .seconds(100)
    settings.defaults.standard.batchesPerFalseAlarm = 10
    return settings
  }

  /// A few models that are measured, drift and learn, from a seed.
  private static func events(_ random: inout SeededGenerator) -> [Event] {
    var events = ["m0", "m1", "m2"].map {
      Event.test("baseline", 0, .baseline(column: [-1, 1, -0.5, 0.5]), model: $0)
    }
    for index in 1...300 {
      let model = "m\(Int.random(in: 0..<5, using: &random))"
      let body: EventBody =
        Bool.random(using: &random)
        ? .accuracy(Double.random(in: 0.7...1, using: &random))
        : .column((0..<20).map { _ in random.normal() + (index > 150 ? 4 : 0) })
      events.append(.test("\(index)", Double(index), body, model: model))
    }
    return events
  }

  @Test(arguments: Preset.allCases) func whoeverLooksChangesNothing(preset: Preset) {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed: seed)
    let events = Self.events(&random)
    var (quiet, watched) = (
      MonitoringEngine(settings: Self.settings(preset)), MonitoringEngine(settings: Self.settings(preset))
    )
    for (index, event) in events.enumerated() {
      let time = Timestamp.test(Double(index))
      let expected = quiet.handle(event, at: time)
      if index % 7 == 0 { watched.beginReporting() }
      let found = watched.handle(event, at: time)
      _ = watched.takeReports(limit: 2) { _, _ in }
      _ = watched.detail(of: event.header.model)
      if index % 50 == 0 { watched.endReporting() }
      #expect(found == expected, "event \(index), seed \(seed)")
    }
  }

  @Test func reportsComeOfWhatChangedALittleAtATime() {
    var engine = MonitoringEngine(settings: Self.settings(.reference))
    for model in 0..<5 {
      _ = engine.handle(.test("first-\(model)", 1, .accuracy(0.9), model: "m\(model)"), at: .test(1))
    }
    func take(_ limit: Int) -> (places: [Int], isMore: Bool) {
      var places: [Int] = []
      let isMore = engine.takeReports(limit: limit) { place, _ in places.append(place) }
      return (places.sorted(), isMore)
    }
    #expect(take(10) == ([], false), "nobody asked")
    engine.beginReporting()
    let first = take(3)
    #expect(first.places.count == 3 && first.isMore)
    let rest = take(3)
    #expect(Set(first.places + rest.places) == Set(0..<5) && !rest.isMore)
    _ = engine.handle(.test("2", 2, .accuracy(0.9), model: "m3"), at: .test(2))
    _ = engine.handle(.test("3", 3, .accuracy(0.9), model: "m3"), at: .test(3))
    #expect(take(10) == ([3], false))
    _ = engine.handle(.test("4", 4, .accuracy(0.9), model: "m1"), at: .test(4))
    engine.endReporting()
    engine.beginReporting()
    #expect(take(10) == ([0, 1, 2, 3, 4], false))
  }

  @Test func aReportSaysWhatTheEventsDid() throws {
    var engine = MonitoringEngine(settings: Self.settings(.reference))
    let time = Timestamp.test(200)
    _ = engine.handle(.test("b", 0, .baseline(column: [-1, 1])), at: .test(0))
    _ = engine.handle(.test("1", 1, .accuracy(0.5)), at: .test(1))
    _ = engine.handle(.test("2", 199, .column([3, 3])), at: time)
    let detail = try #require(engine.detail(of: ModelKey(name: ModelName("m")!)))
    let summary = detail.summary
    #expect(summary.accuracy == 0.5 && summary.events == 3 && summary.lastHeard == time)
    #expect(summary.alerts.map(\.monitor) == [.accuracy, .drift] && summary.state(at: time) == .alerting)
    #expect(summary.drift?.drifted == 1 && summary.recentDrift.count == 1)
    #expect(summary.decision?.isOpen == true && summary.decision?.state == .issued)
    #expect(detail.features?.top.map(\.name) == ["feature_0"] && detail.features?.drifted == 1)
    // It was just decided: the rules still ask, and the minimum time stands in the way.
    #expect(!detail.retrain.wouldRetrain)
    #expect(detail.retrain.rules.map { $0.reason != nil } == [true, true, false])
    #expect(
      detail.retrain.blocks.contains { if case .minimumTime = $0 { true } else { false } }
        && detail.retrain.blocks.contains { if case .openDecision = $0 { true } else { false } })
    #expect(engine.detail(of: ModelKey(name: ModelName("other")!)) == nil)
  }

  @Test func whatWouldBeDecidedIsWhatTheNextBatchDecides() throws {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed: seed)
    var engine = MonitoringEngine(settings: Self.settings(.reference))
    let key = ModelKey(name: ModelName("m")!)
    _ = engine.handle(.test("b", 0, .baseline(column: [-1, 1])), at: .test(0))
    var agreed = [0, 0]
    for index in 1...200 {
      let time = Double(index * 13)
      let accuracy = Double.random(in: 0.7...1, using: &random)
      _ = engine.handle(.test("m\(index)", time, .accuracy(accuracy)), at: .test(time))
      // A batch that is as the last one, so that all that is judged is known before.
      let told = try #require(engine.detail(of: key)).retrain.wouldRetrain
      let effects = engine.handle(.test("f\(index)", time, .column([0, 0])), at: .test(time))
      let decided = effects.outputs.contains { if case .decision = $0 { true } else { false } }
      #expect(told == decided, "at \(time), seed \(seed)")
      agreed[decided ? 1 : 0] += 1
    }
    #expect(agreed[0] > 10 && agreed[1] > 5, "both happen: \(agreed)")
  }

  /// Silenced is a model of which a silence matches every open alert.
  @Test func aReportSaysWhatIsSilenced() throws {
    var engine = MonitoringEngine(settings: Self.settings(.reference))
    let key = ModelKey(name: ModelName("m")!)
    func summary(at seconds: Double) throws -> ModelSummary {
      engine.advance(to: .test(seconds), into: &effects)
      return try #require(engine.detail(of: key)).summary
    }
    func say(_ monitor: String, id: String, for seconds: Int64, at time: Double) {
      let terms = Silence.Terms(
        matchers: [Silence.Matcher(.monitor, monitor)!], end: .after(.seconds(seconds)), createdBy: "ana",
        comment: "")
      let origin = Origin(source: SourceName("cli")!, model: .unspecified)
      let header = EventHeader(id: .text(id), origin: origin)
      engine.handle(.create(id: id, terms), of: header, at: .test(time), into: &effects)
    }
    var effects: [Effect] = []
    engine.beginReporting()
    _ = engine.handle(.test("b", 0, .baseline(column: [-1, 1])), at: .test(0))
    say("accuracy", id: "early", for: 1_000, at: 0.5)
    #expect(try !summary(at: 0.6).isSilenced, "nothing is open")
    _ = engine.handle(.test("1", 1, .accuracy(0.5)), at: .test(1))
    #expect(try summary(at: 1).state(at: .test(1)) == .silenced)
    _ = engine.handle(.test("2", 2, .column([3, 3])), at: .test(2))
    let half = try summary(at: 2)
    #expect(half.alerts.map(\.flags) == [.silenced, []] && half.state(at: .test(2)) == .alerting)
    while engine.takeReports(limit: 10, { _, _ in }) {}
    say("dr*", id: "late", for: 10, at: 3)
    var told: [ModelSummary] = []
    _ = engine.takeReports(limit: 10) { told.append($1.summary) }
    #expect(told.map(\.isSilenced) == [true], "it is told without an event of the model")
    #expect(engine.silencesInForce.map(\.id) == ["early", "late"])
    #expect(try !summary(at: 14).isSilenced && engine.silencesInForce.map(\.id) == ["early"])
  }

  @Test func aReportSaysThatAnAlertRecovers() throws {
    var engine = MonitoringEngine(settings: Self.settings(.standard))
    let key = ModelKey(name: ModelName("m")!)
    let baseline = BaselineUpdate(counts: CaseCounts(correct: 9_500, total: 10_000))
    _ = engine.handle(.test("b", 0, .baseline(baseline)), at: .test(0))
    var told: [AlertState] = []
    for step in 1...1_000 {
      let counts = CaseCounts(correct: step <= 10 ? 50 : 100, total: 100)
      let event = Event.test(
        "\(step)", Double(step), .metrics(Metrics(accuracy: nil, latencyMilliseconds: nil, counts: counts)))
      let published = engine.handle(event, at: .test(Double(step))).outputs.compactMap { output in
        if case .alert(let alert) = output { alert.state } else { nil }
      }
      let standing = try #require(engine.detail(of: key)).summary.alerts.map(\.state)
      if let state = published.last { #expect(standing == (state == .resolved ? [] : [state])) }
      if let state = standing.first, told.last != state { told.append(state) }
    }
    #expect(told == [.firing, .recovering])
  }
}
