import Statistics

/// Which of many e-values count as discoveries: e-BH over models, features or both.
///
/// - Formula: of K e-values the k* largest, with k* = max{k : M₍k₎ ≥ K/(αk)}.
/// - Defaults: α = 10⁻³ a batch.
/// - Cost: one pass; only values of at least 1/α are sorted, since k ≤ K. Memory: those values, kept from call
///   to call, so that a quiet call allocates nothing.
/// - Guarantee: of e-values at one fixed time the expected share of false discoveries is at most α under any
///   dependence. Of e-detectors that run on, the error within a patience is bounded by it, and no rate of
///   false discoveries holds for ever: what is promised of them stays an average run length.
/// - Source: Wang, Ramdas, "False discovery rate control with e-values", 2022; arXiv 2501.04130.
/// - Golden: `Tests/Golden/ebh.json`.
package struct EBH: Sendable {
  /// Which e-values are discoveries: those of at least `threshold`, which are exactly `count`.
  package struct Selection: Sendable, Equatable {
    /// A natural logarithm: ln(K/(αk*)); +∞ when there is none.
    package var threshold: Double
    /// k*.
    package var count: Int
  }

  package static let level = 1e-3

  /// α.
  package let level: Double
  private var candidates: [Double] = []

  /// - Precondition: 0 < level ≤ 1.
  package init(level: Double = Self.level) {
    precondition(level > 0 && level <= 1)
    self.level = level
  }

  /// - Parameters:
  ///   - evidence: natural logarithms of e-values; NaN says nothing, but counts as one of the K.
  ///   - total: K, when these are some of the e-values only; at least as many as they are.
  ///   - others: discoveries among the e-values that are not here.
  package mutating func select(
    _ evidence: some Collection<Double>, of total: Int? = nil, besides others: Int = 0
  ) -> Selection {
    let least = -Elementary.ln(level)
    candidates.removeAll(keepingCapacity: true)
    for value in evidence where value >= least { candidates.append(value) }
    candidates.sort(by: >)
    let count = max(evidence.count, total ?? 0)
    for rank in stride(from: candidates.count, to: 0, by: -1) {
      let threshold = Elementary.ln(max(1, Double(count) / Double(rank + others))) + least
      if candidates[rank - 1] >= threshold { return Selection(threshold: threshold, count: rank) }
    }
    return Selection(threshold: .infinity, count: 0)
  }
}
