import Statistics

/// A change of a rate or a mean, with nothing known of it before: every split of the stream is tried.
///
/// - Formula: G = n₁·KL(θ̂₁‖θ̂) + n₂·KL(θ̂₂‖θ̂) of a split, for a rate; for a mean of unknown, common variance
///   (n/2)·ln(1 + n₁n₂(x̄₁ − x̄₂)²/(n·S)), S the sum of squares within the parts. Where the lag-one correlation
///   ρ̂ within the parts is above 0.05 and twice its standard error, φ = (1 + ρ̂)/(1 − ρ̂), else 1. The score
///   is the largest G/φ + ln(m/φ), m = n₁n₂/n: of splits with much on both sides there are fewer that are
///   independent, so less of them is chance. Alarm above ln A + c.
/// - Defaults: A = 10⁶ observations, both directions; at least 30 observations before a change, 10 after.
/// - Cost: about 50 splits an observation at n = 10⁴, some 15 ns each. Memory: 24 bytes a bucket and dimension, 5·log₂(n / 5) buckets.
/// - Guarantee: average run length to a false alarm of at least A on independent observations, by
///   simulation (`Tests/Benchmarks/evaluation.md`); c comes from there.
/// - Weakness: what came before teaches it, so a drift slower than its memory grows is seen late.
/// - Reference: Lai, Xing, "Sequential change-point detection when the pre- and post-change parameters
///   are unknown", 2010; Lavielle 2005 for the variance scaled by correlation; buckets: ``DyadicSums``.
/// - Golden: `Tests/Golden/glr.json`, numpy.
package struct GLRDetector: Detector {
  package enum Family: String, Sendable {
    /// Zeroes and ones; other values count as their share.
    case rate
    /// Real values of finite variance.
    case mean
  }

  package enum Direction: String, Sendable {
    case both
    case up
    case down
  }

  package let family: Family
  package let direction: Direction
  /// Added to the scores of rises and falls.
  private let rise: Double
  private let fall: Double
  /// Of the average run length to a false alarm: ln A.
  package let logRunLength: Double

  /// Observations that must stand before a change, and after it.
  package static let minimumBefore = 30
  package static let minimumAfter = 10
  /// Added to ln A, by simulation.
  static let margin = 3.3

  /// x, x², and x times the one before.
  private var sums = DyadicSums(dimensions: 3)
  private var previous = 0.0
  /// The first finite value: everything is measured from there, so that large means cost no digits.
  private var origin: Double?

  /// - Parameter shareOfFalls: with both directions, the share of the allowed false alarms that falls may have;
  ///   above 0 and below 1.
  package init(
    _ family: Family, direction: Direction = .both, shareOfFalls: Double = 0.5,
    observationsPerFalseAlarm: Double = 1e6
  ) {
    self.family = family
    self.direction = direction
    rise = direction == .both ? Elementary.ln(2 * (1 - shareOfFalls)) : 0
    fall = direction == .both ? Elementary.ln(2 * shareOfFalls) : 0
    logRunLength = Elementary.ln(observationsPerFalseAlarm)
  }

  /// What the score must exceed.
  package var threshold: Double { logRunLength + Self.margin }

  /// - Parameter observation: a value that is not finite is passed over.
  package mutating func observe(_ observation: Double) -> Verdict {
    guard observation.isFinite else {
      return Verdict(isDrifted: false, score: .nan, threshold: threshold, count: 0)
    }
    if origin == nil { origin = family == .rate ? 0 : observation }
    let x =
      family == .rate ? min(max(observation, 0), 1) : max(min(observation - origin!, 1e150), -1e150)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 3) { vector in
      vector.initialize(repeating: 0)
      (vector[0], vector[1], vector[2]) = (x, x * x, sums.count == 0 ? 0 : x * previous)
      sums.append(UnsafeBufferPointer(vector))
    }
    previous = x
    return verdict
  }

  private var verdict: Verdict {
    let n = sums.count
    guard n >= Self.minimumBefore + Self.minimumAfter else {
      return Verdict(isDrifted: false, score: 0, threshold: threshold, count: n)
    }
    let best = bestSplit
    let inflation = inflation(of: best)
    let score =
      best.evidence > 0
      ? best.evidence / inflation + Elementary.ln(best.weight / inflation) + best.lean : 0
    return Verdict(
      isDrifted: score > threshold, score: score, threshold: threshold, count: best.later,
      change: best.evidence > 0 ? ChangePoint(index: n - best.later, kind: .abrupt) : nil)
  }

  private struct Split {
    var evidence = 0.0
    /// n₁n₂/n.
    var weight = 1.0
    var lean = 0.0
    /// The evidence, the weight's logarithm, and the direction's due.
    var score = 0.0
    var later = 0
    var sum = 0.0
  }

  private var bestSplit: Split { family == .rate ? bestOfRates : bestOfMeans }

  /// Goes through the splits that leave enough on both sides and whose difference has the wanted sign.
  ///
  /// - Parameter body: is given the sizes of both parts, the sums of the later one, and the difference squared times n₁n₂/n.
  private func forEachSplit(
    _ body: (_ n1: Double, _ n2: Double, _ part: UnsafeBufferPointer<Double>, _ squared: Double) -> Void
  ) {
    let n = Double(sums.count)
    let total = sums.total[0]
    sums.scan { later, part in
      guard later >= Self.minimumAfter else { return true }
      let before = sums.count - later
      guard before >= Self.minimumBefore else { return false }
      let (n1, n2) = (Double(before), Double(later))
      let difference = part[0] / n2 - (total - part[0]) / n1
      if direction == .both || (difference > 0) == (direction == .up) {
        body(n1, n2, part, n1 * n2 / n * difference * difference)
      }
      return true
    }
  }

  private var bestOfMeans: Split {
    let n = Double(sums.count)
    let total = sums.total
    return bestOf(1) { n1, n2, part, squared, logs in
      let spread = total[1] - total[0] * total[0] / n - squared
      // A stream that was constant in both parts: as much evidence as there can be.
      let noise = max(spread, squared * 1e-12)
      logs[0] = noise > 0 ? 1 + squared / noise : 1
    } evidence: { _, _, _, logs in
      n / 2 * logs[0]
    }
  }

  private var bestOfRates: Split {
    let n = Double(sums.count)
    let total = sums.total[0]
    guard total > 0, total < n else { return Split() }
    let whole = Self.entropy(total, n)
    return bestOf(4) { n1, n2, part, _, logs in
      let (after, before) = (part[0] / n2, (total - part[0]) / n1)
      let all = SIMD4(after, 1 - after, before, 1 - before)
      // 0·ln 0 is 0, as ln 1 is.
      for index in 0..<4 { logs[index] = all[index] > 1e-300 ? all[index] : 1 }
    } evidence: { n1, n2, part, logs in
      let ones = total - part[0]
      return part[0] * logs[0] + (n2 - part[0]) * logs[1] + ones * logs[2] + (n1 - ones) * logs[3] - whole
    }
  }

  /// The split of the largest score; logarithms are taken all at once.
  ///
  /// - Parameters:
  ///   - count: logarithms that a split needs.
  ///   - arguments: writes what they are of.
  ///   - evidence: is given them.
  private func bestOf(
    _ count: Int,
    arguments: (Double, Double, UnsafeBufferPointer<Double>, Double, UnsafeMutableBufferPointer<Double>) ->
      Void,
    evidence: (Double, Double, UnsafeBufferPointer<Double>, UnsafeMutableBufferPointer<Double>) -> Double
  ) -> Split {
    let n = Double(sums.count)
    var best = Split()
    let width = count + 1
    withUnsafeTemporaryAllocation(of: Double.self, capacity: width * DyadicSums.maximumBuckets) { logs in
      logs.initialize(repeating: 1)
      var splits = 0
      forEachSplit { n1, n2, part, squared in
        let own = UnsafeMutableBufferPointer(rebasing: logs[splits * width..<(splits + 1) * width])
        arguments(n1, n2, part, squared, own)
        own[count] = n1 * n2 / n
        splits += 1
      }
      Exactly.log(UnsafeMutableBufferPointer(rebasing: logs[..<(splits * width)]))
      var split = 0
      forEachSplit { n1, n2, part, _ in
        let own = UnsafeMutableBufferPointer(rebasing: logs[split * width..<(split + 1) * width])
        let found = evidence(n1, n2, part, own)
        split += 1
        let lean = part[0] * n > sums.total[0] * n2 ? rise : fall
        let score = found + own[count] + lean
        guard found > 0, score > best.score else { return }
        best = Split(
          evidence: found, weight: n1 * n2 / n, lean: lean, score: score, later: Int(n2), sum: part[0])
      }
    }
    return best
  }

  /// k·ln(k/n) + (n − k)·ln((n − k)/n), 0 at the ends.
  private static func entropy(_ k: Double, _ n: Double) -> Double {
    guard k > 0, k < n else { return 0 }
    return k * Elementary.ln(k / n) + (n - k) * Elementary.ln1p(-k / n)
  }

  /// (1 + ρ̂)/(1 − ρ̂) by the correlation within the parts of a split.
  private func inflation(of split: Split) -> Double {
    guard split.later > 0 else { return 1 }
    let total = sums.total
    let (n2, n1) = (Double(split.later), Double(sums.count - split.later))
    let variance =
      total[1] - split.sum * split.sum / n2 - (total[0] - split.sum) * (total[0] - split.sum) / n1
    let covariance =
      total[2] - split.sum * split.sum / n2 - (total[0] - split.sum) * (total[0] - split.sum) / n1
    return Dependence.inflation(correlation: covariance / variance, count: sums.count)
  }

  package var state: [Double] { [origin ?? .nan, previous] + sums.state }

  package mutating func restore(_ state: [Double]) -> Bool {
    guard state.count >= 2, state[1].isFinite, let sums = DyadicSums(dimensions: 3, state: state[2...]),
      state[0].isFinite || sums.count == 0
    else { return false }
    origin = state[0].isFinite ? state[0] : nil
    previous = state[1]
    self.sums = sums
    return true
  }
}

/// What autocorrelation does to evidence that was made for independent observations.
package enum Dependence {
  /// Below, a correlation is taken as none.
  package static let negligible = 0.05
  /// What a correlation is cut at, so that a random walk leaves some evidence: 1/199 of it.
  static let largest = 0.99

  /// The variance of a mean of values whose autocorrelation falls off as ρᵏ, over that of independent
  /// ones: (1 + ρ)/(1 − ρ). 1 when ρ is negligible or within two standard errors, 1/√n each, of 0.
  package static func inflation(correlation: Double, count: Int) -> Double {
    let least = max(negligible, 2 / Double(max(count, 1)).squareRoot())
    guard correlation > least else { return 1 }
    let rho = min(correlation, largest)
    return (1 + rho) / (1 - rho)
  }
}
