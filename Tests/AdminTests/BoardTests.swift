import Events
import NIOPosix
import Synchronization
import Testing
import Wire

@testable import Admin

/// A clock that is set, and how often the serving thread was woken.
private final class Circumstances: Sendable {
  let now = Mutex(Timestamp(nanoseconds: 1_000_000_000))
  let wakes = Atomic(0)

  func board() -> Board {
    Board(
      now: { self.now.withLock { $0 } }, wake: { self.wakes.wrappingAdd(1, ordering: .relaxed) })
  }
}

private func snapshot(at time: Timestamp, _ models: [ModelSummary] = []) -> FleetSnapshot {
  FleetSnapshot(
    at: time, models: models.map(ModelReport.init), sources: [], sourceAlerts: [], account: AccountReport(),
    journal: JournalReport(
      state: "off", since: time, detail: nil, waiting: 0, commits: 0, bytes: nil, lastCommit: nil),
    modelLimit: 10, sourceLimit: 10)
}

private func summary(
  _ name: String, accuracy: Double? = 0.9, alerts: [AlertReport] = [], isLearning: Bool = false
) -> ModelSummary {
  let time = Timestamp(nanoseconds: 0)
  return ModelSummary(
    key: ModelKey(name: ModelName(name)!), isStandard: false, lastHeard: time, modelTime: time,
    staleAfter: .seconds(60), events: 1, isLearning: isLearning, accuracy: accuracy, baselineAccuracy: 0.95,
    latency: .infinity, drift: nil, recentDrift: [0.12345, nil, .nan, 123_456.7, 0], scores: [],
    alerts: alerts, decision: nil, nextAllowedRetrain: time)
}

private func alert(
  _ severity: Severity, _ monitor: MonitorKind = .accuracy, state: AlertState = .firing,
  flags: AlertFlags = []
) -> AlertReport {
  AlertReport(
    monitor: monitor,
    episode: Episode(ordinal: 1, revision: 1, openedAt: Timestamp(nanoseconds: 0), severity: severity),
    state: state, flags: flags)
}

@Suite struct BoardTests {
  private static let group = MultiThreadedEventLoopGroup.singleton

  @Test func aYoungSnapshotAnswersAndAnOldOneIsMadeAnew() async throws {
    let circumstances = Circumstances()
    let board = circumstances.board()
    let first = snapshot(at: circumstances.now.withLock { $0 })
    board.post(first)
    #expect(await board.snapshot(on: Self.group.next()) === first)
    #expect(circumstances.wakes.load(ordering: .relaxed) == 0 && board.takeAsked() == nil)

    let later = circumstances.now.withLock { now -> Timestamp in
      now = now.advanced(by: Board.leastAge + .nanoseconds(1))
      return now
    }
    let next = snapshot(at: later)
    async let answered = board.snapshot(on: Self.group.next())
    // Until it has asked.
    while board.takeAsked()?.wantsSnapshot != true { await Task.yield() }
    board.post(next)
    #expect(await answered === next)
    #expect(circumstances.wakes.load(ordering: .relaxed) == 1)
    #expect(board.isOfInterest(at: later.advanced(by: Board.interest)))
    #expect(!board.isOfInterest(at: later.advanced(by: Board.interest + .nanoseconds(1))))
  }

  @Test func whoeverWaitsInVainIsToldSoAndTooManyAtOnce() async {
    let board = Circumstances().board()
    let answers = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<Board.maximumWaiting + 5 {
        group.addTask { await board.snapshot(on: Self.group.next()) == nil }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(answers == Board.maximumWaiting + 5)
    let key = ModelKey(name: ModelName("m")!)
    guard case .unavailable = await board.detail(of: key, on: Self.group.next()) else {
      Issue.record("nobody answered")
      return
    }
    #expect(board.takeAsked()?.details == [])
  }

  @Test func aModelThatIsNotThereIsUnknown() async {
    let board = Circumstances().board()
    let key = ModelKey(name: ModelName("m")!)
    async let answer = board.detail(of: key, on: Self.group.next())
    while true {
      if let asked = board.takeAsked(), asked.details == [key] { break }
      await Task.yield()
    }
    board.answer(key, nil)
    guard case .unknown = await answer else {
      Issue.record("it is known")
      return
    }
  }
}

@Suite struct FleetSnapshotTests {
  private let time = Timestamp(nanoseconds: 30_000_000_000)

  @Test func modelsAreRankedByUrgencyThenByName() {
    let fleet = snapshot(
      at: time,
      [
        summary("b"), summary("a"), summary("learning", isLearning: true),
        summary("low", alerts: [alert(.low)]), summary("high", alerts: [alert(.high)]),
        summary("two", alerts: [alert(.high), alert(.low, .drift)]),
        summary("quiet", alerts: [alert(.medium, .noData)]),
      ])
    let order = fleet.ordered
    #expect(
      order.ranked.map { $0.report.summary.key.name.text } == [
        "two", "high", "quiet", "low", "learning", "a", "b",
      ])
    #expect(
      order.count == [.alerting: 3, .stale: 1, .learning: 1, .healthy: 2, .silenced: 0])
    #expect(order.ranked.map(\.urgency) == [0.91, 0.9, 0.5, 0.4, 0.1, 0, 0])
  }

  @Test func whoIsNotHeardIsStaleAndNotHealthy() {
    let model = summary("m")
    #expect(model.state(at: Timestamp(nanoseconds: 60_000_000_000)) == .healthy)
    #expect(model.state(at: Timestamp(nanoseconds: 60_000_000_001)) == .stale)
    let silenced = summary("s", alerts: [alert(.high, flags: .silenced)])
    #expect(silenced.state(at: time) == .silenced && silenced.urgency(at: time) == 0.45)
    let half = summary("s", alerts: [alert(.high, flags: .silenced), alert(.low, .drift)])
    #expect(half.state(at: time) == .alerting && half.urgency(at: time) == 0.91)
  }

  @Test func whatIsNoNumberIsNull() throws {
    let page = snapshot(at: time, [summary("m", accuracy: .nan)])
      .page(.init(limit: 10, offset: 0, text: nil, state: nil))
    let text = String(decoding: page.body, as: UTF8.self)
    #expect(text.contains("\"accuracy\":null") && text.contains("\"latency_ms\":null"))
    #expect(text.contains("\"recent_drift\":[0.123,null,null,123457.0,0.0]"))
    #expect(!text.contains("nan") && !text.contains("inf"))
  }

  @Test func aDeltaHasWhatIsNewOrInAnotherState() throws {
    let (one, two) = (ModelReport(summary("one")), ModelReport(summary("two")))
    func fleet(_ models: [ModelReport], at time: Timestamp) -> FleetSnapshot {
      let whole = snapshot(at: time)
      return FleetSnapshot(
        at: time, models: models, sources: [], sourceAlerts: [], account: whole.account,
        journal: whole.journal, modelLimit: 1, sourceLimit: 1)
    }
    let before = fleet([one, two], at: time)
    #expect(fleet([one, two], at: time).delta(since: before) == nil)
    let changed = try #require(fleet([one, ModelReport(summary("two"))], at: time).delta(since: before))
    let text = String(decoding: changed, as: UTF8.self)
    #expect(text.contains("\"two\"") && !text.contains("\"one\"") && text.contains("\"truncated\":false"))
    let stale = try #require(
      fleet([one, two], at: Timestamp(nanoseconds: 100_000_000_000)).delta(since: before))
    #expect(String(decoding: stale, as: UTF8.self).contains("\"one\""))
  }

  @Test func alertsAreCountedByWhereTheyStand() {
    let fleet = snapshot(
      at: time,
      [
        summary("a", alerts: [alert(.high), alert(.high, .drift, state: .recovering)]),
        summary("b", alerts: [alert(.high, flags: .silenced)]),
      ])
    let text = String(
      decoding: fleet.metrics(
        isOpenMetrics: false, version: "1", surroundings: Surroundings(), since: time, listeners: 0),
      as: UTF8.self)
    #expect(text.contains("tidemark_alerts{state=\"firing\",severity=\"high\"} 2\n"))
    #expect(text.contains("tidemark_alerts{state=\"recovering\",severity=\"high\"} 1\n"))
    #expect(text.contains("tidemark_alerts{state=\"recovering\",severity=\"low\"} 0\n"))
    #expect(text.contains("tidemark_models{state=\"silenced\"} 1\n"))
  }

  @Test func metricsEndAsOpenMetricsDoAndEscapeNames() {
    let fleet = snapshot(at: time, [summary("a\"b\\c\nd")])
    func text(_ isOpen: Bool) -> String {
      String(
        decoding: fleet.metrics(
          isOpenMetrics: isOpen, version: "1", surroundings: Surroundings(), since: time,
          listeners: 0), as: UTF8.self)
    }
    #expect(text(true).hasSuffix("# EOF\n") && !text(false).contains("# EOF"))
    #expect(text(true).contains("# TYPE tidemark_events_received counter"))
    #expect(text(false).contains("# TYPE tidemark_events_received_total counter"))
    #expect(text(true).contains("tidemark_model_health{model=\"a\\\"b\\\\c\\nd\",version=\"-\"} 1.0"))
  }
}
