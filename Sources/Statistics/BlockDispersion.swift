/// How much more a count of events varies from block to block than that of independent cases would: what
/// autocorrelation, or a rate that wavers, makes of a binomial.
///
/// - Formula: D = Σ(k − n·p̂)²/(n·p̂(1 − p̂))/(B − 1) over B blocks of at least 20 cases (Pearson's statistic;
///   McCullagh, Nelder, "Generalized linear models", 1989, 4.5). Cases that follow one another with a correlation ρᵏ
///   have D near (1 + ρ)/(1 − ρ) when blocks are long beside it.
/// - Cost: O(1) a batch; memory 48 bytes.
package struct BlockDispersion: Sendable, Equatable {
  /// Cases that close a block.
  package static let blockCases = 20.0
  /// Beyond so many standard errors, √(2/(B − 1)), D is more than chance.
  static let deviate = 2.0

  private var blocks = 0.0
  private var squares = 0.0
  private var events = 0.0
  private var cases = 0.0
  private var openEvents = 0.0
  private var openCases = 0.0

  package init() {}

  /// Takes a batch of events in cases.
  package mutating func add(events: Double, cases: Double) {
    openEvents += events
    openCases += cases
    guard openCases >= Self.blockCases else { return }
    blocks += 1
    squares += openEvents * openEvents / openCases
    self.events += openEvents
    self.cases += openCases
    (openEvents, openCases) = (0, 0)
  }

  /// D where it is more than chance, else 1; and then its upper bound, D(1 + 2√(2/(B − 1))): it is an estimate, and
  /// large deviations of cases that come in runs are likelier than their variance says.
  package var value: Double {
    guard blocks >= 3, events > 0, events < cases else { return 1 }
    let rate = events / cases
    let statistic = (squares - rate * events) / (rate * (1 - rate))
    let dispersion = statistic / (blocks - 1)
    let allowance = 1 + Self.deviate * (2 / (blocks - 1)).squareRoot()
    return dispersion > allowance ? dispersion * allowance : 1
  }

  /// The whole as numbers, for ``init(state:)``.
  package var state: [Double] { [blocks, squares, events, cases, openEvents, openCases] }

  /// Nil when none can have had this state.
  package init?(state: [Double]) {
    guard state.count == 6, state.allSatisfy({ $0.isFinite && $0 >= 0 }), state[2] <= state[3],
      state[4] <= state[5]
    else { return nil }
    (blocks, squares, events) = (state[0], state[1], state[2])
    (cases, openEvents, openCases) = (state[3], state[4], state[5])
  }
}
