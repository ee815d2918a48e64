import Detection
import Foundation
import TestSupport
import Testing

/// What every detector of the catalog must do, whatever it detects.
@Suite struct ConformanceTests {
  static let names = DetectorCatalog.entries.map(\.name)

  private func entry(_ name: String) throws -> DetectorCatalog.Entry {
    try #require(DetectorCatalog.entries.first { $0.name == name })
  }

  private func normals(_ count: Int, mean: Double = 0, seed: UInt64) -> [Double] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in mean + random.normal() }
  }

  @Test func namesAreUnique() { #expect(Set(Self.names).count == Self.names.count && !Self.names.isEmpty) }

  @Test(arguments: names) func goldenIsPresent(name: String) throws {
    let file = Golden.folder.appendingPathComponent(try entry(name).golden)
    #expect(FileManager.default.fileExists(atPath: file.path))
  }

  @Test(arguments: names) func sameInputSameVerdicts(name: String) throws {
    let baseline = normals(500, seed: 1)
    var first = try entry(name).probe(baseline)
    var second = try entry(name).probe(baseline)
    for seed in 2..<60 {
      let batch = normals(20, seed: UInt64(seed))
      #expect(first.observe(batch) == second.observe(batch))
    }
  }

  /// A copy taken mid-stream goes on as the original does.
  @Test(arguments: names) func copyMidStreamGoesOnAlike(name: String) throws {
    var original = try entry(name).probe(normals(500, seed: 1))
    for seed in 2..<20 { _ = original.observe(normals(20, seed: UInt64(seed))) }
    var copy = original
    for seed in 20..<40 {
      let batch = normals(20, mean: Double(seed) / 4, seed: UInt64(seed))
      #expect(original.observe(batch) == copy.observe(batch))
    }
  }

  /// One that is made anew from the settings and takes the state goes on as the original does.
  @Test(arguments: names) func stateMidStreamGoesOnAlike(name: String) throws {
    let baseline = normals(500, seed: 1)
    var original = try entry(name).probe(baseline)
    for seed in 2..<20 { _ = original.observe(normals(20, seed: UInt64(seed))) }
    var restored = try entry(name).probe(baseline)
    let isRestored = restored.restore(original.state)
    #expect(isRestored)
    for seed in 20..<40 {
      let batch = normals(20, mean: Double(seed) / 40, seed: UInt64(seed))
      #expect(original.observe(batch) == restored.observe(batch))
    }
    let takesNonsense = restored.restore([.nan, .nan, .nan])
    #expect(!takesNonsense, "no detector has such a state")
  }

  @Test(arguments: names) func constantStreamIsSilent(name: String) throws {
    var probe = try entry(name).probe([Double](repeating: 3, count: 100))
    for _ in 0..<100 { #expect(!probe.observe([Double](repeating: 3, count: 10)).isDrifted) }
  }

  /// Batches of 30 from the baseline's own distribution, 2,000 of them.
  @Test(arguments: names) func falseAlarmsOnNoiseAreBounded(name: String) throws {
    var probe = try entry(name).probe(normals(1_000, seed: 1))
    let alarms = (0..<2_000).count { probe.observe(normals(30, seed: UInt64($0 + 100))).isDrifted }
    #expect(alarms <= 2, "\(alarms) false alarms in 2,000 batches")
  }

  @Test(arguments: names) func seesAShiftOfTenDeviations(name: String) throws {
    var probe = try entry(name).probe(normals(1_000, seed: 1))
    let verdict = probe.observe(normals(30, mean: 10, seed: 2))
    #expect(verdict.isDrifted)
    #expect(verdict.score > verdict.threshold)
  }

  @Test(arguments: names) func survivesWhatIsNoNumber(name: String) throws {
    let hostile: [[Double]] = [
      [], [.nan], [.infinity, -.infinity], [1e15, -1e15], [.greatestFiniteMagnitude, 1], [.nan, 1, 2],
      [.leastNonzeroMagnitude],
    ]
    for baseline in hostile + [normals(100, seed: 1)] {
      var probe = try entry(name).probe(baseline)
      for batch in hostile { _ = probe.observe(batch) }
      // A batch that holds nothing is no drift.
      #expect(!probe.observe([]).isDrifted)
      #expect(!probe.observe([.nan, .nan]).isDrifted)
    }
  }

  @Test(arguments: names) func memoryIsBounded(name: String) throws {
    let probe = try entry(name).probe(normals(1_000, seed: 1))
    #expect(probe.stateSize <= (try entry(name)).stateLimit)
  }
}
