import Statistics

/// A series of one column that is held to a fixed baseline: the first rows of the stretch.
package struct AnchoredSeries<Anchored: Detector>: SeriesDetector {
  /// What a lesson comes to: a detector, and what a value is to it.
  package typealias Watching = (detector: Anchored, observation: @Sendable (Double) -> Anchored.Observation)

  private let rows: Int
  private let learn: @Sendable ([Double]) -> Watching
  private var lesson: [Double] = []
  private var watching: Watching?
  private var stretch = RecentValues()
  /// The row of each value, since missing ones are passed over.
  private var places = RecentValues()
  private var row = 0

  /// - Parameters:
  ///   - rows: of the baseline.
  ///   - learn: makes a detector of so many finite values.
  package init(rows: Int, _ learn: @escaping @Sendable ([Double]) -> Watching) {
    (self.rows, self.learn) = (rows, learn)
  }

  package mutating func next(_ row: UnsafeBufferPointer<Double>) -> SeriesStep { next(row[0]) }

  package mutating func next(_ value: Double) -> SeriesStep {
    defer { row += 1 }
    guard value.isFinite else { return SeriesStep(evidence: 0) }
    stretch.append(value)
    places.append(Double(row))
    guard watching != nil else {
      lesson.append(value)
      if lesson.count == rows {
        watching = learn(lesson)
        lesson = []
      }
      return SeriesStep(evidence: 0)
    }
    let verdict = watching!.detector.observe(watching!.observation(value))
    let evidence = verdict.score.isFinite ? max(0, verdict.score) : 0
    guard verdict.isDrifted, row >= SeriesStep.firstAlarm else { return SeriesStep(evidence: evidence) }
    let alarm = SeriesAlarm.told(
      at: row, evidence: evidence, (verdict.change?.index ?? 0) + rows, stretch, places)
    startAnew()
    return SeriesStep(evidence: evidence, alarm: alarm)
  }

  package mutating func startAnew() {
    (lesson, watching) = ([], nil)
    stretch.removeAll(from: 0)
    places.removeAll(from: 0)
  }
}

/// Two views of one series: an alarm of either is an alarm, and both start anew.
package struct EitherSeries: SeriesDetector {
  private var first: any SeriesDetector
  private var second: any SeriesDetector

  package init(_ first: any SeriesDetector, _ second: any SeriesDetector) {
    (self.first, self.second) = (first, second)
  }

  package mutating func next(_ row: UnsafeBufferPointer<Double>) -> SeriesStep {
    let (a, b) = (first.next(row), second.next(row))
    guard a.alarm != nil || b.alarm != nil else { return SeriesStep(evidence: max(a.evidence, b.evidence)) }
    startAnew()
    return a.alarm == nil ? b : a
  }

  package mutating func startAnew() {
    first.startAnew()
    second.startAnew()
  }
}

extension AnchoredSeries {
  /// How much more a mean of these values varies than of independent ones.
  static func dependence(of values: [Double]) -> Double {
    let n = Double(values.count)
    let mean = values.reduce(0, +) / n
    var (products, squares) = (0.0, 0.0)
    for (value, next) in zip(values, values.dropFirst()) { products += (value - mean) * (next - mean) }
    for value in values { squares += (value - mean) * (value - mean) }
    return Dependence.inflation(correlation: squares > 0 ? products / squares : 0, count: values.count)
  }
}

extension AnchoredSeries<BernoulliDetector> {
  /// Row 1: rises of a rate of zeroes and ones above that of the first 1,000 rows, with Wilson's allowance for
  /// what those cannot tell. Evidence of dependent rows is divided by (1 + ρ̂)/(1 − ρ̂).
  package static func bernoulli(rows: Int = 1_000, rowsPerFalseAlarm: Double) -> Self {
    Self(rows: rows) { values in
      let reference = ReferenceRate(events: values.reduce(0, +), trials: Double(values.count))
      let share = 1 / dependence(of: values)
      let detector = BernoulliDetector(reference: reference, averageRunLength: rowsPerFalseAlarm)
      return (detector, { BernoulliDetector.Observation(events: $0 * share, trials: share) })
    }
  }
}

extension AnchoredSeries<BoundedMeanDetector> {
  /// Row 2: the mean of values that lie between 0 and 1, to either side of that of the first 200 rows, three
  /// standard errors allowed.
  package static func bounded(rows: Int = 200, rowsPerFalseAlarm: Double) -> Self {
    Self(rows: rows) { values in
      let n = Double(values.count)
      let mean = values.reduce(0, +) / n
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      let error = (squares / n / n * dependence(of: values)).squareRoot()
      return (
        BoundedMeanDetector(mean: mean, tolerance: 3 * error, averageRunLength: rowsPerFalseAlarm), { $0 }
      )
    }
  }
}

extension AnchoredSeries<QuantileDetector> {
  /// Row 6: values above the median, the 95th and the 99th percentile of the first 200 rows.
  package static func quantile(rows: Int = 200, rowsPerFalseAlarm: Double) -> Self {
    Self(rows: rows) { values in
      // Of finite values, of which there are some: there always are quantiles.
      let quantiles = ReferenceQuantiles(of: values)!
      return (
        QuantileDetector(quantiles: quantiles, averageRunLength: rowsPerFalseAlarm),
        { value in
          var observation = QuantileDetector.Observation()
          observation.add(value, quantiles)
          return observation
        }
      )
    }
  }
}

extension AnchoredSeries<BinnedColumnDetector> {
  /// Row 5: the distribution of values, against that of the first 200 rows.
  package static func bins(rows: Int = 200, rowsPerFalseAlarm: Double) -> Self {
    Self(rows: rows) { values in
      let reference = ReferenceBins(sample: values)
      let detector = BinnedColumnDetector(
        reference, dependence: dependence(of: values),
        settings: .init(batchesPerFalseAlarm: rowsPerFalseAlarm))
      return (detector, { reference.count([$0]) })
    }
  }
}
