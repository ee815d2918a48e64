import Statistics
import TestSupport
import Testing

/// What a series is taken apart with before a test is run on it.
@Suite struct SeriesPartsTests {
  /// By scipy 1.17.1, `scipy.stats.norm`.
  @Test func normalQuantilesAreScipys() {
    for (p, x) in [
      (0.5, 0.0), (0.975, 1.959963984540054), (0.01, -2.3263478740408408), (1e-6, -4.753424308822899),
      (0.999, 3.090232306167813),
    ] {
      #expect(abs(normalQuantile(p) - x) < 1e-9)
      #expect(abs(normalCumulative(x) - p) < 1e-12)
    }
    #expect(normalQuantile(0) == -.infinity && normalQuantile(1) == .infinity)
  }

  private static func seasonal(_ count: Int, season: Int, seed: UInt64) -> [Double] {
    var random = SeededGenerator(seed: seed)
    // A wave of cosines, as strong as twice the noise.
    return (0..<count).map { 2 * cosine(2 * .pi * Double($0) / Double(season)) + random.normal() }
  }

  /// Not one row more or less: that would run out of step. (Of a week of hours thirteen weeks are not enough
  /// for that, and of days in a week noise may choose three of them.)
  @Test(arguments: [12, 24, 48]) func aSeasonIsFoundToTheRow(season: Int) {
    for seed in UInt64(1)...5 {
      #expect(Season.find(in: Self.seasonal(12 * season + 200, season: season, seed: seed)) == season)
    }
  }

  @Test func whatHasNoSeasonHasNone() {
    var random = SeededGenerator(seed: 6)
    let noise = (0..<1_000).map { _ in random.normal() }
    var level = 0.0
    let wandering = noise.map { step -> Double in
      level += step
      return level
    }
    let trend = noise.enumerated().map { $1 + Double($0) }
    for values in [noise, wandering, trend, [], [1], [Double](repeating: 3, count: 500)] {
      #expect(Season.find(in: values) == nil)
    }
  }

  @Test func blocksTellWhatCorrelationDoesToAMean() {
    var random = SeededGenerator(seed: 7)
    var (independent, remembering, late) = (BlockVariance(), BlockVariance(), BlockVariance())
    var level = 0.0
    for step in 0..<20_000 {
      let own = random.normal()
      level = 0.5 * level + own
      independent.add(own)
      remembering.add(level)
      // A step in the last eighth is what is looked for, and hides nothing.
      late.add(own + (step >= 17_500 ? 2 : 0))
    }
    #expect(independent.value == 1 && late.value == 1)
    // (1 + ρ)/(1 − ρ) is 3; twenty per cent for what 400 blocks leave open.
    #expect(abs(remembering.value - 3) < 0.6)
  }

  @Test func blocksTellRunsOfEvents() {
    var random = SeededGenerator(seed: 8)
    func uniform() -> Double { Double(random.next() >> 11) * 0x1p-53 }
    var (independent, runs) = (BlockDispersion(), BlockDispersion())
    var isEvent = false
    for _ in 0..<20_000 {
      independent.add(events: uniform() < 0.1 ? 1 : 0, cases: 1)
      if uniform() < 0.5 { isEvent = uniform() < 0.1 }
      runs.add(events: isEvent ? 1 : 0, cases: 1)
    }
    // Two standard errors of a thousand blocks are chance; twice that is allowed for here.
    #expect(independent.value < 1.25)
    #expect((2.5...3.5).contains(runs.value))
    #expect(BlockDispersion(state: runs.state) == runs && BlockDispersion(state: [1, 2]) == nil)
  }

  /// Noise that is three times as large in half of each season is as usual there.
  @Test func aSeasonOfSpreadIsNoChangeOfSpread() {
    var random = SeededGenerator(seed: 9)
    var residuals = RecursiveResiduals(location: 0, scale: 1, season: 32)
    var squares: [Bool: (sum: Double, count: Double)] = [true: (0, 0), false: (0, 0)]
    for step in 0..<6_400 {
      let isLoud = step % 32 < 16
      let residual = residuals.next(random.normal() * (isLoud ? 3 : 1))
      guard let residual, step > 640 else { continue }
      squares[isLoud]!.sum += residual * residual
      squares[isLoud]!.count += 1
    }
    let loud = (squares[true]!.sum / squares[true]!.count).squareRoot()
    let quiet = (squares[false]!.sum / squares[false]!.count).squareRoot()
    // Of a factor of three, most is gone: the allowance of few residuals leaves the rest.
    #expect(loud / quiet < 2.6 && loud / quiet > 1, "\(loud / quiet)")
  }

  @Test func ranksMakeNormalsOfAnything() {
    var random = SeededGenerator(seed: 10)
    var ranks = SequentialRanks()
    var moments = Moments()
    for _ in 0..<5_000 {
      let own = random.normal()
      ranks.next(own * own * own) { _ = moments.add($0) }
    }
    #expect(moments.count == 5_000)
    #expect(abs(moments.mean) < 0.05 && abs(moments.variance - 1) < 0.06)
  }
}
