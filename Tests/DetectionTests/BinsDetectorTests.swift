import Detection
import Foundation
import Statistics
import TestSupport
import Testing

@Suite struct BinsDetectorTests {
  private func cases() throws -> [JSON] {
    let data = try Data(contentsOf: Golden.folder.appendingPathComponent("bins.json"))
    return try JSONDecoder().decode(JSON.self, from: data)["cases"].list
  }

  private func counts(_ list: JSON) -> [UInt32] { list.list.map { UInt32($0.number ?? 0) } }

  /// Batch by batch against numpy and scipy.
  @Test(arguments: 0..<7) func agreesWithTheBook(index: Int) throws {
    let cases = try cases()
    #expect(cases.count == 7)
    let golden = cases[index]
    let reference = try #require(ReferenceBins(categories: counts(golden["reference"])))
    var detector = BinnedColumnDetector(reference, dependence: golden["dependence"].number ?? .nan)
    var kinds: Set<String> = []
    for (number, batch) in golden["batches"].list.enumerated() {
      let verdict = detector.observe(counts(batch["counts"]))
      let context: Comment = "\(golden["name"].text ?? ""), batch \(number): \(verdict)"
      #expect(verdict.isDrifted == batch["drifted"].flag, context)
      #expect(verdict.count == batch["count"].number.map { Int($0) }, context)
      #expect(agree(verdict.effect?.value, batch["effect"].number), context)
      #expect(verdict.change?.index == batch["begin"].number.map { Int($0) }, context)
      #expect(verdict.change?.kind.rawValue == batch["kind"].text, context)
      // M is what agrees to 1e-9, and so its logarithm by as much.
      guard let score = batch["score"].number else {
        #expect(verdict.score.isNaN, context)
        continue
      }
      #expect(abs(verdict.score - score) <= 1e-9 * max(1, abs(score)), context)
      kinds.formUnion(verdict.change.map { [$0.kind.rawValue] } ?? [])
    }
    if golden["name"].text == "ramp" { #expect(kinds.contains("gradual")) }
  }

  /// A table of any width says of each feature what a detector of its own would have said.
  @Test func tableIsItsColumns() {
    var random = SeededGenerator(seed: 1)
    let columns = 21
    let samples = (0..<columns).map { _ in (0..<400).map { _ in random.normal() } }
    let references = samples.map(ReferenceBins.init)
    var table = BinsDetector(references)
    var alone = references.map { BinnedColumnDetector($0) }
    for batch in 0..<60 {
      let rows = [0, 8, 300, 40][batch % 4]
      let values = (0..<rows * columns).map { index in
        Float(random.normal()) + (index % columns % 4 == 1 && 20..<40 ~= batch ? 1 : 0)
      }
      values.withUnsafeBytes { table.bins.count($0, .float32, rows: rows, columns: columns) }
      table.judge()
      for column in 0..<columns {
        let own = (0..<rows).map { Double(values[$0 * columns + column]) }
        let verdict = alone[column].observe(references[column].count(own))
        // A score that is none equals nothing.
        #expect(rows == 0 ? verdict.score.isNaN : verdict == table.verdicts[column], "batch \(batch)")
        #expect(alone[column].detector.state(of: 0) == table.state(of: column))
      }
    }
  }

  /// At any moment: before and after merges, in an alarm and after it, the state goes on as the original does.
  @Test func stateGoesOnAtAnyMoment() {
    var random = SeededGenerator(seed: 2)
    let reference = ReferenceBins(sample: (0..<1_000).map { _ in random.normal() })
    var original = BinnedColumnDetector(reference)
    var restored = original
    var alarms = 0
    for batch in 0..<200 {
      let mean = 60..<90 ~= batch || batch > 150 ? 1.0 : 0
      let counts = reference.count((0..<100).map { _ in mean + random.normal() })
      let verdict = original.observe(counts)
      #expect(verdict == restored.observe(counts), "batch \(batch)")
      alarms += verdict.isDrifted ? 1 : 0
      restored = BinnedColumnDetector(reference)
      let isRestored = restored.restore(original.state)
      #expect(isRestored, "batch \(batch)")
      #expect(restored.state == original.state)
      #expect(original.detector.state(of: 0).count < 700)
    }
    #expect(60...110 ~= alarms, "\(alarms)")
  }

  /// Any bytes restore or do not; none trap, and what is refused changes nothing.
  @Test func damagedStateNeverTraps() {
    for seed in UInt64(1)...40 {
      var random = SeededGenerator(seed: seed)
      let reference = ReferenceBins(sample: (0..<200).map { _ in random.normal() })
      var detector = BinnedColumnDetector(reference)
      for _ in 0..<30 { _ = detector.observe(reference.count((0..<30).map { _ in random.normal() })) }
      let state = detector.detector.state(of: 0)
      for _ in 0..<100 {
        var bytes = state
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0...bytes.count, using: &random)) }
        var table = detector.detector
        if !table.restore(0, bytes) { #expect(table == detector.detector, "seed \(seed)") }
        for _ in 0..<3 {
          table.bins.replaceCounts(of: 0, with: reference.count([0.5, 1, .nan]))
          table.judge()
        }
        var numbers = detector.state
        numbers[Int.random(in: 0..<numbers.count, using: &random)] = Double(
          bitPattern: .random(in: 0 ... .max, using: &random))
        _ = detector.restore(numbers)
        #expect(!detector.restore([-1]) && !detector.restore([]) && !detector.restore([1e300]))
      }
    }
  }

  @Test func memoryOfAFeatureIsAtMost2KiB() {
    let reference = ReferenceBins(sample: (0..<1_000).map(Double.init))
    let detector = BinsDetector([ReferenceBins](repeating: reference, count: 64))
    #expect(detector.bytesPerFeature <= 2_048)
  }
}
