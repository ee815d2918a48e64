import Decisions
import Engine
import Events
import Journal
import Monitoring
import Wire

@testable import Daemon

/// One run: a daemon, its journal, five publishers, four readers and two orchestrators, first with faults and then
/// without, until all has drained.
final class Simulation {
  /// What a run came to.
  struct Figures {
    var events = 0
    var starts = 0
    var crashes = 0
    var commits = 0
    var failedCommits = 0
    var lostTails = 0
    var alerts = 0
    var decisions = 0
    var answers = 0
    var denials = 0
    var acknowledgements = 0
    var handovers = 0
    var readerCrashes = 0
    var mostWaiting = 0
    var mostActions = 0
    var gaps = 0
    var states: [String: Int] = [:]
    var crashPoints: [String: Int] = [:]

    mutating func add(_ other: Figures) {
      events += other.events
      starts += other.starts
      crashes += other.crashes
      commits += other.commits
      failedCommits += other.failedCommits
      lostTails += other.lostTails
      alerts += other.alerts
      decisions += other.decisions
      answers += other.answers
      denials += other.denials
      acknowledgements += other.acknowledgements
      handovers += other.handovers
      readerCrashes += other.readerCrashes
      mostWaiting = max(mostWaiting, other.mostWaiting)
      mostActions = max(mostActions, other.mostActions)
      gaps += other.gaps
      states.merge(other.states, uniquingKeysWith: +)
      crashPoints.merge(other.crashPoints, uniquingKeysWith: +)
    }
  }

  static let faultSeconds = 24
  /// Long enough for every timer of a decision to run out twice.
  static let drainSeconds = 24
  /// What a reader needs to see that it missed something, and to fetch it.
  private static let fetching = Duration.seconds(2)

  let world: World
  let journal: SimulatedJournal
  let daemon: SimulatedDaemon
  let checks: Checks
  private let settings: EngineSettings
  private var lossy: [LossyPublisher] = []
  private var plain: [PlainPublisher] = []
  private var stoppedAt = Duration.zero
  private var reliable: [ReliablePublisher] = []
  private var subscribers: [Subscriber] = []
  private var orchestrators: [Orchestrator] = []

  /// - Throws: when the database in memory cannot be made.
  init(seed: UInt64, canary: Canary? = nil) throws {
    world = World(seed: seed)
    checks = Checks(world)
    checks.delivery.isPruned = world.chance(125)
    journal = try SimulatedJournal(world, keeping: checks.delivery.isPruned ? 12 : 1_000_000)
    settings = Self.settings(world)
    var checkpoints = CheckpointPolicy()
    checkpoints.interval = .milliseconds([200, 1_000][world.pick(2)])
    // Twice as many may be on the way, which now and then is all that a ring sends.
    checkpoints.events = world.chance(300) ? world.pick(2...5) : world.pick(5...60)
    daemon = SimulatedDaemon(
      world, journal, checks, settings: settings, checkpoints: checkpoints, canary: canary)
    daemon.setsClock = world.chance(250)
    daemon.start()
    addPeers()
    restartSoon()
    snapshotSoon()
  }

  /// At any time.
  private func snapshotSoon() {
    world.after(milliseconds: world.pick(1_000...9_000)) { [self] in
      do throws(JournalError) {
        checks.resolution.compare(
          snapshot: try journal.stored(onlyOpen: true), try journal.reader.decisions(limit: 10_000))
      } catch { world.violate(.everyAlertResolves, "the journal cannot be read: \(error)") }
      snapshotSoon()
    }
  }

  /// Short timers, so that lives pass through every state within a run.
  private static func settings(_ world: World) -> EngineSettings {
    var settings = EngineSettings(digest: Identity.digest)
    var model = ModelSettings()
    model.retrain.minimumTimeBetweenRetrains = .seconds(world.pick(4...10))
    model.retrain.maximumTimeWithoutRetrain = .seconds(world.pick(15...40))
    model.retrain.idleEvaluation = .seconds(3)
    model.retrain.life.acknowledgeWithin = .milliseconds(700)
    model.retrain.life.startWithin = .seconds(2)
    model.retrain.life.duration = .seconds(1)
    model.retrain.life.verifyAfter = .seconds(3)
    model.retrain.life.expiresAfter = .seconds(world.pick(3...8))
    model.retrain.life.attempts = world.pick(1...3)
    model.noDataAfter = world.chance(500) ? .seconds(2) : nil
    settings.defaults = model
    return settings
  }

  /// How long a decision can rest in one state: `started` for three durations, and `issued` until it expires.
  private static let longestRest = Duration.seconds(10)

  private func addPeers() {
    let name = { SourceName($0)! }
    reliable = [
      ReliablePublisher(
        world, source: name("r1"), models: ["a", "b"], every: 150, hasFile: true, daemon),
      ReliablePublisher(
        world, source: name("r2"), models: ["b", "c"], every: 250, hasFile: world.chance(500), daemon),
    ]
    lossy = [
      LossyPublisher(world, source: name("l1"), models: ["c", "d"], every: 200, daemon),
      LossyPublisher(world, source: name("l2"), models: ["d"], every: 400, daemon),
    ]
    plain = [PlainPublisher(world, source: name("p1"), models: ["e"], daemon)]
    subscribers = [
      Subscriber(world, name: "s1", .init(slowness: 0), daemon),
      Subscriber(world, name: "s2", .init(prefixes: ["decision/", "alert/a/"], slowness: 300), daemon),
      Subscriber(world, name: "s3", .init(crashes: true), daemon),
      Subscriber(world, name: "s4", .init(prefixes: ["alert/"], hasCursor: false), daemon),
    ]
    orchestrators = ["o1", "o2"].map { Orchestrator(world, name: $0, daemon) }
    let reporters =
      reliable.map { publisher in { publisher.report($0) } }
      + lossy.map { publisher in { publisher.report($0) } }
    for orchestrator in orchestrators { orchestrator.reporters = reporters }
  }

  /// Stops in order now and then.
  private func restartSoon() {
    world.after(milliseconds: world.pick(5_000...40_000)) { [self] in
      guard world.areFaultsOn else { return }
      daemon.restart()
      restartSoon()
    }
  }

  // MARK: Running

  /// Runs to the end, or until something is found.
  func run() throws {
    world.run(until: World.start.advanced(by: .seconds(Self.faultSeconds)))
    world.stopFaults()
    for publisher in reliable { publisher.signals.isHealthy = true }
    for publisher in lossy { publisher.signals.isHealthy = true }
    for publisher in plain { publisher.recover() }
    let drained = World.start.advanced(by: .seconds(Self.faultSeconds + Self.drainSeconds))
    world.run(until: drained)
    guard world.violations.isEmpty else { return }
    // While models are still told of: their silence would be an alert.
    checks.resolution.finish(longest: Self.longestRest)
    for publisher in reliable { publisher.stop() }
    for publisher in lossy { publisher.stop() }
    for publisher in plain { publisher.stop() }
    world.run(until: drained.advanced(by: .seconds(4)))
    stoppedAt = world.elapsed
    daemon.stop()
    world.run(until: drained.advanced(by: .seconds(7)))
    guard world.violations.isEmpty else { return }
    try check()
  }

  private func check() throws {
    world.require(!daemon.isRunning, .noDecisionLost, "the daemon does not stop")
    // Checkers of a run in which nothing happens find nothing.
    world.require(
      daemon.received > 500 && checks.resolution.decisions > 1
        && checks.acknowledgements.acknowledgements > 100,
      .noDecisionLost, "hardly anything happened: \(daemon.received) events")
    let accepted = AcceptedHistory(daemon.history)
    ReplayEqualsLive(world).finish(
      daemon.history, accepted, until: daemon.lastTurn, settings: settings, epoch: journal.epoch,
      stored: checks.publication.order)
    checks.resolution.compare(
      snapshot: try journal.stored(onlyOpen: true), try journal.reader.decisions(limit: 10_000))
    for publisher in lossy { checks.account.dropped[publisher.source] = publisher.dropped }
    checks.account.finish(
      accepted, daemon.lastReports, reliable: reliable.map(\.source), checks.acknowledgements)
    let stop = World.start.advanced(by: stoppedAt).advanced(by: .zero - Self.fetching)
    checks.delivery.finish(checks.stored.lazy.filter { $0.at <= stop }.map(\.facts), subscribers)
  }

  var figures: Figures {
    Figures(
      events: daemon.received, starts: daemon.starts, crashes: daemon.crashes, commits: journal.commits,
      failedCommits: journal.failures, lostTails: journal.lostTails, alerts: checks.resolution.alerts,
      decisions: checks.resolution.decisions, answers: checks.ownership.answers,
      denials: checks.ownership.denials, acknowledgements: checks.acknowledgements.acknowledgements,
      handovers: checks.delivery.handovers, readerCrashes: subscribers.reduce(0) { $0 + $1.crashes },
      mostWaiting: checks.memory.mostWaiting, mostActions: checks.memory.mostActions,
      gaps: checks.delivery.gaps, states: checks.resolution.states, crashPoints: daemon.crashPoints)
  }
}
