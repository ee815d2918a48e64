import Statistics

/// Every detector there is, for the conformance suite; monitors make the ones they need by type.
/// To add one: a file in `Detectors`, a line here, a golden file.
package enum DetectorCatalog {
  /// One detector as the conformance suite and the command line see it.
  package struct Entry: Sendable {
    /// The word for it in configurations and outputs.
    package let name: String
    package let summary: String
    /// The file of answers from an independent implementation, under `Tests/Golden`.
    package let golden: String
    /// Bytes of settings and state that it may take after a thousand values.
    package var stateLimit = 2_048
    /// Makes a probe from a baseline sample: a detector that is fed one batch of values a time.
    package let probe: @Sendable (_ baseline: [Double]) -> any DetectorProbe
  }

  package static let entries: [Entry] = [
    Entry(
      name: "mean_shift", summary: "distance of a batch's mean from the baseline's, in its deviations",
      golden: "reference.json"
    ) { baseline in
      let moments = columnMoments(of: baseline)
      return Probe(detector: MeanShiftDetector(standardDeviation: moments.standardDeviation(of: 0))) {
        batch in
        var means = ColumnMeans(origin: [moments.mean(of: 0)])
        means.replace(with: batch)
        return .init(distance: means.distance(of: 0), count: means.present(in: 0))
      }
    },
    Entry(
      name: "limit", summary: "a value on the wrong side of a fixed limit", golden: "reference.json"
    ) { baseline in
      let moments = columnMoments(of: baseline)
      // Eight deviations: beyond noise, and below the ten that every detector must see.
      return Probe(
        detector: LimitDetector(
          .above, moments.mean(of: 0) + 8 * moments.standardDeviation(of: 0) + MeanShiftDetector.epsilon)
      ) { batch in columnMoments(of: batch).mean(of: 0) }
    },
    .glr, .meanVariance, .mmd,
    Entry(
      name: "bins", summary: "distribution of a feature against its reference, in bins",
      golden: "bins.json"
    ) { baseline in
      let reference = ReferenceBins(sample: baseline)
      return Probe(detector: BinnedColumnDetector(reference)) { batch in reference.count(batch) }
    },
    .bernoulli,
    .bounded,
    .quantile,
    .tail,
  ]

  private static func columnMoments(of values: [Double]) -> ColumnMoments {
    var moments = ColumnMoments(columns: 1)
    moments.fold(values)
    return moments
  }
}

/// A detector behind a uniform face: batches of values of one column in, verdicts out.
package protocol DetectorProbe: Sendable {
  mutating func observe(_ batch: [Double]) -> Verdict
  /// See ``Detector/state``.
  var state: [Double] { get }
  mutating func restore(_ state: [Double]) -> Bool
  /// Bytes of settings and state, for the memory bound.
  var stateSize: Int { get }
}

/// A detector that sees a batch at a time, as one observation.
struct Probe<D: Detector>: DetectorProbe {
  var detector: D
  let summarise: @Sendable ([Double]) -> D.Observation

  mutating func observe(_ batch: [Double]) -> Verdict { detector.observe(summarise(batch)) }
  var state: [Double] { detector.state }
  mutating func restore(_ state: [Double]) -> Bool { detector.restore(state) }
  var stateSize: Int { MemoryLayout<D>.size + state.count * MemoryLayout<Double>.stride }
}

/// A detector that sees one value at a time: of a batch the last verdict, but one that alarmed before any.
struct EachProbe<D: Detector>: DetectorProbe {
  var detector: D
  let observation: @Sendable (Double) -> D.Observation

  mutating func observe(_ batch: [Double]) -> Verdict {
    var last = Verdict(isDrifted: false, score: .nan, threshold: .nan, count: 0)
    for value in batch where value.isFinite {
      let verdict = detector.observe(observation(value))
      if verdict.isDrifted || !last.isDrifted { last = verdict }
    }
    return last
  }
  var state: [Double] { detector.state }
  mutating func restore(_ state: [Double]) -> Bool { detector.restore(state) }
  var stateSize: Int { MemoryLayout<D>.size + state.count * MemoryLayout<Double>.stride }
}
