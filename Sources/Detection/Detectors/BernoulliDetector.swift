package import Statistics

/// Whether a rate has risen above the reference's: errors, missing values, new categories, slow answers.
///
/// - Formula: for k events in n cases and each p_j, Δ_j = k·ln(p_j/m) + (n−k)·ln((1−p_j)/(1−m)), in an
///   ``EvidenceMixture``; it alarms when evidence ≥ ln A and the rate since the change began exceeds the
///   reference's by at least `minimumEffect`.
/// - Defaults: p_j = m + (1−m)·{.02, .05, .1, .2, .4, .7}; A = 10⁴; m the Wilson upper bound of the reference
///   plus a tolerance of 0; effect 0.01, which is one point.
/// - Cost: about 300 ns an observation, however many cases it holds; memory 600 bytes.
/// - Guarantee: at least A observations on average to a false alarm, whatever n is, as long as the rate given
///   the past is at most m. One reference in a hundred has a true rate above its Wilson bound.
/// - Weakness: a rise of less than about a point is not seen, as the grid begins at two; with 1,000 reference
///   cases at 5 % m is 6.9 %, and what lies between is not seen either. Events that cluster break the guarantee: on a
///   sticky stream of single cases (autocorrelation .5, rate .1) the run length is near 300, not 10⁴; hand
///   over sums of blocks instead. A fall of the rate is no matter.
/// - Reference: Shin, Ramdas, Rinaldo, arXiv 2203.03532.
/// - Golden: `Tests/Golden/bernoulli.json`.
package struct BernoulliDetector: Detector {
  /// Cases, and how many of them were events.
  package struct Observation: Sendable {
    package var events: Double
    package var trials: Double

    /// - Parameters:
    ///   - events: from 0 to `trials`; whatever lies outside is taken as the nearer end.
    ///   - trials: none, or less, observes nothing.
    package init(events: Double, trials: Double) { (self.events, self.trials) = (events, trials) }
  }

  /// Shares of the way from m to 1.
  package static let grid = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7]
  package static let averageRunLength = 1e4
  package static let minimumEffect = 0.01
  /// Keeps every gain finite: a rate that must never occur is one in a thousand million.
  private static let smallestRate = 1e-9

  /// m: rates up to here are no change.
  package let bound: Double
  /// What the effect is counted from.
  package let referenceRate: Double
  /// 0: no practical gate.
  package let minimumEffect: Double
  /// ln(p/m) and ln((1−p)/(1−m)) of each component.
  private let gains: [Gain]
  private(set) var mixture: EvidenceMixture

  private struct Gain: Sendable, Equatable {
    var event: Double
    var other: Double
  }

  /// - Parameters:
  ///   - reference: what was counted without change; its Wilson upper bound is m.
  ///   - tolerance: added to m.
  package init(
    reference: ReferenceRate, tolerance: Double = 0, averageRunLength: Double = Self.averageRunLength,
    minimumEffect: Double = Self.minimumEffect
  ) {
    self.init(
      bound: reference.wilsonUpperBound() + tolerance,
      referenceRate: reference.trials > 0 ? reference.value : 1,
      averageRunLength: averageRunLength, minimumEffect: minimumEffect)
  }

  /// - Parameters:
  ///   - bound: m; taken as the nearest that is neither 0 nor 1.
  ///   - averageRunLength: A, in observations.
  package init(
    bound: Double, referenceRate: Double, averageRunLength: Double = Self.averageRunLength,
    minimumEffect: Double = Self.minimumEffect
  ) {
    let bound = min(max(bound, Self.smallestRate), 1 - Self.smallestRate)
    self.bound = bound
    self.referenceRate = referenceRate
    self.minimumEffect = minimumEffect
    gains = Self.grid.map { share in
      let rate = bound + (1 - bound) * share
      return Gain(event: Elementary.ln(rate / bound), other: Elementary.ln(1 - share))
    }
    mixture = EvidenceMixture(components: Self.grid.count, averageRunLength: averageRunLength)
  }

  package mutating func observe(_ observation: Observation) -> Verdict {
    let trials = observation.trials
    guard trials > 0, trials < .infinity, !observation.events.isNaN else {
      return Verdict(isDrifted: false, score: .nan, threshold: mixture.threshold, count: 0)
    }
    let events = min(max(observation.events, 0), trials)
    for (index, gain) in gains.enumerated() {
      mixture.add(
        events * gain.event + (trials - events) * gain.other, to: index, sum: events, weight: trials)
    }
    mixture.advance()
    return verdict
  }

  /// What the last observation came to; the count is of the cases since the change began.
  package var verdict: Verdict {
    let heaviest = mixture.heaviest
    let tally = mixture.components[heaviest].tally
    let evidence = mixture.evidence
    let effect = Verdict.Effect(tally.mean - referenceRate, threshold: minimumEffect)
    return Verdict(
      isDrifted: evidence >= mixture.threshold && (minimumEffect <= 0 || effect.isRelevant), score: evidence,
      threshold: mixture.threshold, count: tally.count, effect: effect,
      change: mixture.change(of: heaviest))
  }

  package var state: [Double] { mixture.state }
  package mutating func restore(_ state: [Double]) -> Bool { mixture.restore(state) }
}

extension DetectorCatalog.Entry {
  static let bernoulli = DetectorCatalog.Entry(
    name: "bernoulli", summary: "a rate above the reference's, by an e-value", golden: "bernoulli.json"
  ) { baseline in
    // Values above the baseline's 95 % quantile are the events.
    let values = ReferenceQuantiles.sorted(baseline)
    let limit = ReferenceQuantiles.quantile(0.95, ofSorted: values)
    let above = Double(values.count { $0 > limit })
    return Probe(
      detector: BernoulliDetector(reference: ReferenceRate(events: above, trials: Double(values.count)))
    ) { batch in
      let present = batch.filter(\.isFinite)
      return .init(events: Double(present.count { $0 > limit }), trials: Double(present.count))
    }
  }
}
