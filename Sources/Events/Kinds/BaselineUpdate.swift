/// What a model is held against from now on (`tidemark.baseline.v1`); each part that is given
/// replaces the old one, each absent part stays.
package struct BaselineUpdate: Sendable {
  /// Accuracy to expect, usually 0 to 1.
  package var accuracy: Double?
  /// Milliseconds; informative, no rule reads it.
  package var latencyMilliseconds: Double?
  /// The cases that the accuracy was measured on; without an accuracy, theirs is expected.
  package var counts: CaseCounts?
  /// Milliseconds that single answers are held against by preset `standard`.
  package var latencyQuantiles: LatencyQuantiles?
  /// Rows that stand for the inputs the model was made for.
  package var features: FeatureBatch?

  package init(
    accuracy: Double? = nil, latencyMilliseconds: Double? = nil, counts: CaseCounts? = nil,
    latencyQuantiles: LatencyQuantiles? = nil, features: FeatureBatch? = nil
  ) {
    self.accuracy = accuracy
    self.latencyMilliseconds = latencyMilliseconds
    self.counts = counts
    self.latencyQuantiles = latencyQuantiles
    self.features = features
  }

  /// The accuracy to expect, told or counted.
  package var expectedAccuracy: Double? { accuracy ?? counts?.accuracy }
}

/// Quantiles of a model's latency without trouble, in milliseconds, and of how many answers they are.
package struct LatencyQuantiles: Sendable, Equatable {
  package let p50: Double
  package let p95: Double
  package let p99: Double
  package let count: Int

  /// Nil unless 0 ≤ p50 ≤ p95 ≤ p99, all finite, and the count is a whole number from 1 to 2^53.
  package init?(p50: Double, p95: Double, p99: Double, count: Double) {
    guard 0 <= p50, p50 <= p95, p95 <= p99, p99 < .infinity, count >= 1, count <= CaseCounts.largest,
      let count = Int(exactly: count)
    else { return nil }
    (self.p50, self.p95, self.p99, self.count) = (p50, p95, p99, count)
  }
}
