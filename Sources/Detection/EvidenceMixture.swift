import Statistics

/// A mixture of Shiryaev–Roberts e-detectors with the start of each one's run: what the anchored detectors
/// have in common.
///
/// - Formula: ln M_j ← min(ln(1 + M_j) + Δ_j, C), with Δ_j the logarithm of an e-value of the newest
///   observation; evidence ln Σ w_j M_j with equal weights. The ceiling C = ln A + 10 lets an alarm end soon
///   after its cause has, however long it stood: it only ever lowers M, so what holds of M holds.
/// - Guarantee: the average run length to evidence ≥ ln A is at least A updates, with no simulation and no
///   independence, as long as each e^Δ has mean at most 1 given the past.
/// - Change point: beside M_j a CUSUM S_j ← min(max(S_j, 0) + Δ_j, C); the run of the component that weighs
///   most began where its S was last at most 0, the most likely place under that component.
/// - Cost: two logarithms and an exponential a component and update, about 45 ns; memory 80 bytes a component.
/// - Source: Shin, Ramdas, Rinaldo, "E-detectors", arXiv 2203.03532; Page, "Continuous inspection schemes",
///   1954.
struct EvidenceMixture: Sendable, Equatable {
  /// What was seen of one run: `sum` over `weight`, which is the mean.
  struct Tally: Sendable, Equatable {
    var sum = 0.0
    var weight = 0.0

    var mean: Double { sum / weight }
    /// The weight as a number of cases.
    var count: Int { Int(min(weight, 0x1p53)) }
  }

  struct Component: Sendable, Equatable {
    /// ln M.
    var evidence = -Double.infinity
    /// The CUSUM.
    var run = 0.0
    /// The first observation of the run.
    var start = 0
    var tally = Tally()
    /// The run's tally after 2^(k−1) observations and after 2^k, with 2^k the largest power of 2 that it has
    /// reached: the first is of its first quarter to half.
    var early = Tally()
    var middle = Tally()
  }

  /// Nats above ln A that evidence rises to.
  static let headroom = 10.0
  /// Of a run's later part over its early one, in standard deviations: beyond it a step is not believed. A
  /// step alone gets there in 1 % of runs.
  static let rampDeviate = 2.326

  /// ln A.
  let threshold: Double
  private(set) var components: [Component]
  /// Observations so far.
  private(set) var observed = 0
  /// ln Σ w_j M_j; −∞ before the first observation.
  private(set) var evidence = -Double.infinity
  /// The component that weighs most; the first of equal ones.
  private(set) var heaviest = 0
  private let lnCount: Double

  /// - Parameters:
  ///   - averageRunLength: A; at least 1.
  ///   - components: at least 1.
  init(components: Int, averageRunLength: Double) {
    precondition(components > 0)
    threshold = Elementary.ln(max(1, averageRunLength))
    self.components = Array(repeating: Component(), count: components)
    lnCount = Elementary.ln(Double(components))
  }

  /// Takes what the newest observation says to one component; every component once, then ``advance()``.
  ///
  /// - Parameters:
  ///   - gain: ln of the observation's e-value; finite.
  ///   - sum: what is added to the component's tally, a mean of which says how large the change is.
  ///   - weight: how many cases that is.
  mutating func add(_ gain: Double, to index: Int, sum: Double, weight: Double) {
    let ceiling = threshold + Self.headroom
    var component = components[index]
    component.evidence = min(Elementary.softplus(component.evidence) + gain, ceiling)
    if component.run <= 0 {
      component.run = 0
      component.start = observed
      (component.tally, component.early, component.middle) = (Tally(), Tally(), Tally())
    }
    component.run = min(component.run + gain, ceiling)
    component.tally.sum += sum
    component.tally.weight += weight
    let length = observed - component.start + 1
    if length & (length - 1) == 0 {
      (component.early, component.middle) = (component.middle, component.tally)
    }
    components[index] = component
  }

  /// The newest observation has been told to all components.
  mutating func advance() {
    observed += 1
    weigh()
  }

  private mutating func weigh() {
    heaviest = 0
    for index in components.indices where components[index].evidence > components[heaviest].evidence {
      heaviest = index
    }
    let largest = components[heaviest].evidence
    guard largest > -.infinity else {
      evidence = largest
      return
    }
    var sum = 0.0
    for component in components { sum += Elementary.exp(component.evidence - largest) }
    evidence = largest + Elementary.ln(sum) - lnCount
  }

  /// Where the run of a component began, and whether its mean went on rising: a ramp when the later part's
  /// mean exceeds the early one's by ``rampDeviate`` standard deviations of values from 0 to 1, whose variance
  /// is at most p(1 − p); else a step, as also when the run is too short to tell.
  func change(of index: Int) -> ChangePoint {
    let component = components[index]
    let early = component.early
    let late = Tally(
      sum: component.tally.sum - early.sum, weight: component.tally.weight - early.weight)
    var kind = ChangePoint.Kind.abrupt
    if early.weight > 0, late.weight > 0 {
      let mean = component.tally.mean
      let variance = mean * (1 - mean) * (1 / early.weight + 1 / late.weight)
      let rise = late.mean - early.mean
      if rise > 0, rise * rise > Self.rampDeviate * Self.rampDeviate * variance { kind = .gradual }
    }
    return ChangePoint(index: component.start, kind: kind)
  }

  // MARK: State

  private static let numbers = 9
  /// More than anybody observes, and far from overflow.
  private static let mostObserved = 1 << 53

  /// Numbers in ``state``.
  var stateCount: Int { 1 + Self.numbers * components.count }

  var state: [Double] {
    var state = [Double(observed)]
    state.reserveCapacity(stateCount)
    for component in components {
      state += [component.evidence, component.run, Double(component.start)]
      for tally in [component.tally, component.early, component.middle] {
        state += [tally.sum, tally.weight]
      }
    }
    return state
  }

  mutating func restore(_ state: some RandomAccessCollection<Double>) -> Bool {
    let numbers = Array(state)
    guard numbers.count == stateCount, let observed = Int(exactly: numbers[0]),
      (0...Self.mostObserved).contains(observed)
    else {
      return false
    }
    var restored: [Component] = []
    for first in stride(from: 1, to: numbers.count, by: Self.numbers) {
      let part = numbers[first..<first + Self.numbers]
      guard part[first] < .infinity, part.dropFirst().allSatisfy(\.isFinite),
        part.dropFirst(3).allSatisfy({ $0 >= 0 }), let start = Int(exactly: part[first + 2]), start >= 0,
        start <= observed
      else { return false }
      func tally(_ place: Int) -> Tally { Tally(sum: part[first + place], weight: part[first + place + 1]) }
      restored.append(
        Component(
          evidence: part[first], run: part[first + 1], start: start, tally: tally(3), early: tally(5),
          middle: tally(7)))
    }
    (self.observed, components) = (observed, restored)
    weigh()
    return true
  }
}
