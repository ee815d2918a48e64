/// Count, mean, spread, minimum and maximum of one stream of numbers, a value at a time.
///
/// Error: a value costs a few units in the last place (Welford, "Note on a method for calculating
/// corrected sums of squares and products", Technometrics 1962), parts are merged as exactly (Chan,
/// Golub, LeVeque, "Algorithms for computing the sample variance", 1983); a mean of 1e15 with a
/// deviation of 1 keeps its deviation. Squares beyond the largest double make the deviation +∞.
/// Memory: 40 bytes. Cost: one division a value. Whole batches of columns are ``ColumnMoments``' work.
package struct Moments: Sendable, Equatable {
  /// How many values were taken.
  package private(set) var count = 0
  private var runningMean = 0.0
  /// The sum of squared distances from the mean.
  package private(set) var m2 = 0.0
  /// The least value; +∞ without one.
  package private(set) var minimum = Double.infinity
  /// The greatest value; −∞ without one.
  package private(set) var maximum = -Double.infinity

  package init() {}

  /// The moments of one column.
  ///
  /// - Precondition: the column is there.
  package init(_ moments: ColumnMoments, column: Int) {
    count = moments.present(in: column)
    guard count > 0 else { return }
    runningMean = moments.mean(of: column)
    m2 = moments.state[2 * moments.columns + column]
    minimum = moments.minimum(of: column)
    maximum = moments.maximum(of: column)
  }

  /// The mean; NaN without a value.
  package var mean: Double { count > 0 ? runningMean : .nan }

  /// The population variance (ddof 0); NaN without a value.
  package var variance: Double { count > 0 ? m2 / Double(count) : .nan }

  /// The population standard deviation (ddof 0); NaN without a value.
  package var standardDeviation: Double { variance.squareRoot() }

  /// Takes one value.
  ///
  /// - Returns: false, and nothing changes, for NaN and infinities, which are the caller's to count,
  ///   and beyond 2^53 values.
  @discardableResult
  package mutating func add(_ value: Double) -> Bool {
    guard value.isFinite, count < NumberReader.largestCount else { return false }
    count += 1
    let before = value - runningMean
    // The distance of two finite values can be beyond the largest double; its parts are not.
    runningMean +=
      before.isFinite
      ? before / Double(count) : value / Double(count) - runningMean / Double(count)
    m2 += before * (value - runningMean)
    minimum = min(minimum, value)
    maximum = max(maximum, value)
    return true
  }

  /// Takes what `other` took, as if value by value.
  ///
  /// - Returns: false, and nothing changes, beyond 2^53 values.
  @discardableResult
  package mutating func merge(_ other: Moments) -> Bool {
    guard other.count <= NumberReader.largestCount - count else { return false }
    guard other.count > 0 else { return true }
    guard count > 0 else {
      self = other
      return true
    }
    let pooled = Pooled(
      count, runningMean, m2, with: other.count, other.runningMean, other.m2)
    (count, runningMean, m2) = (count + other.count, pooled.mean, pooled.m2)
    minimum = min(minimum, other.minimum)
    maximum = max(maximum, other.maximum)
    return true
  }

  /// Count, mean, m2, minimum, maximum; all 0 without a value.
  package var state: [Double] {
    count > 0 ? [Double(count), runningMean, m2, minimum, maximum] : [0, 0, 0, 0, 0]
  }

  /// What ``state`` was once; nil when it cannot have been.
  package init?(state: [Double]) {
    var reader = NumberReader(state)
    guard let count = reader.count(), let mean = reader.finite(), let m2 = reader.number(), m2 >= 0,
      let minimum = reader.finite(), let maximum = reader.finite(), reader.isAtEnd, minimum <= maximum
    else { return nil }
    guard count > 0 else {
      guard state.allSatisfy({ $0 == 0 }) else { return nil }
      return
    }
    (self.count, runningMean, self.m2) = (count, mean, m2)
    (self.minimum, self.maximum) = (minimum, maximum)
  }
}

/// Mean and m2 of two disjoint sets of values (Chan, Golub, LeVeque 1983).
struct Pooled {
  let mean: Double
  let m2: Double

  /// - Precondition: both counts are at least 1.
  init(
    _ count: Int, _ mean: Double, _ m2: Double, with otherCount: Int, _ otherMean: Double, _ otherM2: Double
  ) {
    let (own, other) = (Double(count), Double(otherCount))
    let distance = otherMean - mean
    let share = other / (own + other)
    self.mean = distance.isFinite ? mean + distance * share : mean * (1 - share) + otherMean * share
    self.m2 = m2 + otherM2 + distance * share * distance * own
  }
}
