import Statistics

/// Looks back over a short stretch of a series for a step or a bend, with level, slope, season and memory
/// fitted to the whole of it: the most that a few dozen values can tell, where a test that learns as it
/// goes would have learned the change as well.
///
/// - Formula: (n − p − 1)/2·ln(RSS₀/RSS₁) + ln(n₁n₂/n), RSS₀ of the regression on p regressors under the prior of
///   ``RecursiveResiduals``, RSS₁ with a step 1(t ≥ τ) or a ramp max(0, t − τ) besides; the largest over τ.
/// - Cost: O(n·p²) for a value, about 10 µs at ``capacity``. Memory: 16 sums a value, 32 KiB.
/// - Reference: Andrews, "Tests for parameter instability and structural change with unknown change point",
///   1993; Kim, Siegmund, "The likelihood ratio test for a change-point in simple linear regression", 1989.
package struct ShortStretch: Sendable {
  /// Values looked back over.
  static let capacity = 256
  static let minimumBefore = 15
  static let minimumAfter = 5
  /// Added to ln A, by simulation.
  static let margin = 2.5

  package struct Finding {
    package var evidence = 0.0
    /// Of the value after the change, counted from the first of the stretch.
    package var place = 0
    package var isRamp = false
  }

  /// Regressors without the value itself.
  private let size: Int
  /// Of the regressors and the value, and of t times each: running sums before each row.
  private var sums: [Double]
  /// Products of the regressors and the value with one another, (size + 1)².
  private var products: [Double]
  package private(set) var count = 0

  /// - Parameter size: how many regressors a value comes with.
  package init(size: Int) {
    self.size = size
    sums = [Double](repeating: 0, count: 2 * (size + 1))
    products = [Double](repeating: 0, count: (size + 1) * (size + 1))
    for index in 0..<size { products[index * (size + 2)] = RecursiveResiduals.prior(of: index) }
  }

  /// Takes a value in about unit scale and looks back; nil when the stretch is too short or too long.
  package mutating func next(_ value: Double, _ regressors: [Double]) -> Finding? {
    guard count < Self.capacity, regressors.count == size else { return nil }
    let t = Double(count)
    let width = 2 * (size + 1)
    let before = sums.count - width
    let row = regressors + [value]
    for index in 0...size { sums.append(sums[before + index] + row[index]) }
    for index in 0...size { sums.append(sums[before + size + 1 + index] + t * row[index]) }
    for first in 0...size {
      for second in 0...size { products[first * (size + 1) + second] += row[first] * row[second] }
    }
    count += 1
    guard count >= Self.minimumBefore + Self.minimumAfter else { return nil }
    return best
  }

  private var best: Finding {
    let width = 2 * (size + 1)
    // L of the regressors' products, by Cholesky; the prior keeps them positive.
    var lower = [Double](repeating: 0, count: size * size)
    for row in 0..<size {
      for column in 0...row {
        var sum = products[row * (size + 1) + column]
        for inner in 0..<column { sum -= lower[row * size + inner] * lower[column * size + inner] }
        lower[row * size + column] =
          row == column ? max(sum, 1e-9).squareRoot() : sum / lower[column * size + column]
      }
    }
    var fitted = (0..<size).map { products[$0 * (size + 1) + size] }
    Self.solve(lower, size, &fitted)
    let rest = max(
      products[size * (size + 1) + size] - fitted.reduce(0) { $0 + $1 * $1 }, 1e-9 * Double(count))
    var best = Finding()
    let freedom = Double(count - size - 1)
    var projected = [Double](repeating: 0, count: size)
    for place in Self.minimumBefore...(count - Self.minimumAfter) {
      let tau = Double(place)
      let (from, to) = (place * width, count * width)
      let later = Double(count - place)
      let weight = Elementary.ln(tau * later / Double(count))
      for isRamp in [false, true] {
        var product: Double
        let square = isRamp ? (later - 1) * later * (2 * later - 1) / 6 : later
        func part(_ index: Int) -> Double {
          let plain = sums[to + index] - sums[from + index]
          guard isRamp else { return plain }
          return sums[to + size + 1 + index] - sums[from + size + 1 + index] - tau * plain
        }
        for index in 0..<size { projected[index] = part(index) }
        product = part(size)
        Self.solve(lower, size, &projected)
        var own = square
        for index in 0..<size {
          product -= projected[index] * fitted[index]
          own -= projected[index] * projected[index]
        }
        guard own > 1e-6 * square else { continue }
        let gain = product * product / own
        let found = -freedom / 2 * Elementary.ln1p(-min(gain / rest, 1 - 1e-12)) + weight
        if found > best.evidence { best = Finding(evidence: found, place: place, isRamp: isRamp) }
      }
    }
    return best
  }

  /// Turns b into L⁻¹b.
  private static func solve(_ lower: [Double], _ size: Int, _ vector: inout [Double]) {
    for row in 0..<size {
      var sum = vector[row]
      for column in 0..<row { sum -= lower[row * size + column] * vector[column] }
      vector[row] = sum / lower[row * size + row]
    }
  }
}
