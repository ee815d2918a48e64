/// How far the mean of a batch has moved, in standard deviations of the baseline.
///
/// - Formula: score = |mean(new) − mean(baseline)| / (std(baseline) + 1e-8), std of the population;
///   drifted when score > threshold.
/// - Defaults: threshold 2.
/// - Cost: O(1) over column moments; memory 16 bytes.
/// - Guarantee: none. It has no error rate: it ignores how many rows stand behind a mean.
/// - Weakness: blind to a change of spread or shape; small batches of heavy-tailed columns alarm on
///   noise, and a large batch whose mean moved by 1.9 deviations does not alarm at all.
/// - Reference: the drift rule of preset `reference`.
/// - Golden: `Tests/Golden/reference.json`, computed by numpy.
package struct MeanShiftDetector: Detector {
  /// A column of a batch.
  package struct Observation: Sendable {
    /// Of the batch's mean from the baseline's; NaN when the column has no present value. The distance
    /// and not the mean, since the difference of two rounded means is noise.
    package var distance: Double
    /// Present values.
    package var count: Int

    package init(distance: Double, count: Int) {
      self.distance = distance
      self.count = count
    }
  }

  /// Keeps the score finite for a constant baseline column.
  package static let epsilon = 1e-8

  package let scale: Double
  package let threshold: Double

  /// - Parameters:
  ///   - standardDeviation: of the baseline column (ddof 0); NaN when it has no present value, and
  ///     then nothing drifts.
  package init(standardDeviation: Double, threshold: Double = 2) {
    scale = standardDeviation + Self.epsilon
    self.threshold = threshold
  }

  package mutating func observe(_ observation: Observation) -> Verdict {
    // A score beyond a double stays a number: only a column that cannot be scored has none.
    let score = min(abs(observation.distance) / scale, .greatestFiniteMagnitude)
    return Verdict(isDrifted: score > threshold, score: score, threshold: threshold, count: observation.count)
  }
}
