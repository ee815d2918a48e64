import Statistics

/// Whether a value lies so far in the upper tail that it was to be expected less than once in 1/q values.
///
/// - Formula: excesses y over t, the reference's quantile at `level`, follow a generalised Pareto law with
///   shape γ and scale σ; z = t + (σ/γ)·((q·n/N)^−γ − 1) with N of n values above t, and t − σ·ln(q·n/N) for
///   γ = 0. A value above z alarms and is not learned from; one above t is a further excess. γ and σ are those
///   of greatest likelihood with γ ≥ 0, a search over θ = γ/σ with γ(θ) = mean ln(1 + θy) (Grimshaw 1993).
/// - Defaults: level .98; q = 10⁻⁴; the last 192 excesses are kept, and fitted again after every eighth.
/// - Cost: O(1) a value and some 100 µs for each eighth excess, about 350 ns a value on average; memory 1.6 KiB.
/// - Guarantee: none for a finite sample; about q a value for an unchanging stream with such a tail. A tail
///   that ends (γ < 0) is taken as exponential, and alarms less often.
/// - Weakness: each value stands alone: a stream that is slow alarms again and again, and one that becomes
///   slow little by little teaches it its tail.
/// - Reference: Siffer et al., "Anomaly detection in streams with extreme value theory" (SPOT), KDD 2017.
/// - Golden: `Tests/Golden/tail.json`.
package struct TailThreshold: Detector {
  package typealias Observation = Double

  package static let level = 0.98
  package static let risk = 1e-4
  /// Excesses kept: 1.5 KiB.
  package static let maximumExcesses = 192
  private static let refitEvery = 8

  /// q: the share of values above the threshold.
  package let risk: Double
  /// t.
  package let base: Double
  /// The last excesses over t, in a ring whose oldest stands at `learned` modulo its length once it is full.
  private var excesses: [Double] = []
  /// Excesses ever, N, and values ever, n.
  private var learned = 0
  private var values = 0
  /// z.
  package private(set) var threshold = Double.infinity

  /// - Parameter reference: values without change; those that are not finite are missing. Without any,
  ///   nothing alarms.
  package init(reference: [Double], level: Double = Self.level, risk: Double = Self.risk) {
    self.risk = risk
    let sorted = ReferenceQuantiles.sorted(reference)
    base = ReferenceQuantiles.quantile(level, ofSorted: sorted)
    values = sorted.count
    for value in reference where value.isFinite && value > base { keep(value - base) }
    refit()
  }

  /// A value that is not finite is missing, and observes nothing.
  package mutating func observe(_ observation: Double) -> Verdict {
    guard observation.isFinite else {
      return Verdict(isDrifted: false, score: .nan, threshold: threshold, count: 0)
    }
    let verdict = Verdict(
      isDrifted: observation > threshold, score: observation, threshold: threshold, count: 1)
    if verdict.isDrifted { return verdict }
    values += 1
    if observation > base {
      keep(observation - base)
      if learned % Self.refitEvery == 0 { refit() }
    }
    return verdict
  }

  private mutating func keep(_ excess: Double) {
    if excesses.count < Self.maximumExcesses {
      excesses.append(excess)
    } else {
      excesses[learned % Self.maximumExcesses] = excess
    }
    learned += 1
  }

  private mutating func refit() {
    guard let tail = Self.fit(excesses) else {
      // No excess: the reference is constant in its tail, and whatever exceeds it is out of it.
      threshold = values > 0 ? base.nextUp : .infinity
      return
    }
    let ratio = min(1, risk * Double(values) / Double(learned))
    let distance =
      tail.shape > 0
      ? tail.scale / tail.shape * (Elementary.exp(-tail.shape * Elementary.ln(ratio)) - 1)
      : -tail.scale * Elementary.ln(ratio)
    threshold = base + distance
  }

  /// Shape γ ≥ 0 and scale σ of greatest likelihood; nil without an excess.
  ///
  /// With y in units of its mean, the profile −(ln(γ/θ) + γ + 1) is searched at 33 places of ln θ from −7 to 9
  /// and then by golden sections around the best, and compared with the exponential law's −1.
  package static func fit(_ excesses: [Double]) -> (shape: Double, scale: Double)? {
    let mean = excesses.reduce(0, +) / Double(excesses.count)
    guard mean > 0, mean.isFinite else { return nil }
    func shape(_ theta: Double) -> Double {
      excesses.reduce(0) { $0 + Elementary.ln1p(theta * ($1 / mean)) } / Double(excesses.count)
    }
    func likelihood(_ logTheta: Double) -> Double {
      let shape = shape(Elementary.exp(logTheta))
      return -(Elementary.ln(shape) - logTheta + shape + 1)
    }
    let step = 0.5
    var best = (place: -7.0, value: likelihood(-7))
    for place in stride(from: -6.5, through: 9, by: step) {
      let value = likelihood(place)
      if value > best.value { best = (place, value) }
    }
    var (low, high) = (best.place - step, best.place + step)
    let section = 0.6180339887498949
    var (left, right) = (high - section * (high - low), low + section * (high - low))
    var (leftValue, rightValue) = (likelihood(left), likelihood(right))
    for _ in 0..<40 {
      if leftValue > rightValue {
        (high, right, rightValue) = (right, left, leftValue)
        left = high - section * (high - low)
        leftValue = likelihood(left)
      } else {
        (low, left, leftValue) = (left, right, rightValue)
        right = low + section * (high - low)
        rightValue = likelihood(right)
      }
    }
    let place = (low + high) / 2
    guard likelihood(place) > -1 else { return (0, mean) }
    let theta = Elementary.exp(place)
    let found = shape(theta)
    return (found, found / theta * mean)
  }

  package var state: [Double] { [Double(values), Double(learned), threshold] + excesses }

  package mutating func restore(_ state: [Double]) -> Bool {
    guard state.count >= 3, let values = Int(exactly: state[0]), let learned = Int(exactly: state[1]),
      (0...1 << 53).contains(values), learned >= 0, learned <= values, !state[2].isNaN,
      state.count - 3 == min(learned, Self.maximumExcesses),
      state.dropFirst(3).allSatisfy({ $0 > 0 && $0.isFinite })
    else { return false }
    (self.values, self.learned, threshold) = (values, learned, state[2])
    excesses = Array(state.dropFirst(3))
    return true
  }
}

extension DetectorCatalog.Entry {
  static let tail = DetectorCatalog.Entry(
    name: "tail", summary: "a value beyond all but a few of the upper tail (SPOT)", golden: "tail.json"
  ) { baseline in
    // A batch by its largest value, which is one of 30; fewer alarms than one in a million.
    EachProbe(detector: TailThreshold(reference: baseline, risk: 1e-7)) { $0 }
  }
}
