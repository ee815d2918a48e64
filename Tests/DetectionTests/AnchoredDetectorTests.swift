import Detection
import Statistics
import TestSupport
import Testing

/// What the guarantees of the anchored detectors promise, and where their effect and change point lie.
@Suite struct AnchoredDetectorTests {
  private func events(_ trials: Int, rate: Double, _ random: inout SeededGenerator) -> Double {
    let limit = UInt64(rate * 0x1p63) << 1
    return Double((0..<trials).count { _ in random.next() < limit })
  }

  /// 20 streams of 2,000 observations at the bound itself: at A = 10⁴ at most 4 alarm in the mean.
  @Test(arguments: [1, 10]) func runLengthHoldsAtTheBound(trials: Int) {
    var alarms = 0
    for seed in 0..<20 {
      var random = SeededGenerator(seed: UInt64(seed) &* 7_919 &+ UInt64(trials))
      var detector = BernoulliDetector(bound: 0.1, referenceRate: 0.1)
      for _ in 0..<2_000
      where detector.observe(
        .init(
          events: events(trials, rate: 0.1, &random), trials: Double(trials))
      ).isDrifted {
        alarms += 1
        break
      }
    }
    #expect(alarms <= 8, "\(alarms) of 20 streams of seeds 0..<20")
  }

  /// The mean of M_n − n is 0 at the bound: M_n itself averages at most n.
  @Test func evidenceIsAnEValue() {
    var sum = 0.0
    let runs = 20_000
    for seed in 0..<runs {
      var random = SeededGenerator(seed: UInt64(seed) &+ 1)
      var detector = BernoulliDetector(bound: 0.3, referenceRate: 0.3)
      var score = 0.0
      for _ in 0..<3 {
        score = detector.observe(.init(events: events(1, rate: 0.3, &random), trials: 1)).score
      }
      sum += Elementary.exp(score)
    }
    #expect(abs(sum / Double(runs) - 3) < 0.1, "mean \(sum / Double(runs)) of seeds 1...\(runs)")
  }

  @Test func fivePointsAreSeenSoonAndDated() throws {
    var random = SeededGenerator(seed: 5)
    var detector = BernoulliDetector(reference: ReferenceRate(events: 50, trials: 1_000))
    for _ in 0..<1_000 {
      #expect(!detector.observe(.init(events: events(100, rate: 0.05, &random), trials: 100)).isDrifted)
    }
    var verdict = detector.verdict
    var steps = 0
    while !verdict.isDrifted && steps < 50 {
      verdict = detector.observe(.init(events: events(100, rate: 0.1, &random), trials: 100))
      steps += 1
    }
    #expect(steps <= 25, "\(steps) batches")
    let change = try #require(verdict.change)
    #expect(abs(change.index - 1_000) <= 5, "\(change.index)")
    #expect(change.kind == .abrupt)
    #expect(abs((verdict.effect?.value ?? 0) - 0.05) < 0.03)
  }

  @Test func aRampIsGradual() throws {
    var random = SeededGenerator(seed: 6)
    var detector = BernoulliDetector(reference: ReferenceRate(events: 50, trials: 1_000))
    for step in 0..<100 {
      let rate = 0.05 + 0.3 * Double(step) / 100
      _ = detector.observe(.init(events: events(100, rate: rate, &random), trials: 100))
    }
    #expect(detector.verdict.isDrifted)
    #expect(detector.verdict.change?.kind == .gradual)
  }

  /// Evidence without a difference that anybody would mind, until the gate is taken away.
  @Test func smallEffectsDoNotAlarm() {
    var gated = BernoulliDetector(reference: ReferenceRate(events: 5_000, trials: 1_000_000))
    var ungated = BernoulliDetector(
      reference: ReferenceRate(events: 5_000, trials: 1_000_000), minimumEffect: 0)
    var verdicts: [Verdict] = []
    for _ in 0..<200 {
      verdicts = [
        gated.observe(.init(events: 1_450, trials: 100_000)),
        ungated.observe(.init(events: 1_450, trials: 100_000)),
      ]
    }
    #expect(verdicts[0].score >= verdicts[0].threshold && !verdicts[0].isDrifted)
    #expect(verdicts[0].effect?.threshold == 0.01)
    #expect(verdicts[1].isDrifted, "the gate is away")
  }

  /// However long the rate was up, the alarm ends soon after it is down.
  @Test func alarmEndsAfterRecovery() {
    var random = SeededGenerator(seed: 8)
    var detector = BernoulliDetector(reference: ReferenceRate(events: 50, trials: 1_000))
    for _ in 0..<5_000 { _ = detector.observe(.init(events: 30, trials: 100)) }
    #expect(detector.verdict.isDrifted)
    var steps = 0
    while detector.verdict.isDrifted && steps < 100 {
      _ = detector.observe(.init(events: events(100, rate: 0.05, &random), trials: 100))
      steps += 1
    }
    #expect(steps < 20, "\(steps) batches")
  }

  @Test func nothingIsLearnedFromNothing() {
    var detector = BernoulliDetector(bound: 0.1, referenceRate: 0.1)
    _ = detector.observe(.init(events: 1, trials: 10))
    let before = detector
    for observation in [(0, 0), (1, -1), (.nan, 3), (1, .nan), (1, .infinity)] as [(Double, Double)] {
      let verdict = detector.observe(.init(events: observation.0, trials: observation.1))
      #expect(!verdict.isDrifted && verdict.score.isNaN)
    }
    #expect(detector == before)
    _ = detector.observe(.init(events: 30, trials: 10))
    #expect(detector.verdict.effect.map { $0.value <= 1 } == true)
  }

  @Test func extremeBoundsStayFinite() {
    for bound in [0.0, 1e-300, 1, 2, -1] {
      var detector = BernoulliDetector(bound: bound, referenceRate: 0)
      for events in [0.0, 1e9, 0] {
        #expect(detector.observe(.init(events: events, trials: 1e9)).score.isFinite)
      }
    }
    for mean in [0.0, 1] {
      var detector = BoundedMeanDetector(mean: mean, tolerance: 0)
      for value in [0.0, 1, 0.5, 1e300, -1e300] { #expect(detector.observe(value).score.isFinite) }
    }
  }

  @Test func wilsonBoundCovers() {
    #expect(ReferenceRate(events: 0, trials: 0).wilsonUpperBound() == 1)
    var random = SeededGenerator(seed: 9)
    let above = (0..<2_000).count { _ in
      ReferenceRate(events: events(500, rate: 0.1, &random), trials: 500).wilsonUpperBound() < 0.1
    }
    #expect(above < 50, "\(above) of 2,000, want about 20")
  }

  /// The mean of e-values is an e-value: e-BH keeps its level over streams that are one and the same.
  @Test func eBHKeepsItsLevelUnderDependence() {
    var selection = EBH(level: 0.05)
    var random = SeededGenerator(seed: 10)
    var discoveries = 0
    let runs = 20_000
    for _ in 0..<runs {
      // exp(z − ½) has mean 1; five of ten are copies of one.
      let shared = random.normal() * 2 - 2
      let logs = (0..<10).map { $0 < 5 ? shared : random.normal() * 2 - 2 }
      if selection.select(logs).count > 0 { discoveries += 1 }
    }
    #expect(Double(discoveries) / Double(runs) <= 0.05)
    #expect(discoveries > 0, "a level that nothing reaches is no test of it")
  }

  @Test func eBHOfNothing() {
    var selection = EBH()
    #expect(selection.select([]).count == 0)
    #expect(selection.select([.nan, -.infinity]).count == 0)
    let found = selection.select([.nan, .infinity])
    #expect(found.count == 1 && agree(found.threshold, Elementary.ln(2_000)))
  }
}
