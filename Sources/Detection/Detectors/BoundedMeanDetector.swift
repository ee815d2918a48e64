import Statistics

/// Whether the mean of values from 0 to 1 has left the interval that it is expected in.
///
/// - Formula: upward Δ_j = ln(1 + λ_j·(x/m_hi − 1)); downward the same of 1 − x against 1 − m_lo, which is
///   λ from −m_lo/(1−m_lo) to 0; in an ``EvidenceMixture``, both sides of equal weight. It alarms when
///   evidence ≥ ln A and the mean since the change began is at least `minimumEffect` off the expected one.
/// - Defaults: λ_j of {.05, .1, .2, .4, .7, .95}; A = 10⁴; effect 0.01, a hundredth of the range.
/// - Cost: about 50 ns a component (6 a side) and value; memory 1.1 KiB two-sided.
/// - Guarantee: at least A values on average to a false alarm as long as the mean given the past stays within
///   [m_lo, m_hi]; values need be neither independent nor of any distribution.
/// - Weakness: it bets at most the whole of x/m, so that a metric which varies little within its range is
///   seen to move only slowly: a range no wider than need be is what makes it quick. A season in the metric
///   moves the mean given the past, and must lie within the interval.
/// - Reference: Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", 2024; Shin,
///   Ramdas, Rinaldo, arXiv 2203.03532.
/// - Golden: `Tests/Golden/bounded.json`.
package struct BoundedMeanDetector: Detector {
  package typealias Observation = Double

  /// Which moves matter.
  package enum Side: String, CaseIterable, Sendable {
    case up
    case down
    case both
  }

  package static let grid = [0.05, 0.1, 0.2, 0.4, 0.7, 0.95]
  package static let averageRunLength = 1e4
  package static let minimumEffect = 0.01
  /// Keeps x/m finite.
  private static let smallestMean = 1e-9

  package let side: Side
  /// Means in here are no change: [m_lo, m_hi].
  package let expected: ClosedRange<Double>
  /// What the effect is counted from.
  package let referenceMean: Double
  /// 0: no practical gate.
  package let minimumEffect: Double
  private(set) var mixture: EvidenceMixture
  /// Values outside 0...1, each taken as the nearer end: what is tested is the mean of what is left of them,
  /// and a range that many values leave is the wrong one.
  package private(set) var clamped = 0

  /// - Parameters:
  ///   - mean: the expected one, from 0 to 1.
  ///   - tolerance: to both sides of it; of a mean that was estimated from few values at least its error.
  package init(
    mean: Double, tolerance: Double, side: Side = .both, averageRunLength: Double = Self.averageRunLength,
    minimumEffect: Double = Self.minimumEffect
  ) {
    self.side = side
    let ends = [mean - abs(tolerance), mean + abs(tolerance)].map {
      min(max($0, Self.smallestMean), 1 - Self.smallestMean)
    }
    expected = ends[0]...max(ends[0], ends[1])
    referenceMean = mean
    self.minimumEffect = minimumEffect
    mixture = EvidenceMixture(
      components: Self.grid.count * (side == .both ? 2 : 1), averageRunLength: averageRunLength)
  }

  /// A value that is not finite is missing, and observes nothing.
  package mutating func observe(_ observation: Double) -> Verdict {
    guard observation.isFinite else {
      return Verdict(isDrifted: false, score: .nan, threshold: mixture.threshold, count: 0)
    }
    let value = min(max(observation, 0), 1)
    if value != observation { clamped += 1 }
    for index in mixture.components.indices {
      let isUp = isUpward(index)
      let oriented = isUp ? value : 1 - value
      let mean = isUp ? expected.upperBound : 1 - expected.lowerBound
      let bet = Self.grid[index % Self.grid.count]
      mixture.add(Elementary.ln1p(bet * (oriented / mean - 1)), to: index, sum: oriented, weight: 1)
    }
    mixture.advance()
    return verdict
  }

  private func isUpward(_ index: Int) -> Bool { side == .up || side == .both && index < Self.grid.count }

  /// Whether the change that weighs most is one upward.
  package var isRising: Bool { isUpward(mixture.heaviest) }

  /// What the last value came to; the count is of the values since the change began.
  package var verdict: Verdict {
    let heaviest = mixture.heaviest
    let tally = mixture.components[heaviest].tally
    let evidence = mixture.evidence
    let reference = isUpward(heaviest) ? referenceMean : 1 - referenceMean
    let effect = Verdict.Effect(tally.mean - reference, threshold: minimumEffect)
    return Verdict(
      isDrifted: evidence >= mixture.threshold && (minimumEffect <= 0 || effect.isRelevant), score: evidence,
      threshold: mixture.threshold, count: tally.count, effect: effect,
      change: mixture.change(of: heaviest))
  }

  package var state: [Double] { mixture.state + [Double(clamped)] }

  package mutating func restore(_ state: [Double]) -> Bool {
    guard let last = state.last, let clamped = Int(exactly: last), clamped >= 0,
      mixture.restore(state.dropLast())
    else { return false }
    self.clamped = clamped
    return true
  }
}

extension DetectorCatalog.Entry {
  static let bounded = DetectorCatalog.Entry(
    name: "bounded", summary: "the mean of values from 0 to 1 off the expected one, by an e-value",
    golden: "bounded.json"
  ) { baseline in
    var moments = ColumnMoments(columns: 1)
    moments.fold(baseline)
    // Twelve deviations to each side, and a tolerance of a quarter of one.
    let mean = moments.present(in: 0) > 0 ? moments.mean(of: 0) : 0
    let width = 12 * (moments.present(in: 0) > 0 ? moments.standardDeviation(of: 0) : 0) + 1e-8
    return EachProbe(detector: BoundedMeanDetector(mean: 0.5, tolerance: 0.25 / 24)) { value in
      0.5 + (value - mean) / (2 * width)
    }
  }
}
