import Detection
import Statistics

/// A detector as the evaluation sees it: rows in, and which promises this row would have broken out.
protocol Subject {
  /// - Returns: ln of the largest run length at which it would alarm at this row; −∞ for none.
  mutating func next(_ row: UnsafeBufferPointer<Double>) -> Double
}

/// How a subject is made, and what it needs.
struct Recipe: Sendable {
  let name: String
  var columns = 1
  /// Rows that it is given before the stream.
  var referenceRows = 0
  /// Rows of one observation, in which its run length is counted.
  var rowsPerObservation = 1
  /// Whether the answer to one run length tells nothing of another: it alarms or not.
  var isMadeForRunLength = false
  var isOfRates = false
  let make: @Sendable (_ runLength: Double, _ reference: [Double]) -> any Subject

  static let all: [Recipe] = [
    Recipe(name: "detect rates", isMadeForRunLength: true, isOfRates: true) { length, _ in
      // Shares of the false alarms as `tidemark detect` has them: of 1/(2.8·10⁵) one in 14 is the split's.
      Series(
        series: EitherSeries(
          ScalarSeries(
            GLRDetector(.rate, shareOfFalls: 0.1, observationsPerFalseAlarm: length * (4e6 / 3e5 + 1))),
          AnchoredSeries<BernoulliDetector>.bernoulli(rowsPerFalseAlarm: length * (3e5 / 4e6 + 1))))
    },
    Recipe(name: "glr rate", isOfRates: true) { _, _ in
      learning(GLRDetector(.rate, observationsPerFalseAlarm: 1))
    },
    Recipe(name: "glr mean") { _, _ in learning(GLRDetector(.mean, observationsPerFalseAlarm: 1)) },
    Recipe(name: "meanvar alone") { _, _ in learning(MeanVarianceDetector(observationsPerFalseAlarm: 1)) },
    Recipe(name: "meanvar alone, reference", referenceRows: 1_000) { _, reference in
      let (mean, deviation) = moments(of: reference)
      return learning(MeanVarianceDetector(observationsPerFalseAlarm: 1)) { ($0 - mean) / deviation }
    },
    Recipe(name: "meanvar", isMadeForRunLength: true) { length, _ in
      Series(series: RealSeries(rowsPerFalseAlarm: length))
    },
    Recipe(name: "mmd alone", columns: 4) { _, _ in Table() },
    Recipe(name: "mmd", columns: 4, isMadeForRunLength: true) { length, _ in
      Series(series: TableSeries(columns: 4, rowsPerFalseAlarm: length))
    },
    bernoulli(isReferenceKnown: true), bernoulli(isReferenceKnown: false), bounded, quantile, tail,
    bins(rows: 1_000), bins(rows: 100), bins(rows: 8),
  ]

  /// - Parameter standardised: in the units that the detector wants.
  static func learning<D: Detector>(
    _ detector: D, standardised: @escaping (Double) -> Double = { $0 }
  ) -> any Subject where D.Observation == Double {
    Single(detector: detector) { standardised($0) }
  }

  static func moments(of values: [Double]) -> (mean: Double, deviation: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (mean, (squares / Double(values.count)).squareRoot())
  }
}

/// A detector of single values. It was made for a run length of 1, ln A = 0, so that its evidence less its
/// threshold is the largest ln A that alarms.
struct Single<D: Detector>: Subject {
  var detector: D
  let observation: (Double) -> D.Observation

  mutating func next(_ row: UnsafeBufferPointer<Double>) -> Double {
    level(detector.observe(observation(row[0])))
  }
}

/// - Returns: what `verdict` exceeds its threshold by; −∞ where the practical gate is shut or nothing was scored.
func level(_ verdict: Verdict) -> Double {
  guard verdict.score.isFinite, verdict.effect?.isRelevant ?? true else { return -.infinity }
  return verdict.score - verdict.threshold
}

struct Table: Subject {
  private var detector = MMDDetector(columns: 4, rowsPerFalseAlarm: 1)

  mutating func next(_ row: UnsafeBufferPointer<Double>) -> Double { level(detector.observe(row)) }
}

/// What `tidemark detect` runs. A season that is found instead of an alarm depends on the threshold, so the
/// answer holds for the run length that it was made for alone.
struct Series<S: SeriesDetector>: Subject {
  var series: S

  mutating func next(_ row: UnsafeBufferPointer<Double>) -> Double {
    series.next(row).alarm == nil ? -.infinity : .infinity
  }
}
