/// Performance of a model over some window of the producer's choice (`tidemark.metrics.v1`).
package struct Metrics: Sendable, Equatable {
  /// Share of right answers, usually 0 to 1; nil when absent, null or not finite.
  package var accuracy: Double?
  /// Milliseconds; nil when absent, null or not finite.
  package var latencyMilliseconds: Double?

  @inlinable package init(accuracy: Double? = nil, latencyMilliseconds: Double? = nil) {
    self.accuracy = accuracy.flatMap { $0.isFinite ? $0 : nil }
    self.latencyMilliseconds = latencyMilliseconds.flatMap { $0.isFinite ? $0 : nil }
  }
}
