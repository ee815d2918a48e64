/// Whether a change was a step or a ramp.
package enum ChangeShape {
  /// Places where a ramp may have begun that are tried.
  private static let places = 64

  /// Compares, by least squares, the best step with the best line that begins to rise somewhere and goes on to
  /// the end. Both have four parameters with the noise's, so the smaller sum of squares has the smaller BIC
  /// (Schwarz 1978).
  ///
  /// Cost: O(n) + 64 · O(1). A change of spread alone counts as a step.
  ///
  /// - Parameters:
  ///   - values: from the beginning of what was usual to the alarm.
  ///   - place: where a detector puts the change, within `values`.
  package static func kind(of values: ArraySlice<Double>, changedAt place: Int) -> ChangePoint.Kind {
    let n = values.count
    guard place > 1, place < n - 2 else { return .abrupt }
    var sums = [0.0]
    var moments = [0.0]
    let origin = values.reduce(0, +) / Double(n)
    for (index, value) in values.enumerated() {
      sums.append(sums[index] + value - origin)
      moments.append(moments[index] + Double(index) * (value - origin))
    }
    // A step as long as the ramps that are tried, at least five values from either end.
    var step = 0.0
    for first in max(1, min(5, place))...max(1, min(place, n - 5), n - 5) where first < n {
      let (before, after) = (Double(first), Double(n - first))
      let difference = (sums[n] - sums[first]) / after - sums[first] / before
      step = max(step, before * after / Double(n) * difference * difference)
    }
    var ramp = 0.0
    for trial in 0..<places {
      let first = (n - 5) * trial / places
      // The regressor max(0, t − first) around its mean.
      let length = Double(n - first)
      let sum = length * (length - 1) / 2
      let squares = (length - 1) * length * (2 * length - 1) / 6 - sum * sum / Double(n)
      let product =
        (moments[n] - moments[first]) - Double(first) * (sums[n] - sums[first])
        - sum / Double(n) * sums[n]
      if squares > 0 { ramp = max(ramp, product * product / squares) }
    }
    return ramp > step ? .gradual : .abrupt
  }
}
