import Engine
import Events
import Monitoring
import TestSupport
import Testing
import Wire

/// Baselines of features that preset `standard` learns: from the first rows or hours, rolling, and by season.
@Suite struct LearnedBaselineTests {
  private static let names = FeatureNames(["a", "b"])

  private static func settings(_ change: (inout StandardSettings) -> Void) -> EngineSettings {
    var settings = EngineSettings(digest: Identity.digest)
    settings.defaults.preset = .standard
    change(&settings.defaults.standard)
    return settings
  }

  /// Column `a` around `mean`, column `b` around 0, and a column of words.
  private static func batch(_ rows: Int, mean: Double = 0, _ random: inout SeededGenerator) -> EventBody {
    var batch = FeatureBatch(
      names: names,
      matrix: Matrix(
        rows: rows, columns: 2, values: (0..<rows).flatMap { _ in [mean + random.normal(), random.normal()] })
    )
    let words = ["x", "y", "z", ""]
    batch.texts = [
      TextBlock(rows: rows, columns: 1, cells: (0..<rows).map { _ in words.randomElement(using: &random)! })
    ]
    batch.textNames = FeatureNames(["word"])
    return .features(batch)
  }

  private static func assessment(_ effects: [Effect]) -> DriftAssessment? {
    effects.outputs.compactMap { if case .drift(let assessment) = $0 { assessment } else { nil } }.first
  }

  private static func alerts(_ effects: [Effect]) -> [AlertTransition] {
    effects.outputs.compactMap { if case .alert(let transition) = $0 { transition } else { nil } }
  }

  @Test func theFirstRows() throws {
    var random = SeededGenerator(seed: 1)
    var engine = MonitoringEngine(settings: Self.settings { $0.learnedRows = 700 })
    let judged = (0..<20).filter { step in
      let time = Double(step)
      let effects = engine.handle(.test("\(step)", time, Self.batch(100, &random)), at: .test(time))
      let found = Self.assessment(effects)
      if let found { #expect(found.standard?.origin == .learned) }
      return found != nil
    }
    #expect(judged == Array(7..<20))
  }

  /// A batch at the end of the second hour is the last that is learned from; a model too quiet for that learns
  /// until it has the rows that bins are cut by.
  @Test func theFirstHours() {
    var random = SeededGenerator(seed: 2)
    for (rows, first) in [(50, 13), (10, 26)] {
      var engine = MonitoringEngine(settings: Self.settings { $0.learnedTime = .seconds(7_200) })
      let judged = (0..<30).filter { step in
        let time = 1e6 + 600 * Double(step)
        return Self.assessment(
          engine.handle(.test("\(step)", time, Self.batch(rows, &random)), at: .test(time))) != nil
      }
      #expect(judged == Array(first..<30))
    }
  }

  /// What each batch is held against is made of the thousand rows before; a change in the middle of them
  /// alarms, and while it does nothing is learned.
  @Test func rolling() throws {
    var random = SeededGenerator(seed: 3)
    var engine = MonitoringEngine(
      settings: Self.settings {
        $0.learnedRows = 1_000
        $0.rollingRows = 1_000
      })
    var step = 0
    func send(_ mean: Double) -> [Effect] {
      step += 1
      return engine.handle(
        .test("\(step)", Double(step), Self.batch(100, mean: mean, &random)), at: .test(Double(step)))
    }
    for _ in 0..<10 { _ = send(0) }
    var means: [Double] = []
    // A drift of a deviation in 20,000 rows is absorbed.
    for index in 0..<200 {
      let effects = send(Double(index) / 200)
      #expect(Self.alerts(effects).isEmpty, "seed 3, batch \(index)")
      means.append(try #require(Self.assessment(effects)).features[0].baselineMean)
    }
    #expect(Set(means).count == 20, "a baseline each ten batches")
    for (index, mean) in means.enumerated() where index >= 10 {
      // Of the last ten batches that were whole by then.
      let wanted = (Double(index / 10 * 10) - 5.5) / 200
      #expect(abs(mean - wanted) < 0.15, "seed 3, batch \(index)")
    }
    // A jump is told, and stays told: it does not become the reference.
    var opened: [AlertTransition] = []
    for _ in 0..<40 { opened += Self.alerts(send(3)) }
    #expect(opened.map(\.finding.monitor) == [.drift], "\(opened.map(\.finding.monitor))")
    let last = try #require(Self.assessment(send(3)))
    #expect(last.isDrifted && last.features[0].baselineMean < 1.2)
  }

  /// Nights differ from days; each hour is held to its own.
  @Test func aSeason() throws {
    var random = SeededGenerator(seed: 4)
    var engine = MonitoringEngine(
      settings: Self.settings {
        $0.learnedRows = 300
        $0.season = .hourOfDay
      })
    var step = 0
    func send(hour: Int, _ mean: Double) -> [Effect] {
      step += 1
      let time = 3_600 * Double(hour) + 1
      return engine.handle(.test("\(step)", time, Self.batch(150, mean: mean, &random)), at: .test(time))
    }
    for hour in 0..<(24 * 6) {
      let effects = send(hour: hour, hour % 24 < 12 ? 0 : 5)
      #expect(Self.alerts(effects).isEmpty, "seed 4, hour \(hour)")
      // Two days of each hour are learned from.
      #expect((Self.assessment(effects) != nil) == (hour >= 48))
    }
    // Noon as by night.
    let noon = (6..<9).flatMap { day in
      (0..<24).flatMap { hour in
        Self.alerts(send(hour: 24 * day + hour, hour < 13 ? 0 : 5)).map { (hour, $0.state) }
      }
    }
    // Each day it opens at noon; the three hours after are as they should be, and with the fourth it is over.
    #expect(noon.count % 3 == 0 && !noon.isEmpty, "\(noon)")
    for (index, (hour, state)) in noon.enumerated() {
      let wanted: [(Int, AlertState)] = [(12, .firing), (15, .recovering), (16, .resolved)]
      #expect((hour, state) == wanted[index % 3], "\(noon)")
    }
    // A baseline of all time says nothing of any hour.
    _ = engine.handle(
      .test("b", 1e6, .baseline(column: (0..<300).map { _ in random.normal() })), at: .test(1e6))
    #expect(Self.assessment(send(hour: 400, 5)) == nil)
  }

  @Test func aSeasonOfTooManyColumnsIsRefused() {
    var engine = MonitoringEngine(settings: Self.settings { $0.season = .hourOfWeek })
    for (columns, reasons) in [(97, [Reason]()), (98, [.shapeMismatch])] {
      let matrix = Matrix(rows: 1, columns: columns, values: [Double](repeating: 0, count: columns))
      let effects = engine.handle(
        .test("\(columns)", 1, .features(FeatureBatch(names: nil, matrix: matrix))), at: .test(1))
      #expect(effects.reasons.filter { $0 == .shapeMismatch } == reasons)
    }
  }

  static let kinds: [@Sendable (inout StandardSettings) -> Void] = [
    { $0.learnedRows = 400 },
    { $0.learnedTime = .seconds(40_000) },
    {
      $0.learnedRows = 300
      $0.rollingRows = 400
    },
    {
      $0.learnedRows = 300
      $0.season = .dayOfWeek
    },
    {
      $0.learnedRows = 300
      $0.rollingRows = 300
      $0.season = .dayOfWeek
    },
  ]

  /// Written down and restored every few events, in the middle of lessons too, it says what an engine says that
  /// ran through; settings of another kind go on with what they can use.
  @Test(arguments: kinds.indices) func anInterruptedRunSaysTheSame(kind: Int) throws {
    var random = SeededGenerator(seed: 5)
    let settings = Self.settings {
      Self.kinds[kind](&$0)
      // Alarms, so that what follows them is there, too.
      $0.batchesPerFalseAlarm = 20
    }
    var whole = MonitoringEngine(settings: settings)
    var interrupted = MonitoringEngine(settings: settings)
    interrupted.tracksChanges = true
    var kept: [String: StateRecord] = [:]
    var (judged, drifted) = (0, 0)
    for step in 0..<500 {
      if Int.random(in: 0..<4, using: &random) == 0 {
        for record in interrupted.takeChanges(withHistory: false).records {
          kept["\(record.kind) \(record.key)"] = record
        }
        interrupted = try MonitoringEngine(settings: settings, restoring: Array(kept.values))
      }
      let time = 5_000 * Double(step)
      let body: EventBody =
        switch step % 50 {
        case 10: .accuracy(0.9)
        // Not where parts of a season would never have a whole baseline before the next one.
        case 49 where step % 100 == 99 && kind != 4:
          .baseline(BaselineUpdate(features: Self.features(Self.batch(300, &random))))
        default: Self.batch(40, mean: step % 90 < 80 ? 0 : 2, &random)
        }
      let event = Event.test("\(step)", time, body)
      let effects = whole.handle(event, at: .test(time))
      // As text: what a column of text has no figure for is NaN, which equals nothing.
      let (own, others) = ("\(effects)", "\(interrupted.handle(event, at: .test(time)))")
      try #require(own == others, "seed 5, step \(step)")
      if let assessment = Self.assessment(effects) {
        judged += 1
        if assessment.isDrifted { drifted += 1 }
      }
    }
    #expect(judged > 100 && drifted > 0, "\(judged) judged, \(drifted) drifted")
    for change in Self.kinds {
      var other = try MonitoringEngine(settings: Self.settings(change), restoring: Array(kept.values))
      _ = other.handle(.test("after", 1e7, Self.batch(40, &random)), at: .test(1e7))
    }
    var reference = EngineSettings(digest: Identity.digest)
    reference.defaults.preset = .reference
    _ = try MonitoringEngine(settings: reference, restoring: Array(kept.values))
  }

  private static func features(_ body: EventBody) -> FeatureBatch? {
    if case .features(let features) = body { features } else { nil }
  }

  /// Records that were cut or changed are refused or taken, never trapped on.
  @Test(arguments: [2, 4]) func damagedRecords(kind: Int) throws {
    var random = SeededGenerator(seed: 6)
    let settings = Self.settings(Self.kinds[kind])
    var engine = MonitoringEngine(settings: settings)
    engine.tracksChanges = true
    for step in 0..<40 {
      let time = 7_200 * Double(step)
      _ = engine.handle(.test("\(step)", time, Self.batch(60, &random)), at: .test(time))
    }
    let records = engine.takeChanges(withHistory: false).records
    let index = try #require(records.firstIndex { $0.kind == 2 })
    let bytes = try #require(records[index].value)
    for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 40)) {
      var damaged = records
      damaged[index].value = Array(bytes.prefix(length))
      #expect(throws: StateError.self) { _ = try MonitoringEngine(settings: settings, restoring: damaged) }
    }
    for _ in 0..<500 {
      var damaged = records
      var changed = bytes
      changed[Int.random(in: 1..<changed.count, using: &random)] = .random(in: 0...255, using: &random)
      damaged[index].value = changed
      guard var restored = try? MonitoringEngine(settings: settings, restoring: damaged) else { continue }
      for step in 0..<3 {
        let time = 1e6 + 3_600 * Double(step)
        _ = restored.handle(.test("\(step)", time, Self.batch(400, &random)), at: .test(time))
      }
    }
  }
}
