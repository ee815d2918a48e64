import Detection
import TestSupport
import Testing

/// Series as `tidemark detect` goes through them.
@Suite struct SeriesTests {
  private static func run(_ series: any SeriesDetector, _ rows: [[Double]]) -> [SeriesAlarm] {
    var series = series
    return rows.compactMap { row in row.withUnsafeBufferPointer { series.next($0).alarm } }
  }

  private static func run(_ series: any SeriesDetector, _ values: [Double]) -> [SeriesAlarm] {
    run(series, values.map { [$0] })
  }

  private static func wave(_ step: Int, period: Double) -> Double {
    // A parabola in each half stands for a sine, which this room does not have.
    let phase = (Double(step) / period).truncatingRemainder(dividingBy: 1) * 2
    return phase < 1 ? 4 * phase * (1 - phase) : -4 * (phase - 1) * (2 - phase)
  }

  enum Shape: String, CaseIterable { case plain, trend, remembering, season, spikes, heavy }

  private static func noise(_ shape: Shape, _ count: Int, seed: UInt64) -> [Double] {
    var random = SeededGenerator(seed: seed)
    var level = 0.0
    return (0..<count).map { step in
      let own = random.normal()
      switch shape {
      case .plain: return own
      case .trend: return own + Double(step) * 0.05
      case .remembering:
        level = 0.7 * level + own
        return level
      case .season: return own + 5 * wave(step, period: 24)
      case .spikes: return own + (step % 97 == 50 ? 15 : 0)
      case .heavy:
        let other = (0..<3).map { _ in random.normal() }
        return own / ((other[0] * other[0] + other[1] * other[1] + other[2] * other[2]) / 3).squareRoot()
      }
    }
  }

  /// One set of defaults: neither trend nor memory, season, spikes or heavy tails are changes.
  @Test(arguments: Shape.allCases) func whatIsUsualIsNoChange(shape: Shape) {
    let alarms = (1...10).map { Self.run(RealSeries(), Self.noise(shape, 800, seed: $0)).count }
    #expect(alarms.reduce(0, +) <= 2, "\(alarms)")
  }

  @Test(arguments: Shape.allCases) func aStepIsFoundWhereItIs(shape: Shape) throws {
    for seed in UInt64(21)...24 {
      var values = Self.noise(shape, 900, seed: seed)
      for step in 600..<900 { values[step] += shape == .remembering ? 8 : 4 }
      let alarm = try #require(
        Self.run(RealSeries(), values).first { $0.index >= 600 }, "seed \(seed): never")
      #expect(alarm.index < 700 && abs(alarm.change.index - 600) <= 25, "seed \(seed): \(alarm)")
    }
  }

  @Test func aChangeOfSpreadAndABendAreFound() throws {
    var random = SeededGenerator(seed: 31)
    let spread = (0..<600).map { step in random.normal() * (step < 300 ? 1 : 3) }
    #expect(try #require(Self.run(RealSeries(), spread).first).index < 360)
    let bend = (0..<600).map { step in random.normal() + (step < 300 ? 0 : 0.1 * Double(step - 300)) }
    let alarm = try #require(Self.run(RealSeries(), bend).first)
    #expect((300..<360).contains(alarm.index), "\(alarm)")
  }

  /// No alarm before row 30, whatever the values are.
  @Test func theFirstRowsRaiseNoAlarm() {
    let step = [Double](repeating: 0, count: 15) + [Double](repeating: 100, count: 200)
    let hostile = [0, .nan, .infinity, -.infinity, 1e300, -1e300, .leastNonzeroMagnitude] as [Double]
    for values in [step, (0..<300).map { hostile[$0 % hostile.count] }, [Double](repeating: 7, count: 300)] {
      let all: [any SeriesDetector] = [
        RealSeries(), ScalarSeries(GLRDetector(.mean)), AnchoredSeries.quantile(rowsPerFalseAlarm: 1e6),
        AnchoredSeries.bins(rowsPerFalseAlarm: 1e6), TableSeries(columns: 1),
      ]
      for series in all {
        for alarm in Self.run(series, values) {
          #expect(alarm.index >= SeriesStep.firstAlarm && (0...alarm.index).contains(alarm.change.index))
        }
      }
    }
    #expect(Self.run(RealSeries(), [Double](repeating: 7, count: 300)).isEmpty)
  }

  /// After an alarm the next stretch is judged by itself: each of three levels is found once.
  @Test func afterAnAlarmItStartsAnew() {
    var random = SeededGenerator(seed: 41)
    let values = (0..<1_200).map { step in random.normal() + Double(step / 400) * 5 }
    for series in [RealSeries(), ScalarSeries(GLRDetector(.mean))] as [any SeriesDetector] {
      let alarms = Self.run(series, values)
      #expect(alarms.map { ($0.change.index + 50) / 400 } == [1, 2], "\(alarms)")
    }
    // Rows are counted over stretches and missing values alike.
    let rates = (0..<3_000).map { step in
      step % 10 == 3 ? .nan : Double(step % (step < 2_000 ? 13 : 2) == 0 ? 1 : 0)
    }
    let alarm = Self.run(ScalarSeries(GLRDetector(.rate)), rates).first
    #expect(alarm.map { abs($0.change.index - 2_000) < 40 && $0.index < 2_100 } == true)
  }

  /// A change is told by its row, the rows of the baseline among those before it.
  @Test func aFixedBaselineTellsTheRow() throws {
    var random = SeededGenerator(seed: 45)
    let values = (0..<3_000).map { step in random.normal() + (step < 2_000 ? 0 : 3) }
    let rates = values.map { $0 > 1.5 ? 1.0 : 0 }
    let shares = values.map { max(0, min(1, 0.5 + $0 / 10)) }
    let cases: [(any SeriesDetector, [Double])] = [
      (AnchoredSeries.bernoulli(rowsPerFalseAlarm: 1e6), rates),
      (AnchoredSeries.bounded(rowsPerFalseAlarm: 1e6), shares),
      (AnchoredSeries.quantile(rowsPerFalseAlarm: 1e6), values),
      (AnchoredSeries.bins(rowsPerFalseAlarm: 1e6), values),
    ]
    for (series, values) in cases {
      let alarm = try #require(Self.run(series, values).first)
      #expect(
        (2_000..<2_100).contains(alarm.index) && abs(alarm.change.index - 2_000) <= 100, "\(series): \(alarm)"
      )
    }
  }

  /// Two columns whose correlation flips while every mean and variance stands still: the columns by
  /// themselves say nothing, both together do, and they are named.
  @Test func aFlippedCorrelationIsSeenByBothTogether() throws {
    for seed in UInt64(51)...53 {
      var random = SeededGenerator(seed: seed)
      let rows = (0..<900).map { step -> [Double] in
        let (x, y, other) = (random.normal(), random.normal(), random.normal())
        return [x, (step < 500 ? 0.8 : -0.8) * x + 0.6 * y, other]
      }
      for column in 0..<2 { #expect(Self.run(RealSeries(), rows.map { $0[column] }).isEmpty, "seed \(seed)") }
      let alarm = try #require(Self.run(TableSeries(columns: 3), rows).first, "seed \(seed)")
      #expect(
        (500..<720).contains(alarm.index) && abs(alarm.change.index - 500) < 60, "seed \(seed): \(alarm)")
      #expect(Set(alarm.columns.prefix(2)) == [0, 1])
    }
  }

  @Test func shapesAreToldApart() {
    var random = SeededGenerator(seed: 61)
    let noise = (0..<300).map { _ in random.normal() }
    let step = noise.enumerated().map { $1 + ($0 < 200 ? 0 : 3) }
    let ramp = noise.enumerated().map { $1 + ($0 < 200 ? 0 : 0.06 * Double($0 - 200)) }
    #expect(ChangeShape.kind(of: step[...]) == .abrupt)
    #expect(ChangeShape.kind(of: ramp[...]) == .gradual)
  }
}
