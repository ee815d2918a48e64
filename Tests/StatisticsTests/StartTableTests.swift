import Foundation
import TestSupport
import Testing

@testable import Statistics

@Suite struct StartTableTests {
  @Test func logGammaAgreesWithScipy() throws {
    let data = try Data(contentsOf: Golden.folder.appendingPathComponent("bins.json"))
    let pairs = try JSONDecoder().decode(JSON.self, from: data)["log_gamma"].list.map(\.list)
    #expect(pairs.count > 400)
    let results = Exactly.logGamma(pairs.map { $0[0].number ?? .nan })
    for (pair, result) in zip(pairs, results) {
      let expected = try #require(pair[1].number)
      let tolerance = max(1e-14, 1e-15 * abs(expected))
      #expect(abs(result - expected) <= tolerance, "lnΓ(\(pair[0].number ?? .nan)) is not \(result)")
    }
  }

  @Test func logarithmsAgreeWithThePlatform() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<2_000 {
      let x = Foundation.exp(Double.random(in: -700...700, using: &random))
      #expect(abs(Exactly.log(x) - Foundation.log(x)) <= Foundation.log(x).ulp, "ln \(x)")
      let a = Double.random(in: -1_000...1_000, using: &random)
      let b = a + Double.random(in: -50...50, using: &random)
      let expected = max(a, b) + log1p(Foundation.exp(-abs(a - b)))
      #expect(abs(Exactly.logAdd(a, b) - expected) <= 2 * expected.ulp + 1e-15, "\(a) \(b)")
    }
    #expect(Exactly.log(1) == 0)
    #expect(Exactly.logAdd(-.infinity, 3) == 3 && Exactly.logAdd(3, -.infinity) == 3)
    #expect(Exactly.logAdd(-.infinity, -.infinity) == -.infinity)
    #expect(Exactly.logAdd(0, -1e300) == 0)
  }

  private static func references(_ columns: Int, _ random: inout SeededGenerator) -> [ReferenceBins] {
    (0..<columns).map { column in
      let sample = (0..<300).map { _ in random.normal() }
      let rounded = sample.map { ($0 * Double(column % 5)).rounded() }
      return ReferenceBins(sample: column % 5 == 0 ? sample : rounded)
    }
  }

  /// To the last bit, whatever the processor has, and whichever columns stand beside.
  @Test func wideAndNarrowAgreeAndColumnsAreIndependent() {
    for seed in UInt64(1)...4 {
      var random = SeededGenerator(seed: seed)
      let references = Self.references(19, &random)
      let dependence = references.indices.map { $0 % 3 == 0 ? 2.5 : 1 }
      var bins = ColumnBins(references)
      var wide = StartTable(bins, dependence: dependence, strength: 200)
      var alone = ColumnBins([references[5]])
      var single = StartTable(alone, dependence: [dependence[5]], strength: 200)
      for batch in 0..<20 {
        for column in references.indices {
          let sample = (0..<Int.random(in: 0...200, using: &random)).map { _ in random.normal() }
          bins.replaceCounts(of: column, with: references[column].count(sample))
          wide.setLearning(batch % 4 != 3, in: column)
          if batch % 2 == 0 { wide.begin(batch % StartTable.capacity, in: column) }
        }
        alone.replaceCounts(of: 0, with: bins.counts(of: 5))
        single.setLearning(batch % 4 != 3, in: 0)
        if batch % 2 == 0 { single.begin(batch % StartTable.capacity, in: 0) }
        var narrow = wide
        narrow.weigh(bins, isNarrow: true)
        wide.weigh(bins)
        single.weigh(alone)
        #expect(narrow == wide, "seed \(seed), batch \(batch)")
        #expect(single.outcome(of: 0) == wide.outcome(of: 5), "seed \(seed), batch \(batch)")
      }
    }
  }

  /// A million rows a batch for ever: sums are halved and stay below their bounds, and no weight is lost.
  @Test func countsStayBelowTheirBounds() {
    let reference = ReferenceBins(categories: [0, 500, 300, 200])!
    var bins = ColumnBins([reference])
    var table = StartTable(bins, dependence: [1], strength: 200)
    table.begin(0, in: 0)
    table.setLearning(true, in: 0)
    var random = SeededGenerator(seed: 1)
    for _ in 0..<40 {
      let noise = (0..<3).map { _ in UInt32(10_000 + 4_000 * random.normal()) }
      let counts = zip([100_000_000, 60_000_000, 40_000_000], noise).map { $0 + $1 }
      bins.replaceCounts(of: 0, with: [0] + counts)
      table.weigh(bins)
      let (learnt, since) = (table.learntCounts(of: 0), table.counts(since: 0, in: 0))
      #expect(learnt.reduce(0) { $0 + Int($1) } <= StartTable.mostLearnt)
      #expect(since.reduce(0) { $0 + Int($1) } <= ReferenceBins.mostRows)
      #expect(since[1] > since[2] && since[2] > since[3])
      #expect(table.outcome(of: 0).evidence < 5, "the halving is no evidence")
    }
  }

  @Test func stateThatCannotBeIsRefused() {
    let bins = ColumnBins([ReferenceBins(categories: [0, 5, 5])!])
    var table = StartTable(bins, dependence: [1], strength: 200)
    let before = table
    let none: [UInt32] = [0, 0, 0]
    func start(_ number: Int, _ weight: Double, _ counts: [UInt32]) -> StartTable.Start {
      .init(number: number, weight: weight, counts: counts)
    }
    for (learnt, starts) in [
      ([0, 0], []), (none, [start(12, 0, none)]), (none, [start(-1, 0, none)]),
      (none, [start(0, .nan, none)]), (none, [start(0, -.infinity, none)]), (none, [start(0, 0, [0])]),
      (none, [start(0, 0, none), start(0, 0, none)]), (none, [start(0, 0, [1, .max, 0])]),
      ([1, .max, .max], []),
    ] as [([UInt32], [StartTable.Start])] {
      let isRestored = table.restore(0, learnt: learnt, probation: none, starts: starts)
      #expect(!isRestored && table == before)
    }
    let isRestored = table.restore(0, learnt: none, probation: none, starts: [start(3, 1, [1, 2, 3])])
    #expect(isRestored && table.counts(since: 3, in: 0) == [1, 2, 3] && table.weight(of: 3, in: 0) == 1)
  }
}
