/// Turns a stream of any one distribution into about standard normal values, by each value's rank among
/// those before it. Ranks of exchangeable values are independent and uniform (Barnard 1959), so heavy tails
/// and skew do not look like changes.
///
/// Ranks are told by counts in 97 bins, each 1/8 wide in ln(1 + |x|/s), s the median distance from 0 of the
/// first 16 values: about an eighth of a small value's distance, less in the middle.
/// Memory: 1 KiB. Cost: about 100 ns.
package struct SequentialRanks: Sendable, Equatable {
  /// Values that must be there before the first rank is told.
  package static let first = 16
  /// On either side of the middle.
  private static let bins = 48
  private static let width = 0.125

  private var waiting: [Double] = []
  private var scale = 0.0
  private var counts = [Double](repeating: 0, count: 2 * bins + 1)
  private var total = 0.0

  package init() { waiting.reserveCapacity(Self.first) }

  /// Takes a value.
  ///
  /// - Parameter body: is given the normal score of the value; after the first 16, of all of them in turn,
  ///   by their ranks among one another.
  package mutating func next(_ value: Double, _ body: (Double) -> Void) {
    guard total == 0 else {
      let score = score(of: value)
      count(value)
      return body(score)
    }
    waiting.append(value)
    guard waiting.count == Self.first else { return }
    let distances = waiting.map { abs($0) }.sorted()
    scale = max(distances[Self.first / 2], distances[Self.first - 1] * 1e-6, .leastNormalMagnitude)
    for value in waiting { count(value) }
    for value in waiting { body(score(of: value)) }
    waiting = []
  }

  /// From 0 to `2 * bins + 1`; the middle of bin b is at b + ½.
  private func place(of value: Double) -> Double {
    let distance = min(Elementary.ln1p(abs(value) / scale) / Self.width, Double(Self.bins))
    return Double(Self.bins) + 0.5 + (value < 0 ? -distance : distance)
  }

  private mutating func count(_ value: Double) {
    counts[Int(place(of: value))] += 1
    total += 1
  }

  private func score(of value: Double) -> Double {
    let place = place(of: value)
    let bin = Int(place)
    var below = 0.0
    for index in 0..<bin { below += counts[index] }
    return normalQuantile((below + (place - Double(bin)) * counts[bin] + 0.5) / (total + 1))
  }
}
