import Decisions
import Engine
import Events
import Monitoring
import TestSupport
import Testing
import Wire

/// Many models that one source sends features of, and a break of that source.
@Suite struct FleetBreakerTests {
  private struct Fleet {
    var engine: MonitoringEngine
    var number = 0
    var seconds = 0.0
    var random = SeededGenerator(seed: 11)
    var kept: [String: StateRecord] = [:]
    var outputs: [Output] = []

    static func settings(_ change: (inout EngineSettings) -> Void) -> EngineSettings {
      var settings = EngineSettings(digest: Identity.digest)
      settings.defaults.preset = .standard
      settings.defaults.retrain.driftThreshold = 0.25
      settings.defaults.retrain.minimumTimeBetweenRetrains = .zero
      settings.runsDecisionTimers = false
      change(&settings)
      return settings
    }

    init(_ change: (inout EngineSettings) -> Void = { _ in }) {
      engine = MonitoringEngine(settings: Self.settings(change))
      engine.tracksChanges = true
    }

    /// One batch of each model, `shift` deviations off.
    mutating func send(_ models: Range<Int>, shift: Double, source: String = "feed", step: Double = 1) {
      seconds += step
      for model in models {
        number += 1
        let values = (0..<200).map { _ in random.normal() + shift }
        let event = Event.test(
          "\(number)", seconds, .column(values), model: "m\(model)", source: source)
        outputs += engine.handle(event, at: .test(seconds)).outputs
      }
    }

    mutating func learn(_ models: Range<Int>, source: String = "feed") {
      for _ in 0..<8 { send(models, shift: 0, source: source) }
      outputs = []
    }

    func alerts(_ monitor: MonitorKind) -> [AlertTransition] {
      outputs.compactMap {
        if case .alert(let alert) = $0, alert.finding.monitor == monitor { alert } else { nil }
      }
    }
    var decisions: Int { outputs.count { if case .decision = $0 { true } else { false } } }
    var keeps: [RetrainKeep.Reason?] {
      outputs.compactMap { if case .keep(let keep) = $0 { keep.reason } else { nil } }
    }

    mutating func restart(_ change: (inout EngineSettings) -> Void = { _ in }) throws {
      for record in engine.takeChanges(withHistory: false).records {
        kept["\(record.kind) \(record.key)"] = record
      }
      engine = try MonitoringEngine(settings: Self.settings(change), restoring: Array(kept.values))
    }
  }

  /// Ten models, five of them off at once: one alert, no retrain while it is open; it ends when fewer than half are.
  @Test(arguments: [false, true]) func aBrokenFeedHoldsEveryRetrain(restarts: Bool) throws {
    var fleet = Fleet()
    fleet.learn(0..<10)
    fleet.send(0..<4, shift: 3)
    fleet.send(0..<4, shift: 3)
    #expect(fleet.alerts(.drift).count == 4 && fleet.alerts(.fleet).isEmpty)
    let before = fleet.decisions
    #expect(before > 0, "four alone are retrained")
    fleet.send(0..<5, shift: 3)
    fleet.send(0..<5, shift: 3)
    let opened = try #require(fleet.alerts(.fleet).first)
    #expect(opened.change == .opened && opened.finding.value == 5 && opened.finding.threshold == 5)
    #expect(opened.finding.source?.text == "feed")
    #expect(fleet.engine.standingAlertsOfSources.count == 1)
    if restarts { try fleet.restart() }
    let told = try #require(fleet.engine.sourceAlerts.first)
    #expect(told.monitor == .fleet && told.source?.text == "feed" && told.episode == opened.episode)
    #expect(told.value == 5 && told.threshold == 5 && told.state == .firing)
    fleet.outputs = []
    for _ in 0..<20 { fleet.send(0..<10, shift: 3, step: 60) }
    #expect(fleet.decisions == 0)
    let held = try #require(fleet.engine.detail(of: ModelKey(name: ModelName("m0")!))).retrain
    #expect(!held.wouldRetrain && held.blocks.contains(.fleetHold) && !held.blocks.contains(.noRuleFires))
    #expect(fleet.keeps.contains(.fleetAnomaly))
    #expect(fleet.alerts(.fleet).isEmpty && fleet.alerts(.drift).allSatisfy { $0.change == .opened })
    // The feed is mended.
    for _ in 0..<40 { fleet.send(0..<10, shift: 0, step: 60) }
    #expect(fleet.alerts(.fleet).map(\.change) == [.resolved])
    #expect(fleet.engine.standingAlertsOfSources.isEmpty && fleet.engine.sourceAlerts.isEmpty)
    let over = try #require(fleet.engine.detail(of: ModelKey(name: ModelName("m0")!))).retrain
    #expect(!over.blocks.contains(.fleetHold))
  }

  /// Of a large feed five are few; over an hour they are not at once; by another source they are not together.
  @Test func fewOrApartAreModels() {
    var large = Fleet()
    large.learn(0..<40)
    for _ in 0..<3 { large.send(0..<7, shift: 3) }
    #expect(large.alerts(.drift).count == 7 && large.alerts(.fleet).isEmpty)
    for _ in 0..<3 { large.send(7..<8, shift: 3) }
    #expect(large.alerts(.fleet).count == 1, "a fifth of forty")

    var slow = Fleet()
    slow.learn(0..<10)
    for model in 0..<6 { for _ in 0..<3 { slow.send(model..<model + 1, shift: 3, step: 400) } }
    #expect(slow.alerts(.drift).count == 6 && slow.alerts(.fleet).isEmpty)

    var apart = Fleet()
    apart.learn(0..<4, source: "a")
    apart.learn(4..<8, source: "b")
    for _ in 0..<3 {
      apart.send(0..<4, shift: 3, source: "a")
      apart.send(4..<8, shift: 3, source: "b")
    }
    #expect(apart.alerts(.drift).count == 8 && apart.alerts(.fleet).isEmpty)
  }

  /// Turned off it never opens, and what is open ends.
  @Test func itCanBeTurnedOff() throws {
    var off = Fleet { $0.fleet.isOn = false }
    off.learn(0..<6)
    for _ in 0..<3 { off.send(0..<6, shift: 3) }
    #expect(off.alerts(.drift).count == 6 && off.alerts(.fleet).isEmpty && off.decisions > 0)

    var on = Fleet()
    on.learn(0..<6)
    for _ in 0..<3 { on.send(0..<6, shift: 3) }
    #expect(on.alerts(.fleet).count == 1)
    try on.engine.reload(Fleet.settings { $0.fleet.isOn = false })
    on.outputs = []
    on.send(0..<6, shift: 3)
    #expect(on.alerts(.fleet).map(\.reason) == [.ruleRemoved])
    #expect(on.decisions > 0)
  }

  /// Why a model is not retrained is said once, and once when that is over.
  @Test func whyNotIsSaidOnce() {
    var fleet = Fleet { $0.defaults.retrain.minimumTimeBetweenRetrains = .seconds(3_600) }
    fleet.learn(0..<1)
    for _ in 0..<10 { fleet.send(0..<1, shift: 3) }
    #expect(fleet.decisions == 0)
    #expect(fleet.keeps == [.minimumTime])
    fleet.send(0..<1, shift: 3, step: 3_600)
    #expect(fleet.decisions == 1)
    #expect(fleet.keeps == [.minimumTime, nil])
  }
}
