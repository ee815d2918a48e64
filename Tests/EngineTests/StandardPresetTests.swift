import Engine
import Events
import Monitoring
import TestSupport
import Testing
import Wire

/// Preset `standard` through the engine: k-of-n accuracy, latencies and business metrics.
@Suite struct StandardPresetTests {
  private static func settings(_ change: (inout StandardSettings) -> Void = { _ in }) -> EngineSettings {
    var settings = EngineSettings()
    settings.defaults.preset = .standard
    change(&settings.defaults.standard)
    return settings
  }

  private static func counts(_ correct: Int, of total: Int) -> EventBody {
    .metrics(
      Metrics(
        accuracy: nil, latencyMilliseconds: nil,
        counts: CaseCounts(correct: Double(correct), total: Double(total))))
  }

  private static func named(_ name: String, _ value: Double) -> EventBody {
    .metrics(
      Metrics(
        accuracy: nil, latencyMilliseconds: nil, counts: nil, named: [NamedMetric(name: name, value: value)]))
  }

  private static func latencies(_ values: [Double]) -> EventBody {
    .metrics(Metrics(accuracy: nil, latencyMilliseconds: nil, counts: nil, latencies: values))
  }

  /// How many of `total` are right.
  private static func right(_ total: Int, errors rate: Double, _ random: inout SeededGenerator) -> Int {
    let limit = UInt64(rate * 0x1p63) << 1
    return total - (0..<total).count { _ in random.next() < limit }
  }

  private static func alerts(_ effects: [Effect]) -> [AlertTransition] {
    effects.outputs.compactMap { if case .alert(let transition) = $0 { transition } else { nil } }
  }

  private static func performance(_ effects: [Effect]) -> PerformanceAssessment? {
    effects.outputs.compactMap { if case .performance(let assessment) = $0 { assessment } else { nil } }.first
  }

  /// Errors that come in runs (lag-one correlation .5) are no drop: what they waver is learned with the rate.
  @Test func errorsThatComeInRunsAreNoDrop() {
    var random = SeededGenerator(seed: 71)
    func uniform() -> Double { Double(random.next() >> 11) * 0x1p-53 }
    var models = 0
    for _ in 0..<5 {
      var engine = MonitoringEngine(settings: Self.settings())
      var (isError, isAlarmed) = (false, false)
      for step in 0..<4_000 {
        // Stays as it is with a half, else is drawn anew: correlation .5, rate .1.
        if uniform() < 0.5 { isError = uniform() < 0.1 }
        let effects = engine.handle(
          .test("\(step)", Double(step), Self.counts(isError ? 0 : 1, of: 1)), at: .test(Double(step)))
        isAlarmed = isAlarmed || !Self.alerts(effects).isEmpty
      }
      if isAlarmed { models += 1 }
    }
    // One reference in a hundred is lower than the bound allows for. Without the allowance all five alarm.
    #expect(models <= 1, "seed 71: \(models) models")
  }

  /// 10⁵ cases at the learned rate in batches of 100 are silent; five points more are told within 50 batches
  /// (1,000 cases of reference leave two points of doubt), dated, and told as over when they are.
  @Test func accuracyByCounts() throws {
    var random = SeededGenerator(seed: 1)
    var engine = MonitoringEngine(settings: Self.settings())
    var step = 0
    func send(_ rate: Double) -> [Effect] {
      step += 1
      let body = Self.counts(Self.right(100, errors: rate, &random), of: 100)
      return engine.handle(.test("\(step)", Double(step), body), at: .test(Double(step)))
    }
    let first = try #require(Self.performance(send(0.05)))
    #expect(first.status == .learning)
    #expect(
      first.watches == [
        WatchReport(monitor: .accuracy, origin: .learned, stage: .learning(seen: 100, wanted: 1_000))
      ])
    #expect(first.recentAccuracy.map { $0 > 0.8 } == true, "accuracy is k of n")
    for _ in 0..<1_000 {
      let effects = send(0.05)
      #expect(Self.alerts(effects).isEmpty)
    }
    let before = step
    var opened: AlertTransition?
    while opened == nil && step < before + 60 { opened = Self.alerts(send(0.1)).first }
    #expect(step - before <= 50, "\(step - before) batches")
    let alert = try #require(opened)
    #expect(alert.finding.monitor == .accuracy && alert.episode.severity == .high)
    let evidence = try #require(alert.finding.evidence)
    #expect(evidence.log10 >= evidence.threshold && evidence.threshold == 4)
    #expect(abs(alert.finding.value - 0.9) < 0.03 && abs(alert.finding.threshold - 0.95) < 0.02)
    #expect(evidence.effect >= 0.01 && evidence.minimumEffect == 0.01 && evidence.count >= 100)
    let at = try #require(evidence.change.at)
    #expect(abs(Double(at.nanoseconds) / 1e9 - Double(before)) < 15, "seed 1: \(at) of \(before)")
    let assessment = try #require(Self.performance(send(0.1)))
    #expect(assessment.status == .alert && assessment.accuracyBreach != nil)
    var closed: AlertTransition?
    let recovery = step
    var states: [AlertState] = []
    while closed == nil && step < recovery + 700 {
      let alert = Self.alerts(send(0.02)).first
      if let alert { states.append(alert.state) }
      closed = alert?.change == .resolved ? alert : nil
    }
    // Ten minutes, in batches of a second, after its evidence fell well below the alarm.
    #expect(states == [.recovering, .resolved], "\(step - recovery) batches")
    #expect((600...660).contains(step - recovery), "\(step - recovery) batches")
  }

  @Test func givenCountsAreHeldAgainstAtOnce() throws {
    var random = SeededGenerator(seed: 2)
    var engine = MonitoringEngine(settings: Self.settings())
    let baseline = BaselineUpdate(counts: CaseCounts(correct: 9_500, total: 10_000))
    _ = engine.handle(.test("b", 0, .baseline(baseline)), at: .test(0))
    var step = 0
    var found = false
    while !found && step < 20 {
      step += 1
      let effects = engine.handle(
        .test("\(step)", Double(step), Self.counts(Self.right(100, errors: 0.1, &random), of: 100)),
        at: .test(Double(step)))
      let report = try #require(Self.performance(effects)?.watches.first)
      #expect(report.origin == .given)
      found = !Self.alerts(effects).isEmpty
    }
    #expect(found)
  }

  @Test func accuracyWithoutCounts() throws {
    var random = SeededGenerator(seed: 3)
    var engine = MonitoringEngine(settings: Self.settings())
    var alarms: [Int] = []
    for step in 0..<600 {
      let mean = step < 400 ? 0.9 : 0.6
      let effects = engine.handle(
        .test("\(step)", Double(step), .accuracy(mean + 0.03 * random.normal())), at: .test(Double(step)))
      if !Self.alerts(effects).isEmpty { alarms.append(step) }
    }
    #expect(alarms.count == 1 && alarms.first.map { $0 >= 400 && $0 < 450 } == true, "\(alarms)")
  }

  /// Six in a hundred slow answers in place of one, while the median stands still.
  @Test func aSlowTailIsFound() throws {
    var random = SeededGenerator(seed: 4)
    var engine = MonitoringEngine(settings: Self.settings())
    var found: AlertTransition?
    for step in 0..<200 {
      let batch = (0..<50).map { _ in
        step >= 120 && random.next() % 20 == 0 ? 900 : 100 + 20 * random.normal()
      }
      let effects = engine.handle(
        .test("\(step)", Double(step), Self.latencies(batch)), at: .test(Double(step)))
      let alerts = Self.alerts(effects)
      if step < 120 { #expect(alerts.isEmpty) }
      if found == nil, let alert = alerts.first {
        #expect(step < 150)
        found = alert
      }
    }
    let alert = try #require(found)
    #expect(alert.finding.monitor == .latency)
    #expect(alert.finding.evidence?.quantile?.level == 0.99)
    #expect(alert.finding.value > 0.02 && abs(alert.finding.threshold - 0.01) < 1e-9)
  }

  @Test func businessMetricsByName() throws {
    var random = SeededGenerator(seed: 5)
    var revenue = MetricSettings(name: "revenue", range: 0...200)
    revenue.direction = .down
    revenue.baseline = 100
    let settings = Self.settings { $0.metrics = [revenue, MetricSettings(name: "refunds", range: 0...1)] }
    var engine = MonitoringEngine(settings: settings)
    var transitions: [AlertTransition] = []
    var last: PerformanceAssessment?
    for step in 0..<500 {
      let mean = step < 300 ? 100.0 : 60
      let effects = engine.handle(
        .test("\(step)", Double(step), Self.named("revenue", mean + 10 * random.normal())),
        at: .test(Double(step)))
      last = Self.performance(effects)
      transitions += Self.alerts(effects)
    }
    #expect(transitions.map(\.finding.metric) == ["revenue"])
    #expect(transitions.first.map { $0.finding.threshold } == 100)
    #expect(transitions.first.map { $0.finding.value < 90 } == true)
    #expect(last?.metricBreaches.map(\.name) == ["revenue"] && last?.status == .alert)
    // A name that nobody configured is no measurement.
    let other = engine.handle(.test("o", 600, Self.named("other", 1)), at: .test(600))
    #expect(other.outputs.isEmpty)
  }

  /// Silent events of either kind do not count, and move nothing.
  @Test func nothingMeasuredIsNothing() {
    var engine = MonitoringEngine(settings: Self.settings())
    for (index, body) in [Self.counts(0, of: 0), Self.latencies([.nan]), Self.named("x", 1)].enumerated() {
      #expect(engine.handle(.test("\(index)", 1, body), at: .test(1)).outputs.isEmpty)
    }
  }

  /// Written down and restored every few events, it says what an engine says that ran through; and one record
  /// is not another preset's.
  @Test func anInterruptedRunSaysTheSame() throws {
    var random = SeededGenerator(seed: 6)
    let settings = Self.settings { $0.metrics = [MetricSettings(name: "revenue", range: 0...200)] }
    var whole = MonitoringEngine(settings: settings)
    var interrupted = MonitoringEngine(settings: settings)
    interrupted.tracksChanges = true
    var kept: [String: StateRecord] = [:]
    var opened = 0
    for step in 0..<900 {
      if Int.random(in: 0..<10, using: &random) == 0 {
        for record in interrupted.takeChanges(withHistory: false).records {
          kept["\(record.kind) \(record.key)"] = record
        }
        interrupted = try MonitoringEngine(settings: settings, restoring: Array(kept.values))
      }
      let rate = step / 100 % 3 == 2 ? 0.3 : 0.05
      let shift = step / 150 % 2 == 1 ? 1.6 : 1
      let body: EventBody =
        switch step % 4 {
        case 0: Self.counts(Self.right(40, errors: rate, &random), of: 40)
        case 1: Self.latencies((0..<30).map { _ in shift * (100 + 20 * random.normal()) })
        case 2: Self.named("revenue", shift * (80 + 5 * random.normal()))
        default: .accuracy(1 - rate + 0.02 * random.normal())
        }
      let event = Event.test("\(step)", Double(step), body, model: "m\(step % 8 / 4)")
      let effects = whole.handle(event, at: .test(Double(step)))
      #expect(effects == interrupted.handle(event, at: .test(Double(step))), "seed 6, step \(step)")
      opened += Self.alerts(effects).count
    }
    #expect(opened > 5, "\(opened)")
    let records = Array(kept.values)
    // Back under preset reference: what the other had is passed over.
    var reference = EngineSettings()
    reference.defaults.preset = .reference
    _ = try MonitoringEngine(settings: reference, restoring: records)
  }

  @Test func damagedRecordsAreRefusedOrTaken() throws {
    var random = SeededGenerator(seed: 7)
    let settings = Self.settings { $0.metrics = [MetricSettings(name: "revenue", range: 0...200)] }
    var engine = MonitoringEngine(settings: settings)
    engine.tracksChanges = true
    let revenue = Self.named("revenue", 80)
    for step in 0..<300 {
      let body = step % 3 == 0 ? Self.counts(38, of: 40) : step % 3 == 1 ? Self.latencies([80, 90]) : revenue
      _ = engine.handle(.test("\(step)", Double(step), body), at: .test(Double(step)))
    }
    let records = engine.takeChanges(withHistory: false).records
    let index = try #require(records.firstIndex { $0.kind == 2 })
    let bytes = try #require(records[index].value)
    #expect(bytes[0] == 2)
    for length in stride(from: 0, to: bytes.count, by: 97) {
      var damaged = records
      damaged[index].value = Array(bytes.prefix(length))
      #expect(throws: StateError.self) { _ = try MonitoringEngine(settings: settings, restoring: damaged) }
    }
    for _ in 0..<3_000 {
      var damaged = records
      var changed = bytes
      for _ in 0..<4 {
        changed[Int.random(in: 1..<changed.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      damaged[index].value = changed
      // Taken or refused, never trapped on, also not by what comes after.
      guard var restored = try? MonitoringEngine(settings: settings, restoring: damaged) else { continue }
      for body in [Self.counts(20, of: 40), Self.latencies([80, 900]), revenue] {
        _ = restored.handle(.test("after", 1_000, body), at: .test(1_000))
      }
    }
  }

  /// A model of preset reference writes what earlier builds read.
  @Test func referenceRecordsKeepTheirVersion() throws {
    var engine = MonitoringEngine(settings: EngineSettings())
    engine.tracksChanges = true
    _ = engine.handle(.test("1", 1, .accuracy(0.9)), at: .test(1))
    let records = engine.takeChanges(withHistory: false).records
    #expect(records.first { $0.kind == 2 }?.value?.first == 1)
    _ = try MonitoringEngine(settings: Self.settings(), restoring: records)
  }
}
