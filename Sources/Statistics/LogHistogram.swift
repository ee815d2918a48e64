/// Quantiles of a stream with an error relative to the value: DDSketch (Masson, Rim, Lee, "DDSketch: a fast
/// and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019, arXiv 1908.10693).
///
/// Error: a quantile is within `accuracy` (1 % by default) of the value that has this rank exactly, always,
/// unless it is below ``accurateFrom(_:)``: at most ``bucketLimit`` buckets are kept for each sign, 2048
/// span a factor of 4 · 10^17 at 1 %, and values that are nearer to 0 are counted in the lowest of them.
/// Zero, and what is nearer to it than the least normal number, is counted as zero, exactly. Minimum and
/// maximum are exact.
/// Memory: 8 bytes a bucket, in runs of 64 over the range that was seen: 4 KB for latencies from 1 ms to
/// 1 s at 1 %; at most 17 KB a sign. Cost: about 15 ns a value; no allocation but for growth. The
/// buckets are a function of the values alone, not of their order: merged parts equal the whole, exactly.
///
/// The logarithm is the paper's cubic stand-in for it, which takes 1 % more buckets and needs nothing but
/// arithmetic, so that the buckets are the same on every machine.
///
/// Why this one: a latency is read in milliseconds, so the error should be in them. For bins of equal
/// probability take ``QuantileSketch``; its error of rank would be a factor in a heavy tail's values.
package struct LogHistogram: Sendable, Equatable {
  package static let defaultAccuracy = 0.01
  package static let accuracies = 0.0001...0.5
  package static let defaultBucketLimit = 2_048
  package static let bucketLimits = 64...65_536

  /// The largest relative error.
  package let accuracy: Double
  /// How many buckets of each sign are kept.
  package let bucketLimit: Int
  /// Values that count as 0.
  package private(set) var zeros = 0
  private var positive = Buckets()
  /// By distance from 0.
  private var negative = Buckets()
  /// The least value; +∞ without one.
  package private(set) var minimum = Double.infinity
  /// The greatest value; −∞ without one.
  package private(set) var maximum = -Double.infinity
  /// Buckets a unit of ``scale(_:)``.
  private let multiplier: Double

  /// - Precondition: both are in their ranges, ``accuracies`` and ``bucketLimits``.
  package init(accuracy: Double = defaultAccuracy, bucketLimit: Int = defaultBucketLimit) {
    precondition(Self.accuracies.contains(accuracy) && Self.bucketLimits.contains(bucketLimit))
    self.accuracy = accuracy
    self.bucketLimit = bucketLimit
    // A bucket's ends are at most a factor of (1 + a) / (1 − a) apart, whose logarithm is this series;
    // the scale grows by at least 10 / 7 of the logarithm's growth.
    var (power, logarithm) = (accuracy, 0.0)
    for exponent in stride(from: 1, through: 81, by: 2) {
      logarithm += 2 * power / Double(exponent)
      power *= accuracy * accuracy
    }
    multiplier = 0.7 / logarithm
  }

  /// How many values were taken.
  package var count: Int { zeros + positive.total + negative.total }

  /// Bytes held for the buckets.
  package var bytes: Int { (positive.counts.count + negative.counts.count) * MemoryLayout<Int>.stride }

  // MARK: Taking

  /// Takes one value.
  ///
  /// - Returns: false, and nothing changes, for NaN and infinities, which are the caller's to count,
  ///   and beyond 2^53 values.
  @discardableResult
  package mutating func add(_ value: Double) -> Bool {
    guard value.isFinite, count < NumberReader.largestCount else { return false }
    if value >= Double.leastNormalMagnitude {
      positive.add(1, at: Self.bucket(of: value, multiplier), limit: bucketLimit)
    } else if value <= -Double.leastNormalMagnitude {
      negative.add(1, at: Self.bucket(of: -value, multiplier), limit: bucketLimit)
    } else {
      zeros += 1
    }
    minimum = min(minimum, value)
    maximum = max(maximum, value)
    return true
  }

  /// Takes what `other` took, exactly as if value by value.
  ///
  /// - Precondition: both have one accuracy and one limit.
  /// - Returns: false, and nothing changes, beyond 2^53 values.
  @discardableResult
  package mutating func merge(_ other: LogHistogram) -> Bool {
    precondition(accuracy == other.accuracy && bucketLimit == other.bucketLimit)
    guard other.count <= NumberReader.largestCount - count else { return false }
    positive.merge(other.positive, limit: bucketLimit)
    negative.merge(other.negative, limit: bucketLimit)
    zeros += other.zeros
    minimum = min(minimum, other.minimum)
    maximum = max(maximum, other.maximum)
    return true
  }

  // MARK: Asking

  /// The least value such that at least this fraction of all values is no more, within the accuracy; the
  /// minimum for 0 and less, the maximum for 1 and more, NaN for NaN and without a value.
  package func quantile(_ fraction: Double) -> Double {
    let count = count
    guard count > 0, !fraction.isNaN else { return .nan }
    if fraction <= 0 { return minimum }
    if fraction >= 1 { return maximum }
    var wanted = min(max(Int((fraction * Double(count)).rounded(.up)), 1), count)
    if wanted <= negative.total {
      // The greatest distance from 0 is the least value.
      return clamped(-value(ofBucket: negative.bucket(holding: negative.total - wanted + 1)))
    }
    wanted -= negative.total
    if wanted <= zeros { return clamped(0) }
    return clamped(value(ofBucket: positive.bucket(holding: wanted - zeros)))
  }

  /// The distance from 0 from which on values of a sign have kept their accuracy: 0 while no bucket was
  /// given up for them.
  package func accurateFrom(_ sign: FloatingPointSign) -> Double {
    let buckets = sign == .plus ? positive : negative
    return buckets.hasCollapsed ? end(ofBucket: buckets.floor(limit: bucketLimit)) : 0
  }

  private func clamped(_ value: Double) -> Double { min(max(value, minimum), maximum) }

  // MARK: Buckets

  /// A logarithm to base 2 made of arithmetic: the exponent, and between powers of two the cubic
  /// ((6/35 · s − 3/5) · s + 10/7) · s, s in [0, 1). It grows by 10/7 to 1.4857 of the natural logarithm's
  /// growth, whose own factor would be 1.4427.
  private static func cubic(_ share: Double) -> Double {
    ((6.0 / 35 * share - 0.6) * share + 10.0 / 7) * share
  }

  /// By the multiplier alone: a method would be handed a copy of the whole, which costs 5 ns a value.
  ///
  /// - Precondition: `value` is normal and positive.
  @inline(__always)
  private static func bucket(of value: Double, _ multiplier: Double) -> Int {
    let bits = value.bitPattern
    let exponent = Double(Int(bits >> 52) &- 1_023)
    let share = Double(bitPattern: bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000) - 1
    let place = (exponent + cubic(share)) * multiplier
    // Rounded down without a call into the C library: a conversion cuts towards 0.
    let cut = Int(place)
    return place < Double(cut) ? cut - 1 : cut
  }

  /// Where a bucket begins: the cubic inverted by halving its range, which takes 53 steps and no root.
  private func start(ofBucket bucket: Int) -> Double {
    let scaled = Double(bucket) / multiplier
    let exponent = min(max(scaled.rounded(.down), -1_022), 1_023)
    let wanted = min(max(scaled - exponent, 0), 1)
    var (low, high) = (0.0, 1.0)
    for _ in 0..<53 {
      let middle = (low + high) / 2
      if Self.cubic(middle) < wanted { low = middle } else { high = middle }
    }
    return min(
      Double(sign: .plus, exponent: Int(exponent), significand: 1 + low), .greatestFiniteMagnitude)
  }

  private func end(ofBucket bucket: Int) -> Double { start(ofBucket: bucket + 1) }

  /// The value whose relative distance from both ends of the bucket is the same.
  private func value(ofBucket bucket: Int) -> Double {
    let low = start(ofBucket: bucket)
    let ratio = end(ofBucket: bucket) / low
    return low * (2 * ratio / (1 + ratio))
  }

  // MARK: State

  /// Accuracy, limit, zeros, minimum, maximum (0 without a value), and for each sign, + first: whether
  /// buckets were given up, the number of the first bucket, how many there are, and their counts.
  package var state: [Double] {
    let isEmpty = count == 0
    return [
      accuracy, Double(bucketLimit), Double(zeros), isEmpty ? 0 : minimum, isEmpty ? 0 : maximum,
    ] + positive.state + negative.state
  }

  /// What ``state`` was once; nil when no histogram of this accuracy and limit can have had it.
  ///
  /// - Precondition: both are in their ranges, ``accuracies`` and ``bucketLimits``.
  package init?(
    accuracy: Double = defaultAccuracy, bucketLimit: Int = defaultBucketLimit, state: [Double]
  ) {
    self.init(accuracy: accuracy, bucketLimit: bucketLimit)
    var reader = NumberReader(state)
    guard reader.number() == accuracy, reader.whole(in: bucketLimit...bucketLimit) != nil,
      let zeros = reader.count(), let minimum = reader.finite(), let maximum = reader.finite(),
      minimum <= maximum, let positive = Buckets(from: &reader, limit: bucketLimit),
      let negative = Buckets(from: &reader, limit: bucketLimit), reader.isAtEnd,
      zeros + positive.total + negative.total <= NumberReader.largestCount
    else { return nil }
    (self.zeros, self.positive, self.negative) = (zeros, positive, negative)
    if count == 0 {
      guard minimum == 0 && maximum == 0 else { return nil }
      return
    }
    guard isPlausible(minimum, outer: negative, inner: positive, sign: -1),
      isPlausible(maximum, outer: positive, inner: negative, sign: 1)
    else { return nil }
    (self.minimum, self.maximum) = (minimum, maximum)
  }

  /// Whether an extreme lies in the outermost bucket on its side of zero, the zeros being next and then the
  /// bucket of the other sign that is nearest to them.
  private func isPlausible(_ extreme: Double, outer: Buckets, inner: Buckets, sign: Double) -> Bool {
    let distance = extreme * sign
    if outer.total > 0 {
      return distance >= Double.leastNormalMagnitude && Self.bucket(of: distance, multiplier) == outer.highest
    }
    if zeros > 0 { return abs(extreme) < Double.leastNormalMagnitude }
    guard -distance >= Double.leastNormalMagnitude else { return false }
    let nearest = Self.bucket(of: -distance, multiplier)
    return nearest == inner.lowest || inner.hasCollapsed && nearest < inner.lowest
  }
}

/// Counts by bucket, in runs of 64 from the run of the lowest bucket that has any to that of the highest:
/// the same memory, and so equal values, for the same contents.
private struct Buckets: Sendable, Equatable {
  private static let run = 64
  /// Beyond the bucket of every double at every accuracy.
  private static let numbers = -(1 << 24)...1 << 24

  /// The number of the first bucket in `counts`, a multiple of a run.
  private(set) var first = 0
  private(set) var counts: [Int] = []
  private(set) var highest = 0
  private(set) var total = 0
  /// Whether something was counted above the bucket that it belongs to.
  private(set) var hasCollapsed = false

  init() {}

  /// The lowest bucket there can be beside the highest.
  func floor(limit: Int) -> Int { highest - limit + 1 }

  /// The lowest bucket that counted anything.
  var lowest: Int { first + (counts.firstIndex { $0 > 0 } ?? 0) }

  @inline(__always)
  mutating func add(_ count: Int, at number: Int, limit: Int) {
    if number <= highest, number >= max(first, highest - limit + 1), total > 0 {
      counts[number - first] += count
      total += count
    } else {
      extend(count, at: number, limit: limit)
    }
  }

  private mutating func extend(_ count: Int, at number: Int, limit: Int) {
    if total > 0, number < floor(limit: limit) {
      hasCollapsed = true
      reach(down: floor(limit: limit), up: highest, limit: limit)
      counts[floor(limit: limit) - first] += count
    } else {
      let isFirst = total == 0
      reach(
        down: isFirst ? number : min(number, lowest), up: isFirst ? number : max(number, highest),
        limit: limit)
      counts[number - first] += count
    }
    total += count
  }

  mutating func merge(_ other: Buckets, limit: Int) {
    // From the highest, so that nothing is kept that the next would take away.
    for index in other.counts.indices.reversed() where other.counts[index] > 0 {
      add(other.counts[index], at: other.first + index, limit: limit)
    }
    hasCollapsed = hasCollapsed || other.hasCollapsed
  }

  /// Makes room from `low` to `high`, and gives up what is too far below `high`.
  private mutating func reach(down low: Int, up high: Int, limit: Int) {
    highest = high
    let floor = floor(limit: limit)
    if floor > low { hasCollapsed = true }
    let start = Self.start(ofRunWith: max(low, floor))
    let length = Self.start(ofRunWith: high) + Self.run - start
    if start == first && length == counts.count && floor <= low { return }
    var kept = [Int](repeating: 0, count: length)
    for (index, count) in counts.enumerated() where count > 0 {
      kept[max(first + index, floor) - start] += count
    }
    (first, counts) = (start, kept)
  }

  private static func start(ofRunWith number: Int) -> Int { number & ~(run - 1) }

  /// The bucket of the value that has this place in order of distance from 0, from 1.
  ///
  /// - Precondition: the place is at least 1 and at most the total.
  func bucket(holding place: Int) -> Int {
    var sum = 0
    for (index, count) in counts.enumerated() {
      sum += count
      if sum >= place { return first + index }
    }
    return highest
  }

  var state: [Double] {
    guard total > 0 else { return [0, 0, 0] }
    let lowest = lowest
    return [hasCollapsed ? 1 : 0, Double(lowest), Double(highest - lowest + 1)]
      + counts[lowest - first...highest - first].map { Double($0) }
  }

  init?(from reader: inout NumberReader, limit: Int) {
    guard let flag = reader.whole(in: 0...1), let lowest = reader.whole(in: Self.numbers),
      let length = reader.whole(in: 0...limit), let counts = reader.slice(length)
    else { return nil }
    guard length > 0 else {
      guard flag == 0 && lowest == 0 else { return nil }
      return
    }
    // What was given up lies in the lowest bucket there can be.
    guard flag == 0 || length == limit, counts.first != 0, counts.last != 0 else { return nil }
    reach(down: lowest, up: lowest + length - 1, limit: limit)
    for (offset, number) in counts.enumerated() {
      guard let count = Int(exactly: number), 0...NumberReader.largestCount - total ~= count else {
        return nil
      }
      self.counts[lowest + offset - first] = count
      total += count
    }
    hasCollapsed = flag == 1
  }
}
