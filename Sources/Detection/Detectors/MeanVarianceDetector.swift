import Statistics

/// A change of mean or spread in a stream that was standard normal, or nearly.
///
/// - Formula: G = ½[n ln σ̂² − n₁ ln σ̂₁² − n₂ ln σ̂₂²] of a split, on values cut at ±4, less what estimating
///   two variances of few values makes of it (Bartlett's correction), and the score as ``GLRDetector`` has
///   it: the largest G/φ + ln(m/φ), m = n₁n₂/n. Alarm above ln A + c.
/// - Defaults: A = 10⁵ observations; at least 20 observations on both sides.
/// - Cost: about 50 splits an observation at n = 10⁴, some 25 ns each. Memory: 16 bytes a bucket.
/// - Guarantee: average run length to a false alarm of at least A on independent normal values, by simulation
///   (`Tests/Benchmarks/evaluation.md`).
/// - Weakness: wants independent values of one distribution: give it what ``RecursiveResiduals`` and
///   ``SequentialRanks`` make of a series.
/// - Reference: Hawkins, Zamba, "Statistical process control for shifts in mean or variance using a
///   change-point formulation", 2005.
/// - Golden: `Tests/Golden/meanvar.json`, numpy.
package struct MeanVarianceDetector: Detector {
  /// ln A.
  package let logRunLength: Double
  package let minimumSegment: Int
  /// The practical gate: means a third of a deviation apart, or deviations by a factor of e^⅓ = 1.4.
  package static let relevantEffect = 1.0 / 3
  /// Added to ln A, by simulation.
  static let margin = 4.5

  private var sums = DyadicSums(dimensions: 3)
  private var previous = 0.0

  /// - Parameter minimumSegment: at least 3 values, of which a variance can be told.
  package init(observationsPerFalseAlarm: Double = 1e5, minimumSegment: Int = 20) {
    logRunLength = Elementary.ln(observationsPerFalseAlarm)
    self.minimumSegment = max(3, minimumSegment)
  }

  /// Observations taken.
  package var count: Int { sums.count }

  /// What the score must exceed.
  package var threshold: Double { logRunLength + Self.margin }

  /// - Parameter observation: standardised; one that is not finite is passed over.
  package mutating func observe(_ observation: Double) -> Verdict {
    guard observation.isFinite else {
      return Verdict(isDrifted: false, score: .nan, threshold: threshold, count: 0)
    }
    let z = max(-4, min(4, observation))
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 3) { vector in
      vector.initialize(repeating: 0)
      (vector[0], vector[1], vector[2]) = (z, z * z, z * previous)
      sums.append(UnsafeBufferPointer(vector))
    }
    previous = z
    let n = sums.count
    guard n >= 2 * minimumSegment else {
      return Verdict(isDrifted: false, score: 0, threshold: threshold, count: n)
    }
    let total = sums.total
    let whole = Double(n) * Exactly.log(Self.variance(total[0], total[1], Double(n)))
    let correction = Self.correction(Double(n))
    var (best, length, effect, sum) = (0.0, 0, 0.0, 0.0)
    var own = 0.0
    var splits = 0
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * DyadicSums.maximumBuckets) { spreads in
      // Of both parts of every split, and their logarithms all at once.
      sums.scan { later, part in
        guard later >= minimumSegment else { return true }
        guard n - later >= minimumSegment else { return false }
        let (n1, n2) = (Double(n - later), Double(later))
        spreads.initializeElement(
          at: 3 * splits, to: Self.variance(total[0] - part[0], total[1] - part[1], n1))
        spreads.initializeElement(at: 3 * splits + 1, to: Self.variance(part[0], part[1], n2))
        spreads.initializeElement(at: 3 * splits + 2, to: n1 * n2 / Double(n))
        splits += 1
        return true
      }
      let logs = UnsafeMutableBufferPointer(rebasing: spreads[..<(3 * splits)])
      Exactly.log(logs)
      var split = 0
      sums.scan { later, part in
        guard later >= minimumSegment else { return true }
        guard split < splits else { return false }
        let (n1, n2) = (Double(n - later), Double(later))
        let (before, after, weight) = (logs[3 * split], logs[3 * split + 1], logs[3 * split + 2])
        split += 1
        let evidence = (whole - n1 * before - n2 * after) / 2
        let scale = correction - Self.correction(n1) - Self.correction(n2)
        let corrected = evidence / max(scale, 1)
        guard corrected > 0, corrected + weight > best else { return true }
        // The larger of the distance between the means and of that between the deviations' logarithms.
        let shift = abs(part[0] / n2 - (total[0] - part[0]) / n1)
        let difference = max(shift, abs(after - before) / 2)
        // A split that matters goes before one that does not, however sure.
        guard difference >= Self.relevantEffect || effect < Self.relevantEffect else { return true }
        (best, length, effect, sum) = (corrected + weight, later, difference, part[0])
        own = corrected
        return true
      }
    }
    if length > 0 {
      let (n1, n2) = (Double(n - length), Double(length))
      let means = sum * sum / n2 + (total[0] - sum) * (total[0] - sum) / n1
      let inflation = Dependence.inflation(correlation: (total[2] - means) / (total[1] - means), count: n)
      best = own / inflation + Elementary.ln(n1 * n2 / Double(n) / inflation)
    }
    let gate = Verdict.Effect(effect, threshold: Self.relevantEffect)
    return Verdict(
      isDrifted: best > threshold && gate.isRelevant, score: best, threshold: threshold, count: length,
      effect: gate, change: length > 0 ? ChangePoint(index: n - length, kind: .abrupt) : nil)
  }

  private static func variance(_ sum: Double, _ squares: Double, _ n: Double) -> Double {
    max(squares / n - (sum / n) * (sum / n), 1e-12)
  }

  /// Half of −E[n·ln σ̂²] of n standard normals, to the second order: 2·evidence of a split has mean
  /// 2·(correction(n) − correction(n₁) − correction(n₂)) with no change, and 2 for large parts.
  private static func correction(_ n: Double) -> Double {
    // E ln(χ²ₙ₋₁/n) = ψ((n − 1)/2) + ln(2/n), ψ(x) = ln x − 1/(2x) − 1/(12x²) + ….
    let (x, inverse) = ((n - 1) / 2, 1 / n)
    // ln(1 − 1/n), within 1e-9 from n = 20 on.
    let log =
      -inverse
      * (1 + inverse * (1 / 2 + inverse * (1 / 3 + inverse * (1 / 4 + inverse * (1 / 5 + inverse / 6)))))
    return n / 2 * (log - 1 / (2 * x) - 1 / (12 * x * x))
  }

  package var state: [Double] { [previous] + sums.state }

  package mutating func restore(_ state: [Double]) -> Bool {
    guard let previous = state.first, abs(previous) <= 4,
      let sums = DyadicSums(dimensions: 3, state: state[1...])
    else { return false }
    self.previous = previous
    self.sums = sums
    return true
  }
}
