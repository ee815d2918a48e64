import Statistics

/// A change of the joint distribution of several columns, also where every column by itself stays as it was.
///
/// - Formula: the squared distance of the mean features of the two parts of a split, T = n₁n₂/n·‖φ̄₁ − φ̄₂‖², with
///   r random Fourier features φ(x) = √(2/r)·cos(ωᵀx + b), ω ~ N(0, I/h²). With no change T is about
///   g·χ²ₕ with g = tr Σ²/tr Σ and h = (tr Σ)²/tr Σ², Σ the covariance of the features (Satterthwaite 1946); the evidence is
///   Chernoff's bound on that tail, ½(x − h − h·ln(x/h)) for x = T/g, and the score the largest of that and
///   ln(n₁n₂/n), as ``GLRDetector`` has it.
/// - Defaults: r = 128, half of them of all columns and half of one pair of columns each; h² half the median of
///   squared distances of standard normal rows, which is 2·columns; Σ from the first 64 rows and again whenever their number has doubled; A = 10⁵ rows.
/// - Cost: 128 cosines of `columns` products a row and 50 splits of 128 numbers, about 10 µs. Memory: 1 KiB a bucket,
///   64 KiB at n = 10⁴, and 512 rows of features, 512 KiB.
/// - Guarantee: average run length to a false alarm of at least A on independent rows, by simulation
///   (`Tests/Benchmarks/evaluation.md`).
/// - Weakness: in many columns a change of one pair weighs little; scales other than h are seen late.
/// - Reference: Gretton et al., "A kernel two-sample test", 2012; Rahimi, Recht, "Random features for large-scale
///   kernel machines", 2007; Keriven, Garreau, Poli, "NEWMA", 2020, for features on a stream.
/// - Golden: `Tests/Golden/mmd.json`, numpy.
package struct MMDDetector: Detector {
  /// r.
  package static let features = 128
  package static let minimumBefore = 30
  package static let minimumAfter = 8
  /// Rows of which Σ is told: those of the first 64, later up to 512.
  static let firstRows = 64
  static let mostRows = 512
  static let margin = 4.5

  package typealias Observation = [Double]

  package let columns: Int
  /// ln A.
  package let logRunLength: Double
  /// ω, one run of `columns` a feature, and b.
  private let frequencies: [Double]
  private let phases: [Double]

  private var sums = DyadicSums(dimensions: features)
  /// The features of the rows that Σ is told of.
  private var kept: [Double] = []
  private var trace = 0.0
  private var traceOfSquare = 0.0
  /// How much more the mean features vary than those of independent rows would.
  private var inflation = 1.0

  /// - Parameter columns: at least 1.
  package init(columns: Int, rowsPerFalseAlarm: Double = 1e5) {
    self.columns = columns
    logRunLength = Elementary.ln(rowsPerFalseAlarm)
    // Always the same features, so that a stream gives the same answer each time.
    var random = SplitMix(seed: 0x7469_6465)
    var frequencies = [Double](repeating: 0, count: Self.features * columns)
    for feature in 0..<Self.features {
      // Every other feature looks at two columns alone: what ties two columns together would drown in many.
      let isOfPair = columns > 2 && feature % 2 == 1
      let chosen =
        isOfPair ? Self.pair(feature / 2, of: columns, &random) : Array(0..<columns)
      for column in chosen {
        frequencies[feature * columns + column] = random.normal() / Double(chosen.count).squareRoot()
      }
    }
    self.frequencies = frequencies
    phases = (0..<Self.features).map { _ in 2 * Double.pi * random.uniform() }
  }

  /// All pairs in turn while there are no more than features for them, else pairs at random.
  private static func pair(_ number: Int, of columns: Int, _ random: inout SplitMix) -> [Int] {
    let pairs = columns * (columns - 1) / 2
    var place = pairs <= features / 2 ? number % pairs : Int(random.next() % UInt64(pairs))
    var first = 0
    while place >= columns - 1 - first {
      place -= columns - 1 - first
      first += 1
    }
    return [first, first + 1 + place]
  }

  /// What the score must exceed.
  package var threshold: Double { logRunLength + Self.margin }

  /// Rows taken.
  package var count: Int { sums.count }

  /// - Parameter observation: a row of about standard normal values; one with a value that is not finite is
  ///   passed over.
  package mutating func observe(_ observation: [Double]) -> Verdict {
    observation.withUnsafeBufferPointer { observe($0) }
  }

  /// - Precondition: as many values as columns.
  package mutating func observe(_ row: UnsafeBufferPointer<Double>) -> Verdict {
    precondition(row.count == columns)
    guard row.allSatisfy(\.isFinite) else {
      return Verdict(isDrifted: false, score: .nan, threshold: threshold, count: 0)
    }
    withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.features) { features in
      features.initialize(repeating: 0)
      cosines(
        of: row, frequencies: frequencies, phases: phases, scale: (2 / Double(Self.features)).squareRoot(),
        into: features)
      sums.append(UnsafeBufferPointer(features))
      if kept.count < Self.mostRows * Self.features { kept.append(contentsOf: features) }
    }
    let n = sums.count
    if n >= Self.firstRows, n <= Self.mostRows, n & (n - 1) == 0 { learnSpread() }
    guard n >= Self.firstRows else {
      return Verdict(isDrifted: false, score: 0, threshold: threshold, count: n)
    }
    var score = 0.0
    var length = 0
    let total = sums.total
    sums.scan { later, part in
      guard later >= Self.minimumAfter else { return true }
      guard n - later >= Self.minimumBefore else { return false }
      let (n1, n2) = (Double(n - later), Double(later))
      // φ̄₂ − φ̄₁ = part·(1/n₂ + 1/n₁) − total/n₁.
      let squared = squaredDistance(part, times: 1 / n2 + 1 / n1, total, times: 1 / n1)
      let distance = n1 * n2 / Double(n) * squared
      let evidence = evidence(distance / inflation)
      guard evidence > 0 else { return true }
      let found = evidence + Elementary.ln(max(1, n1 * n2 / Double(n) / inflation))
      if found > score { (score, length) = (found, later) }
      return true
    }
    return Verdict(
      isDrifted: score > threshold, score: score, threshold: threshold, count: length,
      change: length > 0 ? ChangePoint(index: n - length, kind: .abrupt) : nil)
  }

  private func evidence(_ distance: Double) -> Double {
    // Rows that were all alike: any distance beyond rounding is a change, as sure as there are rows.
    guard trace > 1e-9, traceOfSquare > 0 else { return distance > 1e-6 ? Double(sums.count) : 0 }
    let degrees = trace * trace / traceOfSquare
    let x = distance * trace / traceOfSquare
    guard x > degrees else { return 0 }
    return (x - degrees - degrees * Elementary.ln(x / degrees)) / 2
  }

  /// tr Σ and tr Σ² of the rows so far, by their products with one another, and the sum of the
  /// autocorrelations that are beyond chance (Geyer's initial positive sequence, 1992).
  private mutating func learnSpread() {
    let rows = kept.count / Self.features
    var mean = [Double](repeating: 0, count: Self.features)
    for row in 0..<rows {
      for index in 0..<Self.features { mean[index] += kept[row * Self.features + index] / Double(rows) }
    }
    var own = 0.0
    var squares = 0.0
    var byLag = [Double](repeating: 0, count: rows)
    kept.withUnsafeBufferPointer { kept in
      for first in 0..<rows {
        for second in first..<rows {
          let product = centredProduct(kept, rows: first, second, around: mean)
          if first == second { own += product } else { squares += product * product }
          byLag[second - first] += product
        }
      }
    }
    trace = own / Double(rows - 1)
    traceOfSquare = squares / (Double(rows) * Double(rows - 1) / 2)
    inflation = 1
    let least = 2 / (trace * trace / traceOfSquare * Double(rows)).squareRoot()
    for lag in 1..<rows / 4 {
      let correlation = byLag[lag] / own
      guard correlation > max(least, Dependence.negligible) else { break }
      inflation += 2 * correlation
    }
  }

  package var state: [Double] { [trace, traceOfSquare, inflation, Double(kept.count)] + kept + sums.state }

  package mutating func restore(_ state: [Double]) -> Bool {
    guard state.count >= 4, let count = Int(exactly: state[3]), count >= 0, count % Self.features == 0,
      count <= Self.mostRows * Self.features, state.count >= 4 + count,
      let sums = DyadicSums(dimensions: Self.features, state: state[(4 + count)...]),
      state[..<4].allSatisfy({ $0.isFinite && $0 >= 0 }), state[2] >= 1
    else { return false }
    (trace, traceOfSquare, inflation) = (state[0], state[1], state[2])
    kept = Array(state[4..<4 + count])
    self.sums = sums
    return true
  }
}
