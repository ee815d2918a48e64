/// Performance of a model over some window of the producer's choice (`tidemark.metrics.v1`).
package struct Metrics: Sendable, Equatable {
  /// Share of right answers, usually 0 to 1; nil when absent, null or not finite, and then that of
  /// ``MetricsDetail/counts`` where there are any.
  package var accuracy: Double?
  /// Milliseconds; nil when absent, null or not finite, and then the mean of ``MetricsDetail/latencies``.
  package var latencyMilliseconds: Double?
  /// What more was told; nil of a plain pair of figures, which most events are.
  package let detail: MetricsDetail?

  @inlinable package init(accuracy: Double? = nil, latencyMilliseconds: Double? = nil) {
    self.accuracy = accuracy.flatMap { $0.isFinite ? $0 : nil }
    self.latencyMilliseconds = latencyMilliseconds.flatMap { $0.isFinite ? $0 : nil }
    detail = nil
  }

  /// - Parameters:
  ///   - accuracy: as it was told.
  ///   - latencyMilliseconds: as it was told.
  package init(
    accuracy: Double?, latencyMilliseconds: Double?, counts: CaseCounts?, latencies: [Double] = [],
    named: [NamedMetric] = []
  ) {
    self.init(accuracy: accuracy, latencyMilliseconds: latencyMilliseconds)
    let detail = MetricsDetail(
      counts: counts, latencies: latencies, named: named, tellsAccuracy: self.accuracy != nil,
      tellsLatency: self.latencyMilliseconds != nil)
    guard !detail.isEmpty else { return }
    self = Metrics(self, detail)
  }

  private init(_ told: Metrics, _ detail: MetricsDetail) {
    accuracy = told.accuracy ?? detail.counts?.accuracy
    latencyMilliseconds = told.latencyMilliseconds ?? detail.meanLatency
    self.detail = detail
  }

  /// The accuracy that was told itself.
  package var toldAccuracy: Double? { detail?.tellsAccuracy == false ? nil : accuracy }
  /// The latency that was told itself.
  package var toldLatency: Double? { detail?.tellsLatency == false ? nil : latencyMilliseconds }
}

/// What an event of metrics says beyond two figures; shared, so that the figures alone stay small.
package final class MetricsDetail: Sendable, Equatable, CustomStringConvertible {
  package let counts: CaseCounts?
  /// Milliseconds of single answers; at most ``maximumLatencies``. Those that are not finite are missing.
  package let latencies: [Double]
  /// At most ``maximumNamed``, each name once.
  package let named: [NamedMetric]
  fileprivate let tellsAccuracy: Bool
  fileprivate let tellsLatency: Bool

  /// 80 KiB.
  package static let maximumLatencies = 10_000
  package static let maximumNamed = 32
  package static let maximumNameBytes = 64

  fileprivate init(
    counts: CaseCounts?, latencies: [Double], named: [NamedMetric], tellsAccuracy: Bool, tellsLatency: Bool
  ) {
    (self.counts, self.latencies, self.named) = (counts, latencies, named)
    (self.tellsAccuracy, self.tellsLatency) = (tellsAccuracy, tellsLatency)
  }

  fileprivate var isEmpty: Bool { counts == nil && latencies.isEmpty && named.isEmpty }

  /// Of the finite ones; nil without any.
  fileprivate var meanLatency: Double? {
    var sum = 0.0
    var count = 0
    for latency in latencies where latency.isFinite { (sum, count) = (sum + latency, count + 1) }
    return count > 0 && sum.isFinite ? sum / Double(count) : nil
  }

  package static func == (left: MetricsDetail, right: MetricsDetail) -> Bool {
    left.counts == right.counts && left.latencies == right.latencies && left.named == right.named
  }

  /// Names in order, since an object of JSON has none.
  package var description: String {
    "\(counts as Any) \(latencies) \(named.sorted { $0.name < $1.name })"
  }
}

/// Right answers among answers that were checked.
package struct CaseCounts: Sendable, Equatable {
  /// Whole numbers up to 2^53, which a double holds exactly.
  package let correct: Double
  package let total: Double

  package static let largest = 0x1p53

  /// Nil unless both are whole numbers with 0 ≤ correct ≤ total ≤ 2^53.
  package init?(correct: Double, total: Double) {
    guard correct >= 0, correct <= total, total <= Self.largest, correct.rounded() == correct,
      total.rounded() == total
    else { return nil }
    (self.correct, self.total) = (correct, total)
  }

  /// Nil of no cases.
  package var accuracy: Double? { total > 0 ? correct / total : nil }
}

/// A figure of the business, under a name of the producer's.
package struct NamedMetric: Sendable, Equatable {
  package let name: String
  /// NaN and infinities: not measured.
  package let value: Double

  package init(name: String, value: Double) { (self.name, self.value) = (name, value) }

  package static func == (left: NamedMetric, right: NamedMetric) -> Bool {
    left.name == right.name && (left.value == right.value || left.value.isNaN && right.value.isNaN)
  }
}
