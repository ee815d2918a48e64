import Statistics

/// What a stream is drawn from.
enum Scenario: String, CaseIterable {
  /// Independent standard normal values.
  case normal
  /// Independent values of Student's distribution with 3 degrees of freedom, with variance 1.
  case tails
  /// Normal values of variance 1 with autocorrelations 0.5ᵏ.
  case correlated
  /// Normal values on a wave of period 24 and amplitude 2 whose phase is drawn.
  case season
  /// Independent ones with probability .1, else zeroes.
  case rate
  /// The same with .3.
  case rate3 = "rate .3"
  /// Ones with probability .1 that repeat the value before with probability .5: autocorrelations 0.5ᵏ.
  case sticky
  /// Ones whose probability is a wave of period 24 between .02 and .18.
  case wave

  var isRate: Bool { self == .rate || self == .rate3 || self == .sticky || self == .wave }
}

/// An endless stream of rows of independent columns.
struct Stream {
  static let period = 24.0

  private let scenario: Scenario
  private let columns: Int
  private var random: SplitMix
  private var previous: [Double]
  private var phase: Double
  private var row = 0.0
  /// Added to the first column; for rates, put in place of the rate.
  var shift: Double?
  /// Of the first two columns: ρ.
  var correlation = 0.0

  init(_ scenario: Scenario, columns: Int = 1, seed: UInt64) {
    (self.scenario, self.columns) = (scenario, columns)
    random = SplitMix(seed: seed)
    // Neighbouring seeds are neighbouring places of one sequence.
    for _ in 0..<8 { random = SplitMix(seed: random.next() ^ 0x6a09_e667_f3bc_c908) }
    phase = (random.uniform() * Self.period).rounded(.down)
    previous = []
    let first = scenario.isRate ? 0.1 : 0
    for _ in 0..<columns {
      previous.append(scenario.isRate ? (random.uniform() < first ? 1 : 0) : random.normal())
    }
  }

  mutating func fill(_ values: UnsafeMutableBufferPointer<Double>) {
    for column in 0..<columns { values[column] = value(of: column) }
    if correlation != 0 {
      values[1] = correlation * values[0] + (1 - correlation * correlation).squareRoot() * values[1]
    }
    if !scenario.isRate, let shift { values[0] += shift }
    row += 1
  }

  private mutating func value(of column: Int) -> Double {
    switch scenario {
    case .normal: return random.normal()
    case .tails:
      let squares = (0..<3).reduce(0.0) { sum, _ in
        let part = random.normal()
        return sum + part * part
      }
      // The variance of t₃ is 3.
      return random.normal() / squares.squareRoot()
    case .correlated:
      previous[column] = 0.5 * previous[column] + 0.75.squareRoot() * random.normal()
      return previous[column]
    case .season: return random.normal() + 2 * cosine(2 * .pi * (row + phase) / Self.period)
    case .rate: return draw(shift ?? 0.1)
    case .rate3: return draw(shift ?? 0.3)
    case .sticky:
      if random.uniform() >= 0.5 { previous[column] = draw(shift ?? 0.1) }
      return previous[column]
    case .wave: return draw((shift ?? 0.1) * (1 + 0.8 * cosine(2 * .pi * (row + phase) / Self.period)))
    }
  }

  private mutating func draw(_ rate: Double) -> Double { random.uniform() < rate ? 1 : 0 }
}
