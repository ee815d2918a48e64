/// Whether one value is on the wrong side of a fixed limit.
///
/// - Formula: below: value < limit; above: value > limit. Both strict.
/// - Defaults: accuracy below 0.9 of its baseline; latency above 200 ms.
/// - Cost: O(1); memory 16 bytes.
/// - Guarantee: none. Noise around the limit alarms again and again.
/// - Weakness: a single value decides; how many cases stand behind it is not asked.
/// - Reference: the performance rule of preset `reference`.
/// - Golden: `Tests/Golden/reference.json`.
package struct LimitDetector: Detector {
  package enum Side: String, Sendable {
    case below
    case above
  }

  package let side: Side
  package let limit: Double

  package init(_ side: Side, _ limit: Double) {
    self.side = side
    self.limit = limit
  }

  /// A value that is not a number violates nothing.
  package mutating func observe(_ observation: Double) -> Verdict {
    let isDrifted =
      switch side {
      case .below: observation < limit
      case .above: observation > limit
      }
    return Verdict(isDrifted: isDrifted, score: observation, threshold: limit, count: 1)
  }
}
