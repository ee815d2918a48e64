import Decisions
import Engine
import Events
import Monitoring
import TestSupport
import Testing
import Wire

/// What becomes of alerts beside what is measured: silences, inhibition, versions that are replaced, settings that
/// change, restarts.
@Suite struct AlertLifeTests {
  private struct Watched {
    var engine: MonitoringEngine
    var number = 0
    var kept: [String: StateRecord] = [:]

    init(_ change: (inout ModelSettings) -> Void = { _ in }) {
      engine = MonitoringEngine(settings: AlertLifeTests.settings(change))
      engine.tracksChanges = true
      engine.reportsAssessments = false
    }

    mutating func send(
      _ body: EventBody, at seconds: Double, model: String = "m", version: String? = nil
    ) -> [AlertTransition] {
      number += 1
      let key = ModelKey(
        name: ModelName(model)!, version: version.flatMap { ModelVersion($0) } ?? .none)
      let event = Event(
        header: EventHeader(
          id: .text("\(number)"), origin: Origin(source: SourceName("s")!, model: key),
          time: .test(seconds)), body: body)
      return AlertLifeTests.alerts(engine.handle(event, at: .test(seconds)))
    }

    mutating func advance(to seconds: Double) -> [AlertTransition] {
      var effects: [Effect] = []
      engine.advance(to: .test(seconds), into: &effects)
      return AlertLifeTests.alerts(effects)
    }

    mutating func say(
      _ request: SilenceRequest, at seconds: Double
    ) -> (alerts: [AlertTransition], answer: FeedbackAnswer?) {
      number += 1
      let sequence = SequenceNumber(epoch: 1, number: UInt64(number))
      let header = EventHeader(
        id: .numbered(sequence), origin: Origin(source: SourceName("cli")!, model: .unspecified),
        sequence: sequence)
      var effects: [Effect] = []
      engine.handle(request, of: header, at: .test(seconds), into: &effects)
      guard case .answer(let answer)? = effects.last else { return (AlertLifeTests.alerts(effects), nil) }
      return (AlertLifeTests.alerts(effects), answer)
    }

    var standing: [AlertTransition] {
      engine.modelsWithOpenAlerts.sorted().flatMap { engine.standingAlerts(ofModel: $0) }.compactMap {
        if case .alert(let alert) = $0.output { alert } else { nil }
      }
    }

    /// Another process goes on from what was kept.
    mutating func restart(at seconds: Double, _ change: (inout ModelSettings) -> Void) throws {
      for record in engine.takeChanges(withHistory: false).records {
        kept["\(record.kind) \(record.key)"] = record
      }
      engine = try MonitoringEngine(
        settings: AlertLifeTests.settings(change), restoring: Array(kept.values))
      engine.reportsAssessments = false
      engine.settle(at: .test(seconds))
    }
  }

  private static func settings(_ change: (inout ModelSettings) -> Void) -> EngineSettings {
    var settings = EngineSettings(digest: Identity.digest)
    change(&settings.defaults)
    return settings
  }

  private static func alerts(_ effects: [Effect]) -> [AlertTransition] {
    effects.outputs.compactMap { if case .alert(let alert) = $0 { alert } else { nil } }
  }

  private static func silence(
    _ matchers: [(Silence.Matcher.Field, String)], for seconds: Int64, id: String? = nil
  ) -> SilenceRequest {
    .create(
      id: id,
      .init(
        matchers: matchers.map { Silence.Matcher($0.0, $0.1)! }, end: .after(.seconds(seconds)),
        createdBy: "ana", comment: ""))
  }

  // MARK: Silences

  /// What is open is told once more, marked; so is what opens; and when it is over, that too.
  @Test func aSilenceMarksWhatMatches() throws {
    var watched = Watched()
    #expect(watched.send(.accuracy(0.5), at: 0, model: "fraud").map(\.flags) == [[]])
    _ = watched.send(.accuracy(0.5), at: 0, model: "churn")
    let made = watched.say(Self.silence([(.model, "fr*"), (.monitor, "accuracy")], for: 100), at: 1)
    guard case .silences(let silences)? = made.answer else { return #expect(Bool(false)) }
    #expect(silences.count == 1 && silences[0].endsAt == .test(101) && silences[0].id.hasPrefix("si-"))
    #expect(made.alerts.map(\.flags) == [.silenced])
    #expect(made.alerts.map(\.change) == [.updated] && made.alerts.map(\.episode.revision) == [2])
    let late = watched.send(.metrics(Metrics(accuracy: nil, latencyMilliseconds: 900)), at: 2, model: "fraud")
    #expect(late.map(\.flags) == [[]], "another monitor")
    #expect(watched.send(.accuracy(0.5), at: 3, model: "fragile").map(\.flags) == [.silenced])
    #expect(watched.standing.filter { $0.flags == .silenced }.count == 2)
    #expect(watched.advance(to: 101) == [])
    let over = watched.advance(to: 101.001)
    #expect(over.map(\.flags) == [[], []] && over.map(\.change) == [.updated, .updated])
    #expect(over.map(\.episode.revision) == [3, 2])
    // One that ends silenced says so.
    _ = watched.say(Self.silence([(.type, "accuracy_degradation")], for: 100), at: 102)
    #expect(watched.send(.accuracy(0.95), at: 103, model: "fraud").map(\.flags) == [.silenced])
  }

  @Test func silencesAreListedReplacedAndEnded() throws {
    var watched = Watched()
    _ = watched.say(Self.silence([(.model, "a")], for: 100, id: "mine"), at: 0)
    _ = watched.say(Self.silence([(.severity, "high")], for: 50), at: 1)
    let again = watched.say(Self.silence([(.model, "b")], for: 200, id: "mine"), at: 2)
    guard case .silences(let replaced)? = again.answer,
      case .silences(let listed)? = watched.say(.list, at: 3).answer
    else { return #expect(Bool(false)) }
    #expect(replaced.map(\.endsAt) == [.test(202)])
    #expect(listed.map(\.id).first == "mine" && listed.count == 2)
    #expect(watched.engine.nextDeadline == .test(51))
    guard case .refused(let unknown)? = watched.say(.expire(id: "other"), at: 4).answer else {
      return #expect(Bool(false))
    }
    #expect(unknown.code == .unknownSilence)
    #expect(watched.send(.accuracy(0.5), at: 5, model: "b").map(\.flags) == [.silenced])
    // Two match: one ends, and it stays silenced.
    #expect(watched.say(.expire(id: "mine"), at: 6).alerts == [])
    #expect(watched.advance(to: 52).map(\.flags) == [[]])
    guard case .silences(let none)? = watched.say(.list, at: 53).answer else { return #expect(Bool(false)) }
    #expect(none == [])
  }

  @Test func silencesAreBounded() {
    var watched = Watched()
    for index in 0..<1_000 {
      guard case .silences? = watched.say(Self.silence([(.model, "m\(index)")], for: 100), at: 1).answer
      else {
        return #expect(Bool(false), "\(index)")
      }
    }
    guard case .refused(let refusal)? = watched.say(Self.silence([(.model, "x")], for: 100), at: 2).answer
    else {
      return #expect(Bool(false))
    }
    #expect(refusal.code == .tooManySilences)
    for (seconds, isTaken) in [(0, false), (-5, false), (367 * 24 * 3_600, false), (366 * 24 * 3_600, true)] {
      _ = watched.advance(to: 200)
      let answer = watched.say(Self.silence([(.model, "m")], for: Int64(seconds)), at: 201).answer
      if case .silences? = answer { #expect(isTaken) } else { #expect(!isTaken) }
    }
  }

  /// They are there after a restart, and end when they would have.
  @Test func silencesSurvive() throws {
    var watched = Watched()
    _ = watched.send(.accuracy(0.5), at: 0)
    _ = watched.say(Self.silence([(.model, "m")], for: 100), at: 1)
    try watched.restart(at: 50) { _ in }
    #expect(watched.standing.map(\.flags) == [.silenced])
    #expect(watched.send(.accuracy(0.6), at: 51) == [])
    #expect(watched.advance(to: 102).map(\.flags) == [[]])
  }

  // MARK: By hand

  @Test func anOperatorEndsAnAlert() {
    var watched = Watched()
    _ = watched.send(.accuracy(0.5), at: 0, model: "a/b", version: "7")
    guard case .refused(let refusal)? = watched.say(.resolve(alertKey: "a/b/7/accuracy"), at: 1).answer else {
      return #expect(Bool(false))
    }
    #expect(refusal.code == .unknownAlert)
    let done = watched.say(.resolve(alertKey: "a%2Fb/7/accuracy"), at: 2)
    #expect(done.answer == .silences([]))
    #expect(done.alerts.map(\.reason) == [.manual] && done.alerts.map(\.state) == [.resolved])
    #expect(watched.standing == [])
    // What is still wrong opens anew.
    #expect(watched.send(.accuracy(0.5), at: 3, model: "a/b", version: "7").map(\.episode.ordinal) == [2])
  }

  // MARK: Silence of models

  /// No data resolves nothing; what is open is stale, under `standard` with a word of its own.
  @Test(arguments: Preset.allCases) func noDataMakesStale(preset: Preset) {
    var watched = Watched {
      $0.preset = preset
      $0.noDataAfter = .seconds(60)
      $0.standard.counts = CaseCounts(correct: 9_500, total: 10_000)
    }
    let bad = EventBody.metrics(
      Metrics(
        accuracy: 0.2, latencyMilliseconds: nil, counts: CaseCounts(correct: 200, total: 1_000)))
    #expect(watched.send(bad, at: 0).map(\.state) == [.firing])
    let silent = watched.advance(to: 61)
    #expect(silent.first?.finding.monitor == .noData)
    if preset == .standard {
      #expect(silent.map(\.flags) == [[], .stale] && silent.map(\.change) == [.opened, .updated])
    } else {
      #expect(silent.count == 1)
    }
    #expect(watched.standing.map(\.flags) == [.stale, []])
    let back = watched.send(bad, at: 70)
    #expect(back.first?.finding.monitor == .noData && back.first?.change == .resolved)
    #expect(back.count == (preset == .standard ? 2 : 1))
    #expect(watched.standing.map(\.flags) == [[]])
  }

  /// Nobody heard anything while no process ran: that is no silence of the models.
  @Test func silenceCountsFromTheRestart() throws {
    var watched = Watched { $0.noDataAfter = .seconds(60) }
    _ = watched.send(.accuracy(0.95), at: 0)
    try watched.restart(at: 1_000) { $0.noDataAfter = .seconds(60) }
    #expect(watched.advance(to: 1_060) == [])
    #expect(watched.advance(to: 1_061).map(\.finding.monitor) == [.noData])
  }

  // MARK: Ends without an evaluation

  @Test func aVersionThatIsReplaced() {
    var watched = Watched { $0.noDataAfter = .seconds(300) }
    _ = watched.send(.accuracy(0.5), at: 0, version: "1")
    #expect(watched.send(.accuracy(0.95), at: 100, version: "2") == [])
    // Both serve for a while.
    #expect(watched.send(.accuracy(0.5), at: 200, version: "1") == [])
    for second in stride(from: 300.0, through: 780, by: 20) {
      let alerts = watched.send(.accuracy(0.95), at: second, version: "2")
      #expect(alerts.map(\.finding.monitor) == (second == 520 ? [.noData] : []), "\(second)")
    }
    #expect(watched.advance(to: 800) == [])
    let ended = watched.advance(to: 800.001)
    #expect(ended.map(\.reason) == [.modelReplaced, .modelReplaced])
    #expect(ended.map(\.finding.monitor) == [.accuracy, .noData])
    #expect(watched.standing == [])
    for second in stride(from: 810.0, through: 2_000, by: 20) {
      #expect(watched.send(.accuracy(0.95), at: second, version: "2") == [])
    }
    // It comes back: it is watched as before.
    #expect(watched.send(.accuracy(0.5), at: 2_001, version: "1").map(\.episode.ordinal) == [2])
  }

  /// A metric that is watched no more, and a model that is configured no more.
  @Test func whatIsNoLongerAskedForEnds() throws {
    let revenue: (inout ModelSettings) -> Void = {
      $0.preset = .standard
      var metric = MetricSettings(name: "revenue", range: 0...200)
      metric.baseline = 100
      $0.standard.metrics = [metric]
    }
    var watched = Watched(revenue)
    var opened: [AlertTransition] = []
    for second in 0..<60 where opened.isEmpty {
      opened = watched.send(
        .metrics(
          Metrics(
            accuracy: nil, latencyMilliseconds: nil, counts: nil,
            named: [NamedMetric(name: "revenue", value: 20)])), at: Double(second))
    }
    #expect(opened.map(\.finding.metric) == ["revenue"])
    try watched.restart(at: 100) { $0.preset = .standard }
    let ended = watched.advance(to: 101)
    #expect(ended.map(\.reason) == [.ruleRemoved] && ended.map(\.finding.metric) == ["revenue"])
    #expect(ended.first?.episode.openedAt == opened.first?.episode.openedAt)
    #expect(watched.advance(to: 102) == [])
  }

  @Test func aModelThatIsRetired() throws {
    var watched = Watched()
    _ = watched.send(.accuracy(0.5), at: 0)
    var settings = Self.settings { _ in }
    settings.unknownModels = .reject
    try watched.engine.reload(settings)
    #expect(watched.advance(to: 1).map(\.reason) == [.modelRetired])
    #expect(watched.standing == [] && watched.engine.nextDeadline == .max)
    // Taken again, it is watched again.
    try watched.engine.reload(Self.settings { _ in })
    #expect(watched.send(.accuracy(0.5), at: 2).map(\.episode.ordinal) == [2])
  }

  /// Other settings carry the episode on; the alert says which hold.
  @Test func aReloadCarriesEpisodesOn() throws {
    var watched = Watched()
    let opened = watched.send(.accuracy(0.5), at: 0)
    try watched.engine.reload(Self.settings { $0.performance.accuracyRatio = 0.4 })
    let ended = watched.send(.accuracy(0.5), at: 1)
    #expect(ended.map(\.reason) == [.recovered])
    #expect(ended.first?.episode.ordinal == 1)
    #expect(ended.first?.circumstances.ruleRevision != opened.first?.circumstances.ruleRevision)
  }
}
