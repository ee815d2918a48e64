/// The quantiles of a reference that slow answers are counted above.
package struct ReferenceQuantiles: Sendable, Equatable {
  package var p50: Double
  package var p95: Double
  package var p99: Double
  /// Of how many values they are.
  package var count: Int

  /// - Precondition: p50 ≤ p95 ≤ p99, finite; count > 0.
  package init(p50: Double, p95: Double, p99: Double, count: Int) {
    precondition(p50 <= p95 && p95 <= p99 && p50.isFinite && p99.isFinite && count > 0)
    (self.p50, self.p95, self.p99, self.count) = (p50, p95, p99, count)
  }

  /// Of values; nil without a finite one. Cost: O(n log n); memory a copy.
  package init?(of values: [Double]) {
    let sorted = Self.sorted(values)
    guard !sorted.isEmpty else { return nil }
    self.init(
      p50: Self.quantile(0.5, ofSorted: sorted), p95: Self.quantile(0.95, ofSorted: sorted),
      p99: Self.quantile(0.99, ofSorted: sorted), count: sorted.count)
  }

  /// The finite values, in order.
  static func sorted(_ values: [Double]) -> [Double] { values.filter(\.isFinite).sorted() }

  /// The least value that at least a share `level` of them does not exceed (type 1 of Hyndman and Fan, 1996);
  /// 0 of none.
  static func quantile(_ level: Double, ofSorted values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let rank = Int((level * Double(values.count)).rounded(.up))
    return values[min(max(rank, 1), values.count) - 1]
  }
}
