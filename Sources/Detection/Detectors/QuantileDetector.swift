import Statistics

/// Whether more values than expected lie above the reference's quantiles: latency at p50, p95 and p99.
///
/// - Formula: a ``BernoulliDetector`` on 1(x > q) for each quantile, whose bound is the Wilson upper bound of
///   .5, .05 or .01 of the values that the quantiles are of, plus a tolerance; evidence is the logarithm of
///   the mean of the three e-values, itself one of an e-detector.
/// - Defaults: A = 10⁴; tolerance 0; effect 0.01: one case in a hundred more above the quantile.
/// - Cost: about 1 µs an observation, beside 2 ns a value that it holds; memory 1.7 KiB.
/// - Guarantee: at least A observations on average to a false alarm, whatever the distribution, as long as the
///   share above each quantile given the past is at most its bound. Each bound fails for one reference in a
///   hundred.
/// - Weakness: how far above a value lies is not asked: for the extreme tail there is ``TailThreshold``. Slow
///   answers come in clusters, and what is said of those in ``BernoulliDetector`` holds.
/// - Reference: as ``BernoulliDetector``; the mean of e-values is an e-value under any dependence (Vovk, Wang,
///   "E-values", 2021).
/// - Golden: `Tests/Golden/quantile.json`.
package struct QuantileDetector: Detector {
  /// How many of some values lie above each quantile.
  package struct Observation: Sendable {
    package var above50 = 0
    package var above95 = 0
    package var above99 = 0
    /// Finite values.
    package var count = 0

    package init() {}

    /// Counts one value; one that is not finite is missing.
    package mutating func add(_ value: Double, _ quantiles: ReferenceQuantiles) {
      guard value.isFinite else { return }
      count += 1
      if value > quantiles.p50 { above50 += 1 }
      if value > quantiles.p95 { above95 += 1 }
      if value > quantiles.p99 { above99 += 1 }
    }
  }

  package static let levels = [0.5, 0.95, 0.99]
  /// Of values above each of them.
  package static let shares = [0.5, 0.05, 0.01]

  package let quantiles: ReferenceQuantiles
  private let minimumEffect: Double
  private var detectors: [BernoulliDetector]

  /// - Parameters:
  ///   - tolerance: added to each bound.
  ///   - averageRunLength: A, in observations.
  ///   - minimumEffect: by how much the share above a quantile must exceed the reference's; 0 is no gate.
  package init(
    quantiles: ReferenceQuantiles, tolerance: Double = 0,
    averageRunLength: Double = BernoulliDetector.averageRunLength,
    minimumEffect: Double = BernoulliDetector.minimumEffect
  ) {
    self.quantiles = quantiles
    self.minimumEffect = minimumEffect
    let count = Double(quantiles.count)
    detectors = Self.shares.map { share in
      BernoulliDetector(
        reference: ReferenceRate(events: share * count, trials: count), tolerance: tolerance,
        averageRunLength: averageRunLength, minimumEffect: minimumEffect)
    }
  }

  package mutating func observe(_ observation: Observation) -> Verdict {
    guard observation.count > 0 else {
      return Verdict(isDrifted: false, score: .nan, threshold: detectors[0].mixture.threshold, count: 0)
    }
    let trials = Double(observation.count)
    _ = detectors[0].observe(.init(events: Double(observation.above50), trials: trials))
    _ = detectors[1].observe(.init(events: Double(observation.above95), trials: trials))
    _ = detectors[2].observe(.init(events: Double(observation.above99), trials: trials))
    return verdict
  }

  /// The quantile with the largest evidence, as a place in ``levels``.
  package var heaviest: Int {
    var best = 0
    for index in 1..<detectors.count
    where detectors[index].mixture.evidence > detectors[best].mixture.evidence { best = index }
    return best
  }

  /// What the last observation came to: effect, change and count are of the quantile that weighs most.
  package var verdict: Verdict {
    var verdict = detectors[heaviest].verdict
    verdict.score = Elementary.lnMeanExp(
      detectors[0].mixture.evidence, detectors[1].mixture.evidence, detectors[2].mixture.evidence)
    verdict.isDrifted =
      verdict.score >= verdict.threshold && (minimumEffect <= 0 || verdict.effect?.isRelevant == true)
    return verdict
  }

  package var state: [Double] { detectors.flatMap(\.state) }

  package mutating func restore(_ state: [Double]) -> Bool {
    let size = detectors[0].mixture.stateCount
    guard state.count == size * detectors.count else { return false }
    var restored = detectors
    for index in restored.indices {
      guard restored[index].restore(Array(state[index * size..<(index + 1) * size])) else { return false }
    }
    detectors = restored
    return true
  }
}

extension DetectorCatalog.Entry {
  static let quantile = DetectorCatalog.Entry(
    name: "quantile", summary: "more values above the reference's p50, p95 or p99, by an e-value",
    golden: "quantile.json"
  ) { baseline in
    let quantiles = ReferenceQuantiles(of: baseline) ?? ReferenceQuantiles(p50: 0, p95: 0, p99: 0, count: 1)
    return Probe(detector: QuantileDetector(quantiles: quantiles)) { batch in
      var observation = QuantileDetector.Observation()
      for value in batch { observation.add(value, quantiles) }
      return observation
    }
  }
}
