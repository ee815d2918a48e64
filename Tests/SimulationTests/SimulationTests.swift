import Foundation
import Testing

/// The whole of the daemon but its sockets, threads and disk, against everything that can fail.
///
///     swift test --filter SimulationTests
///     TIDEMARK_SIMULATION_SEED=17 swift test --filter SimulationTests         one seed
///     TIDEMARK_SIMULATION_SEEDS=100000 swift test --filter SimulationTests    a campaign
@Suite(.serialized) struct SimulationTests {
  private static let seeds: UInt64 = 200

  private static func number(_ variable: String) -> UInt64? {
    ProcessInfo.processInfo.environment[variable].flatMap(UInt64.init)
  }

  /// The seeds of this run.
  private static var range: ClosedRange<UInt64> {
    if let one = number("TIDEMARK_SIMULATION_SEED") { return one...one }
    let first = number("TIDEMARK_SIMULATION_FIRST") ?? 1
    return first...first + max(1, number("TIDEMARK_SIMULATION_SEEDS") ?? seeds) - 1
  }

  @Test func everySeedHolds() throws {
    var campaign = Campaign()
    for seed in Self.range {
      let simulation = try Simulation(seed: seed)
      try simulation.run()
      campaign.add(simulation.figures)
      for violation in simulation.world.violations.prefix(5) {
        Issue.record(
          """
          seed \(seed): \(violation)
          again: TIDEMARK_SIMULATION_SEED=\(seed) swift test --filter SimulationTests.SimulationTests
          """)
      }
    }
    print(campaign.summary)
  }

  /// The same seed is the same run, to the byte.
  @Test func aSeedIsOneRun() throws {
    let runs = try (0..<2).map { _ in
      let simulation = try Simulation(seed: 7)
      try simulation.run()
      return simulation.checks.publication.order
    }
    #expect(!runs[0].isEmpty && runs[0] == runs[1])
  }

  /// A planted fault is found, by the checker that is meant to, within some seeds.
  @Test(arguments: Canaries.all) func aPlantedFaultIsFound(planted: Canaries.Planted) throws {
    var found: [Violation] = []
    for seed in UInt64(1)...100 {
      let simulation = try Simulation(seed: seed, canary: planted.plant())
      try simulation.run()
      found += simulation.world.violations
      if found.contains(where: { $0.checker == planted.checker }) { return }
    }
    Issue.record("\(planted) is not found by \(planted.checker.rawValue), but: \(found.prefix(5))")
  }
}
