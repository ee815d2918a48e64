import Statistics

/// Where a change began, and whether it was a step or a ramp.
package enum ChangeShape {
  /// Places where a ramp may have begun that are tried.
  private static let places = 64

  /// Compares, by least squares on what a line through all leaves, the best step with the best second line that
  /// begins somewhere and goes on to the end. Both have as many parameters, so the smaller sum of squares has
  /// the smaller BIC (Schwarz 1978).
  ///
  /// Cost: O(n) + 64 · O(1). A change of spread alone counts as a step.
  ///
  /// - Parameter values: from the beginning of what was usual to the alarm.
  package static func kind(of values: ArraySlice<Double>) -> ChangePoint.Kind {
    let n = values.count
    let least = 5
    guard n > 4 * least else { return .abrupt }
    let (count, middle) = (Double(n), Double(n - 1) / 2)
    let mean = values.reduce(0, +) / count
    let spread = count * (count * count - 1) / 12
    var slope = 0.0
    for (index, value) in values.enumerated() { slope += (Double(index) - middle) * (value - mean) / spread }
    // Sums of what the line leaves, and of its products with time.
    var sums = [0.0]
    var moments = [0.0]
    for (index, value) in values.enumerated() {
      let rest = value - mean - slope * (Double(index) - middle)
      sums.append(sums[index] + rest)
      moments.append(moments[index] + Double(index) * rest)
    }
    /// By how much a regressor lessens the sum of squares: its sum, its square, its products with time around the
    /// middle and with the rest.
    func gain(_ sum: Double, _ square: Double, _ time: Double, _ product: Double) -> Double {
      let own = square - sum * sum / count - time * time / spread
      return own > 1e-9 * square ? product * product / own : 0
    }
    var step = 0.0
    for first in least...n - least {
      let later = Double(n - first)
      step = max(step, gain(later, later, later * Double(first) / 2, sums[n] - sums[first]))
    }
    var ramp = 0.0
    for trial in 1..<places {
      let first = max(1, (n - least) * trial / places)
      let later = Double(n - first)
      let sum = later * (later - 1) / 2
      let square = (later - 1) * later * (2 * later - 1) / 6
      let product = moments[n] - moments[first] - Double(first) * (sums[n] - sums[first])
      ramp = max(ramp, gain(sum, square, square + (Double(first) - middle) * sum, product))
    }
    return ramp > step ? .gradual : .abrupt
  }

  /// The likeliest place of a change of mean or spread: a detector that goes by buckets, and wants many values on
  /// either side, is off by some.
  ///
  /// Cost: O(n). The variance of a part is held to that of the whole by two values, so that three
  /// values that lie close together are no change of spread.
  ///
  /// - Parameter place: where the detector puts it.
  /// - Returns: a place within `values`; the same as was given when there are too few.
  static func refined(_ values: ArraySlice<Double>, near place: Int) -> Int {
    let n = values.count
    let place = max(0, min(place, n - 1))
    let least = 3
    guard n > 4 * least else { return place }
    var sums = [(0.0, 0.0)]
    for value in values { sums.append((sums.last!.0 + value, sums.last!.1 + value * value)) }
    let (total, squares) = sums[n]
    let whole = max(squares / Double(n) - (total / Double(n)) * (total / Double(n)), 1e-9)
    func deviance(_ sum: Double, _ squares: Double, _ count: Double) -> Double {
      let spread = max(squares - sum * sum / count, 0)
      return count * Elementary.ln((spread + 2 * whole) / (count + 2))
    }
    // As far as the detector may be off: half of what it has after the change, and what it wants at least.
    let reach = max(40, (n - place) / 2)
    var (best, lowest) = (place, Double.infinity)
    for first in max(least, place - reach)...max(least, min(n - least, place + reach)) {
      let (sum, square) = sums[first]
      let found =
        deviance(sum, square, Double(first)) + deviance(total - sum, squares - square, Double(n - first))
      if found < lowest { (best, lowest) = (first, found) }
    }
    return best
  }
}
