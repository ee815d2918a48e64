/// How much more the mean of a block of values varies than that of independent ones: their long-run variance over
/// their own.
///
/// - Formula: D = L·Var(block means)/Var(values), blocks of L values (batch means; Alexopoulos, Seila 1998).
///   Told as it was before the last quarter of the blocks, so that a change that is being looked for does not
///   hide behind itself.
/// - Cost: O(1) a value; memory a number a block, at most 4,096.
package struct BlockVariance: Sendable, Equatable {
  package static let usualLength = 48
  /// Blocks before D is told, and how many standard errors, √(2/B) each, are chance.
  private static let leastBlocks = 8.0
  private static let deviate = 2.0
  private static let most = 50.0
  private static let snapshots = 4_096

  private let length: Double
  private var values = Moments()
  private var means = Moments()
  private var sum = 0.0
  private var count = 0.0
  /// D after each block, the last ones.
  private var told: [Double] = []

  /// - Parameter length: values of a block; at least a season.
  package init(length: Int = usualLength) { self.length = Double(max(2, length)) }

  package mutating func add(_ value: Double) {
    _ = values.add(value)
    sum += value
    count += 1
    guard count == length else { return }
    _ = means.add(sum / length)
    (sum, count) = (0, 0)
    if told.count == Self.snapshots { told.removeFirst(Self.snapshots / 2) }
    told.append(ratio)
  }

  /// D where it is more than chance, else 1.
  package var value: Double { told.isEmpty ? 1 : told[(told.count - 1) * 3 / 4] }

  private var ratio: Double {
    let blocks = Double(means.count)
    guard blocks >= Self.leastBlocks, values.variance > 0 else { return 1 }
    let ratio = length * means.variance * blocks / (blocks - 1) / values.variance
    return ratio > 1 + Self.deviate * (2 / blocks).squareRoot() ? min(ratio, Self.most) : 1
  }
}
