import Detection
import Statistics

// The detectors that hold a stream to a reference.
extension Recipe {
  /// Above this, ln A of an e-detector is left alone: no promise that is asked for reaches it.
  private static let beyond = 1e30

  /// Single cases; m is the true rate of the scenarios `rate`, `sticky` and `wave`, or Wilson's bound of 1000 rows.
  static func bernoulli(isReferenceKnown: Bool) -> Recipe {
    Recipe(
      name: isReferenceKnown ? "bernoulli, rate known" : "bernoulli", referenceRows: 1_000, isOfRates: true
    ) { _, reference in
      let rate = ReferenceRate(events: reference.reduce(0, +), trials: Double(reference.count))
      return Evidence(
        detector: isReferenceKnown
          ? BernoulliDetector(bound: 0.1, referenceRate: 0.1, averageRunLength: beyond)
          : BernoulliDetector(reference: rate, averageRunLength: beyond)
      ) { .init(events: $0, trials: 1) }
    }
  }

  /// Four deviations of the reference to each side are the range; the tolerance is three errors of its mean.
  static let bounded = Recipe(name: "bounded", referenceRows: 1_000) { _, reference in
    let (mean, deviation) = moments(of: reference)
    let tolerance = 3 / Double(reference.count).squareRoot() / 8
    return Evidence(
      detector: BoundedMeanDetector(mean: 0.5, tolerance: tolerance, averageRunLength: beyond)
    ) { 0.5 + ($0 - mean) / (8 * deviation) }
  }

  /// Single values.
  static let quantile = Recipe(name: "quantile", referenceRows: 1_000) { _, reference in
    guard let quantiles = ReferenceQuantiles(of: reference) else { preconditionFailure("no reference") }
    return Evidence(detector: QuantileDetector(quantiles: quantiles, averageRunLength: beyond)) {
      var observation = QuantileDetector.Observation()
      observation.add($0, quantiles)
      return observation
    }
  }

  /// Alarms on single values, so q = 1/A.
  static let tail = Recipe(name: "tail", referenceRows: 1_000, isMadeForRunLength: true) {
    length, reference in
    Tail(detector: TailThreshold(reference: reference, risk: 1 / length))
  }
}

/// An e-detector of single values, whose evidence is the largest ln A that alarms.
struct Evidence<D: Detector>: Subject {
  var detector: D
  let observation: (Double) -> D.Observation

  mutating func next(_ row: UnsafeBufferPointer<Double>) -> Double {
    let verdict = detector.observe(observation(row[0]))
    guard verdict.score.isFinite, verdict.effect?.isRelevant ?? true else { return -.infinity }
    return verdict.score
  }
}

struct Tail: Subject {
  var detector: TailThreshold

  mutating func next(_ row: UnsafeBufferPointer<Double>) -> Double {
    detector.observe(row[0]).isDrifted ? .infinity : -.infinity
  }
}
