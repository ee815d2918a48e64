import Events
import Foundation
import GRDB
import TestSupport
import Testing

@testable import Journal

/// Roll-ups: totals stay what they were, at every resolution.
@Suite struct HistoryTests {
  struct Key: Hashable {
    var model: String
    var version: String
  }

  struct Totals: Equatable {
    var accuracy: SampleSummary?
    var latency: SampleSummary?
    /// Kept beside, for a mean that was not merged.
    var sum = 0.0
  }

  private func journal(_ change: (inout JournalSettings) -> Void = { _ in }) throws -> (
    JournalDatabase, JournalReader
  ) {
    var settings = JournalSettings(directory: "")
    change(&settings)
    let (journal, _) = try JournalDatabase.inMemory(settings, name: "d", now: noon)
    return (journal, JournalReader(sharing: journal))
  }

  private func sample(
    _ model: String = "m", at seconds: Int, _ accuracy: Double?, latency: Double? = nil, version: String = "1"
  ) -> MetricsSample {
    MetricsSample(
      model: model, version: version, time: noon.advanced(by: .seconds(seconds)),
      accuracy: accuracy.map { SampleSummary($0) }, latency: latency.map { SampleSummary($0) })
  }

  private func apply(_ journal: JournalDatabase, _ samples: [MetricsSample]) throws {
    var transaction = JournalTransaction()
    transaction.metrics = samples
    try journal.apply(transaction)
  }

  private func at(hours: Double) -> Timestamp { noon.advanced(by: .seconds(hours * 3_600)) }

  // MARK: Resolution by age

  @Test func samplesBecomeMinutesThenHoursThenNothing() throws {
    let (journal, reader) = try journal()
    try apply(journal, [sample(at: 0, 0.5), sample(at: 59, 1, latency: 7), sample(at: 60, 0.25)])
    try apply(journal, [sample(at: 3_600, 0.125)])

    // The hour of noon ends at one; a day later it may go.
    _ = try journal.maintainAll(at: at(hours: 24.99))
    #expect(try reader.metrics(of: "m", limit: 10).map(\.resolution) == [.raw, .raw, .raw, .raw])
    _ = try journal.maintainAll(at: at(hours: 25))
    var points = try reader.metrics(of: "m", limit: 10)
    #expect(points.map(\.resolution) == [.raw, .minute, .minute])
    #expect(points.map(\.sample.time) == [at(hours: 1), noon.advanced(by: .seconds(60)), noon])
    #expect(points[1].sample.accuracy == SampleSummary(0.25) && points[1].sample.latency == nil)
    #expect(points[2].sample.accuracy == SampleSummary(count: 2, minimum: 0.5, maximum: 1, mean: 0.75))
    #expect(points[2].sample.latency == SampleSummary(7))

    _ = try journal.maintainAll(at: at(hours: 49))
    points = try reader.metrics(of: "m", limit: 10)
    #expect(
      points.map(\.resolution) == [.minute, .hour] && points.map(\.sample.time) == [at(hours: 1), noon])
    #expect(points[1].sample.accuracy?.count == 3 && points[1].sample.accuracy?.minimum == 0.25)
    #expect(agree(points[1].sample.accuracy?.mean, 1.75 / 3))
    #expect(points[1].sample.latency == SampleSummary(7))

    _ = try journal.maintainAll(at: at(hours: 90 * 24 + 1))
    #expect(try reader.metrics(of: "m", limit: 10).count == 1)
    _ = try journal.maintainAll(at: at(hours: 90 * 24 + 2))
    #expect(try reader.metrics(limit: 10).isEmpty)
    // The model goes when it was silent for the whole history, give or take a day.
    func models() throws -> Int? {
      try journal.queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM models") }
    }
    #expect(try models() == 1)
    _ = try journal.maintainAll(at: at(hours: 91 * 24 + 3))
    #expect(try models() == 0)
    // And is known anew, also for a sample that comes very late.
    try apply(journal, [sample(at: 1, 0.25)])
    #expect(try reader.metrics(of: "m", limit: 10).map(\.sample.accuracy) == [SampleSummary(0.25)])
    _ = try journal.maintainAll(at: at(hours: 92 * 24))
    try apply(journal, [sample(at: 92 * 86_400, 0.5)])
    #expect(try reader.metrics(of: "m", limit: 10).map(\.sample.accuracy) == [SampleSummary(0.5)])
  }

  @Test func aModelStaysWhileItsHoursDo() throws {
    let (journal, reader) = try journal()
    for day in 0..<80 { try apply(journal, [sample(at: day * 86_400, Double(day))]) }
    _ = try journal.maintainAll(at: at(hours: 93 * 24))
    let means: [Double] = try reader.metrics(of: "m", limit: 100).compactMap { $0.sample.accuracy?.mean }
    #expect(means == (3..<80).reversed().map { Double($0) })
  }

  @Test func samplesOutOfOrderFindTheirMinute() throws {
    let (journal, reader) = try journal()
    try apply(journal, [sample(at: 0, 1)])
    _ = try journal.maintainAll(at: at(hours: 25))
    // Behind a younger one, of an hour that is packed, and of one that is an hour row.
    try apply(journal, [sample(at: 90_000, 8), sample(at: 30, 3), sample(at: 120, 5)])
    _ = try journal.maintainAll(at: at(hours: 30))
    #expect(try reader.metrics(limit: 10).map(\.resolution) == [.raw, .raw, .raw, .minute])
    _ = try journal.maintainAll(at: at(hours: 51))
    let points = try reader.metrics(limit: 10)
    #expect(points.count == 2 && points[1].resolution == .hour)
    #expect(points[1].sample.accuracy == SampleSummary(count: 3, minimum: 1, maximum: 5, mean: 3))
    try apply(journal, [sample(at: 200, 11, latency: 5)])
    _ = try journal.maintainAll(at: at(hours: 52))
    let hour = try reader.metrics(limit: 10)[1].sample
    #expect(hour.accuracy == SampleSummary(count: 4, minimum: 1, maximum: 11, mean: 5))
    #expect(hour.latency == SampleSummary(5))
  }

  @Test func aModelOfATransactionThatFailedIsNotRemembered() throws {
    let (journal, reader) = try journal()
    try journal.queue.write {
      try $0.execute(
        sql: "CREATE TRIGGER refusal BEFORE INSERT ON drift_raw BEGIN SELECT RAISE(ABORT, 'no'); END")
    }
    var refused = JournalTransaction()
    refused.metrics = [sample("a", at: 0, 1)]
    refused.drift = [
      DriftSample(
        model: "a", version: "1", time: noon, batches: 1, maximumScore: nil, drifted: 0, features: 1,
        severity: .low)
    ]
    #expect(throws: JournalError.self) { try journal.apply(refused) }
    try apply(journal, [sample("b", at: 0, 2)])
    try journal.queue.write { try $0.execute(sql: "DROP TRIGGER refusal") }
    try journal.apply(refused)
    #expect(try reader.metrics(of: "a", limit: 9).map(\.sample) == refused.metrics)
    #expect(try reader.metrics(of: "b", limit: 9).count == 1)
    #expect(try reader.drift(of: "a", limit: 9).map(\.sample) == refused.drift)
  }

  @Test func aModelIsFoundByNameInAllItsVersions() throws {
    let (journal, reader) = try journal()
    try apply(
      journal, (0..<400).map { sample("m\($0 % 4)", at: $0 * 900, Double($0), version: "\($0 % 8 / 4)") })
    _ = try journal.maintainAll(at: at(hours: 100))
    for limit in [1, 10, 50, 99, 1_000] {
      let points = try reader.metrics(of: "m2", limit: limit)
      #expect(points.count == min(limit, 100))
      #expect(points.allSatisfy { $0.sample.model == "m2" })
      let means: [Double] = points.compactMap { $0.sample.accuracy?.mean }
      let expected: [Double] = (0..<points.count).map { Double(398 - 4 * $0) }
      #expect(means == expected)
    }
    #expect(Set(try reader.metrics(of: "m2", limit: 1_000).map(\.resolution)) == [.raw, .minute, .hour])
    let newest: [Double] = try reader.metrics(limit: 7).compactMap { $0.sample.accuracy?.mean }
    #expect(newest == [399, 398, 397, 396, 395, 394, 393])
    #expect(try reader.metrics(limit: 1_000).count == 400)
    #expect(try reader.metrics(of: "x", limit: 10).isEmpty && reader.metrics(limit: 0).isEmpty)
  }

  @Test func tooManySamplesLoseTheirResolutionEarly() throws {
    let (journal, reader) = try journal { $0.historyRows = 1_000 }
    for minute in 0..<40 {
      try apply(journal, (0..<50).map { sample("m\($0)", at: minute * 60 + $0, Double(minute)) })
    }
    let done = try journal.maintainAll(at: at(hours: 1))
    #expect(done.thinned == 1_000 + 1_000 / 16)
    let points = try reader.metrics(limit: 10_000)
    #expect(points.count { $0.resolution == .raw } == 2_000 - done.thinned)
    #expect(points.reduce(0) { $0 + ($1.sample.accuracy?.count ?? 0) } == 2_000)
    #expect(try journal.maintain(at: at(hours: 1)) == Maintenance())
  }

  @Test func aClockSetBackHoldsNothingUp() throws {
    let (journal, reader) = try journal()
    try apply(journal, [sample(at: 365 * 86_400, 1), sample(at: 0, 2)])
    _ = try journal.maintainAll(at: at(hours: 1))
    // What comes from the future is a minute at once, and what stands behind it stays.
    #expect(try reader.metrics(limit: 9).map(\.resolution) == [.minute, .raw])
    _ = try journal.maintainAll(at: at(hours: 25))
    #expect(try reader.metrics(limit: 9).map(\.resolution) == [.minute, .minute])
  }

  @Test func unreadableSummariesAreRemovedAndCounted() throws {
    let (journal, reader) = try journal()
    try apply(journal, [sample("a", at: 0, 1), sample("b", at: 0, 2), sample("c", at: 0, 3)])
    try journal.queue.write {
      try $0.execute(sql: "UPDATE metrics_raw SET accuracy = x'05' WHERE sequence = 1")
    }
    #expect(throws: JournalError.corrupt("a summary is cut short")) { _ = try reader.metrics(limit: 9) }
    #expect(try journal.maintainAll(at: at(hours: 25)).unreadable == 1)
    #expect(try reader.metrics(limit: 9).map(\.sample.model) == ["c", "b"])
    try journal.queue.write {
      try $0.execute(sql: "UPDATE metrics_minutes SET entries = x'ff' WHERE slot % 3 = 0")
    }
    let unreadable = try journal.queue.read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM metrics_minutes WHERE slot % 3 = 0")
    }
    #expect(try journal.maintainAll(at: at(hours: 49)).unreadable == unreadable)
    #expect(try reader.metrics(limit: 9).count == 2 - (unreadable ?? 0))
  }

  @Test func theSummaryTellsGrowthUntilRetentionTakesAsMuch() throws {
    let (journal, reader) = try journal()
    for hour in 0..<60 {
      try apply(journal, (0..<60).map { sample(at: hour * 3_600 + $0 * 60, 0.9, latency: 1) })
      _ = try journal.maintainAll(at: at(hours: Double(hour) + 1))
      guard hour == 19 || hour == 59 else { continue }
      var day = transaction([message(hour == 19 ? 1 : 2, bytes: 776, at: at(hours: Double(hour)))])
      day.states = [StateRecord(kind: 1, key: 1, value: [])]
      try journal.apply(day)
      let summary = try reader.summary(at: at(hours: Double(hour) + 1))
      let tables = Dictionary(uniqueKeysWithValues: summary.tables.map { ($0.name, $0) })
      #expect(summary.head == (hour == 19 ? 1 : 2) && summary.first == 1 && summary.name == "d")
      #expect(tables["states"]?.rows == 1)
      if hour == 19 {
        #expect(
          tables["metrics_raw"] == .init(name: "metrics_raw", rows: 1_200, oldest: noon, growth: 1_200 * 36))
      } else {
        // 24 hours and none begun; 24 of minutes; the rest as hours.
        #expect(tables["metrics_raw"]?.rows == 1_440 && tables["metrics_raw"]?.growth == 0)
        #expect(tables["metrics_minutes"]?.rows == 24 && tables["metrics_minutes"]?.growth == 0)
        #expect(tables["metrics_hours"]?.rows == 12 && tables["metrics_hours"]?.growth == 24 * 65)
        #expect(tables["metrics_hours"]?.oldest == noon)
      }
      // Frames of 64, 11 and 776 bytes, and 60 more.
      #expect(tables["messages"]?.growth == 911)
    }
  }

  @Test func driftKeepsTheWorstOfAnHour() throws {
    let (journal, reader) = try journal()
    func drift(_ seconds: Int, _ score: Double?, _ drifted: Int, _ severity: Severity) -> DriftSample {
      DriftSample(
        model: "m", version: "1", time: noon.advanced(by: .seconds(seconds)), batches: 2, maximumScore: score,
        drifted: drifted, features: 10, severity: severity)
    }
    var all = JournalTransaction()
    all.drift = [
      drift(0, nil, 0, .low), drift(10, 4.5, 1, .high), drift(20, 3, 4, .medium), drift(3_600, 1, 0, .low),
    ]
    try journal.apply(all)
    #expect(try reader.drift(of: "m", limit: 10).map(\.sample) == all.drift.reversed())
    _ = try journal.maintainAll(at: at(hours: 25))
    let points = try reader.drift(limit: 10)
    #expect(points.map(\.resolution) == [.raw, .hour])
    var hour = drift(0, 4.5, 4, .high)
    hour.batches = 6
    #expect(points[1].sample == hour)
    // One that comes late joins its hour.
    all.drift = [drift(30, 9, 0, .low)]
    try journal.apply(all)
    _ = try journal.maintainAll(at: at(hours: 26))
    (hour.batches, hour.maximumScore) = (8, 9)
    #expect(try reader.drift(limit: 10).map(\.sample).last == hour)
    _ = try journal.maintainAll(at: at(hours: 91 * 24 + 3))
    #expect(try reader.drift(limit: 10).isEmpty)
  }

  // MARK: A fleet

  /// Feeds one measurement a minute and model and maintains once a minute, as the daemon does; then what is
  /// stored is summed up and held to a naive sum.
  private func fleet(models: Int, days: Int, seed: UInt64) throws {
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let scratch = ScratchDirectory()
    var settings = scratch.settings
    settings.durability = .normal
    let (journal, _) = try JournalDatabase.open(settings, name: "d", now: noon)
    var oracle: [String: Totals] = [:]
    var now = noon
    var largest: Int64 = 0
    for minute in 0..<days * 1_440 {
      now = noon.advanced(by: .seconds(minute * 60))
      var transaction = JournalTransaction()
      for index in 0..<models {
        let accuracy = 0.9 + 0.02 * generator.normal()
        // Few measure several at once.
        let latency =
          index % 50 == 0
          ? SampleSummary(count: 3, minimum: 1, maximum: 100, mean: 30)
          : SampleSummary(40 + 5 * generator.normal())
        let sample = MetricsSample(
          model: "model-\(index)", version: "1", time: now.advanced(by: .milliseconds(index)),
          accuracy: SampleSummary(accuracy), latency: latency)
        transaction.metrics.append(sample)
        var totals = oracle[sample.model] ?? Totals()
        totals.accuracy = naive(totals.accuracy, SampleSummary(accuracy))
        totals.latency = naive(totals.latency, latency)
        oracle[sample.model] = totals
      }
      try journal.apply(transaction)
      _ = try journal.maintain(at: now)
      largest = max(largest, journal.size)
    }
    let reader = try JournalReader(directory: scratch.path)
    let summary = try reader.summary(at: now)
    print(
      "\(models) models, \(days) days: \(largest) bytes at most, \(summary.bytes) now, "
        + "\(Int(summary.growth)) a day more; "
        + summary.tables.map { "\($0.name): \($0.rows)" }.joined(separator: ", "))
    #expect(largest < 8_000_000)

    var stored: [String: Totals] = [:]
    for point in try reader.metrics(limit: .max) {
      var totals = stored[point.sample.model] ?? Totals()
      totals.accuracy = naive(totals.accuracy, point.sample.accuracy)
      totals.latency = naive(totals.latency, point.sample.latency)
      stored[point.sample.model] = totals
    }
    #expect(stored.count == models)
    for (model, expected) in oracle {
      for part in [\Totals.accuracy, \Totals.latency] {
        let (found, wanted) = (stored[model]?[keyPath: part], expected[keyPath: part])
        #expect(found?.count == wanted?.count && found?.minimum == wanted?.minimum)
        #expect(found?.maximum == wanted?.maximum && agree(found?.mean, wanted?.mean, tolerance: 1e-12))
      }
    }
  }

  /// Merged as sums, not as the journal does: `mean` holds the sum until `agree` compares them.
  private func naive(_ left: SampleSummary?, _ right: SampleSummary?) -> SampleSummary? {
    guard let right else { return left }
    let sum = right.mean * Double(right.count)
    guard let left else {
      return SampleSummary(count: right.count, minimum: right.minimum, maximum: right.maximum, mean: sum)
    }
    return SampleSummary(
      count: left.count + right.count, minimum: min(left.minimum, right.minimum),
      maximum: max(left.maximum, right.maximum), mean: left.mean + sum)
  }

  /// The week of 500 models is `journal-benchmark week` in `Tests/Benchmarks`: five million samples.
  @Test func aFleetsTotalsStayExact() throws { try fleet(models: 20, days: 3, seed: 20) }

  // MARK: Packing

  @Test(arguments: [UInt64(1), 2])
  func packedMinutesAreWhatTheyWere(seed: UInt64) throws {
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    func summary() -> SampleSummary? {
      switch generator.next() % 5 {
      case 0: nil
      case 1: SampleSummary(count: generator.next(), minimum: -0.0, maximum: .infinity, mean: 1e-300)
      case 2: SampleSummary(count: 1, minimum: 1, maximum: 2, mean: 1.5)
      default: SampleSummary(generator.normal())
      }
    }
    for _ in 0..<200 {
      var hour = HourOfMinutes()
      for _ in 0..<generator.next() % 70 {
        hour.add(
          HourOfMinutes.Entry(minute: UInt8(generator.next() % 60), accuracy: summary(), latency: summary()))
      }
      #expect(hour.entries.map(\.minute) == Set(hour.entries.map(\.minute)).sorted())
      let packed = hour.packed
      #expect(try HourOfMinutes(packed: packed) == hour)
      // Whatever else is read gives an error, never a trap.
      #expect(throws: JournalError.self) { _ = try HourOfMinutes(packed: packed.dropLast()) }
      #expect(throws: JournalError.self) { _ = try HourOfMinutes(packed: packed + [0]) }
      var changed = packed
      changed[Int(generator.next() % UInt64(packed.count))] = UInt8(truncatingIfNeeded: generator.next())
      _ = try? HourOfMinutes(packed: changed)
    }
    var usual = HourOfMinutes()
    for minute in UInt8(0)..<60 {
      usual.add(HourOfMinutes.Entry(minute: minute, accuracy: SampleSummary(0.9), latency: SampleSummary(2)))
    }
    #expect(usual.packed.count == 969)
  }

  @Test func timesBefore1970HaveTheirHour() {
    let time = Timestamp(nanoseconds: -1)
    #expect(HistoryTime.hour(of: time) == -1 && HistoryTime.minute(of: time) == 59)
    for time in [Timestamp.min, .max, Timestamp(nanoseconds: 0)] {
      let slot = HistoryTime.slot(hour: HistoryTime.hour(of: time), model: 0xffff_ffff)
      #expect(HistoryTime.hour(ofSlot: slot) == HistoryTime.hour(of: time))
      #expect(HistoryTime.model(ofSlot: slot) == 0xffff_ffff)
      #expect(HistoryTime.time(ofSlot: slot, minute: HistoryTime.minute(of: time)) <= time)
    }
  }

  @Test func hostileNumbersNeitherTrapNorVanish() throws {
    let (journal, reader) = try journal()
    let odd = SampleSummary(count: .max, minimum: .nan, maximum: -.infinity, mean: .nan)
    var all = JournalTransaction()
    for time in [Timestamp.min, Timestamp.max, noon] {
      all.metrics += [odd, SampleSummary(.nan), SampleSummary(-0.0)].map {
        MetricsSample(model: "m", version: "", time: time, accuracy: $0, latency: $0)
      }
    }
    try journal.apply(all)
    #expect(try reader.metrics(limit: 100).count == 9)
    _ = try journal.maintainAll(at: .max)
    _ = try journal.maintainAll(at: .min)
    _ = try reader.metrics(limit: 100)
    _ = try reader.summary(at: .min)
    _ = try reader.summary(at: .max)
  }
}
