/// A detector of single observations behind the uniform face: a batch is taken value by value, after the
/// baseline was taken in the same way, and drifts when any of it does. After an alarm it starts anew, as whoever
/// runs such a detector does.
struct StreamProbe<D: Detector>: DetectorProbe {
  private let fresh: D
  private var detector: D
  private let observations: @Sendable ([Double]) -> [D.Observation]

  /// - Parameter observations: what a batch comes to, in the order in which it is taken.
  init(
    _ detector: D, baseline: [Double], observations: @escaping @Sendable ([Double]) -> [D.Observation]
  ) {
    (fresh, self.detector, self.observations) = (detector, detector, observations)
    _ = observe(baseline)
  }

  mutating func observe(_ batch: [Double]) -> Verdict {
    var latest = Verdict(isDrifted: false, score: .nan, threshold: 0, count: 0)
    for observation in observations(batch) {
      let verdict = detector.observe(observation)
      if verdict.isDrifted {
        detector = fresh
        return verdict
      }
      latest = verdict
    }
    return latest
  }

  var state: [Double] { detector.state }
  mutating func restore(_ state: [Double]) -> Bool { detector.restore(state) }
  var stateSize: Int { MemoryLayout<D>.size + state.count * MemoryLayout<Double>.stride }
}
