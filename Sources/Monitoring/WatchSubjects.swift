import Detection
import Events
import Statistics

// What preset `standard` watches: right answers of checked ones, means of bounded figures, latencies.

/// Right answers among checked ones.
struct CountedAccuracy: WatchSubject {
  /// Cases that a reference is learned from: Wilson's bound is then within 1.6 points of a rate of 5 %.
  static let casesToLearn = 1_000
  /// Of an expected accuracy that was stated without its cases, what it may be off by.
  static let tolerance = 0.01

  enum Reference: Sendable, Equatable {
    /// Errors in cases, and how many cases say as much as an independent one.
    case counted(ReferenceRate, dependence: Double)
    /// An error rate.
    case stated(Double)

    var rate: Double {
      switch self {
      case .counted(let counted, _): counted.value
      case .stated(let rate): rate
      }
    }
  }

  let averageRunLength: Double
  let minimumEffect: Double

  static func reference(_ counts: CaseCounts?, accuracy: Double?) -> Reference? {
    if let counts, counts.total > 0 {
      // Of one figure nothing can be told of how its cases hang together.
      return .counted(
        ReferenceRate(events: counts.total - counts.correct, trials: counts.total), dependence: 1)
    }
    return accuracy.map { .stated(1 - min(max($0, 0), 1)) }
  }

  /// Errors in cases so far, and how they waver.
  struct Lesson: Sendable {
    var rate = ReferenceRate(events: 0, trials: 0)
    var dispersion = BlockDispersion()
  }

  var emptyLesson: Lesson { Lesson() }

  func learn(_ sample: CaseCounts, into lesson: inout Lesson) -> Reference? {
    let errors = sample.total - sample.correct
    lesson.rate = ReferenceRate(
      events: lesson.rate.events + errors, trials: lesson.rate.trials + sample.total)
    lesson.dispersion.add(events: errors, cases: sample.total)
    return lesson.rate.trials >= Double(Self.casesToLearn)
      ? .counted(lesson.rate, dependence: lesson.dispersion.value) : nil
  }

  func progress(of lesson: Lesson) -> (seen: Int, wanted: Int) {
    (Int(lesson.rate.trials), Self.casesToLearn)
  }

  func detector(against reference: Reference) -> BernoulliDetector {
    switch reference {
    case .counted(let counted, let dependence):
      BernoulliDetector(
        reference: ReferenceRate(
          events: counted.events / dependence, trials: counted.trials / dependence),
        averageRunLength: averageRunLength, minimumEffect: minimumEffect)
    case .stated(let rate):
      BernoulliDetector(
        bound: rate + Self.tolerance, referenceRate: rate, averageRunLength: averageRunLength,
        minimumEffect: minimumEffect)
    }
  }

  func observation(of sample: CaseCounts, against reference: Reference) -> BernoulliDetector.Observation {
    // Evidence is linear in both, so this divides it.
    var dependence = 1.0
    if case .counted(_, let learned) = reference { dependence = learned }
    return .init(events: (sample.total - sample.correct) / dependence, trials: sample.total / dependence)
  }

  /// Accuracy since the change, and the expected one.
  func figures(
    of verdict: Verdict, _ detector: BernoulliDetector, _ reference: Reference
  ) -> (Double, Double) {
    (1 - reference.rate - (verdict.effect?.value ?? 0), 1 - reference.rate)
  }

  func encode(_ reference: Reference, to writer: inout StateWriter) {
    switch reference {
    case .counted(let counted, let dependence):
      writer.write(true)
      writer.write(counted.events)
      writer.write(counted.trials)
      writer.write(dependence)
    case .stated(let rate):
      writer.write(false)
      writer.write(rate)
    }
  }

  func reference(from reader: inout StateReader) throws(StateError) -> Reference {
    guard try reader.readBool() else {
      let rate = try reader.readDouble()
      guard rate >= 0, rate <= 1 else { throw StateError("an error rate of \(rate)") }
      return .stated(rate)
    }
    let counted = try Self.rate(from: &reader)
    let dependence = try reader.readDouble()
    guard counted.trials > 0, dependence >= 1, dependence.isFinite else {
      throw StateError("a reference without cases")
    }
    return .counted(counted, dependence: dependence)
  }

  func encode(_ lesson: Lesson, to writer: inout StateWriter) {
    writer.write(lesson.rate.events)
    writer.write(lesson.rate.trials)
    writer.write(lesson.dispersion.state)
  }

  func lesson(from reader: inout StateReader) throws(StateError) -> Lesson {
    let rate = try Self.rate(from: &reader)
    guard let dispersion = BlockDispersion(state: try reader.readDoubles()) else {
      throw StateError("a damaged dispersion")
    }
    return Lesson(rate: rate, dispersion: dispersion)
  }

  private static func rate(from reader: inout StateReader) throws(StateError) -> ReferenceRate {
    let (events, trials) = (try reader.readDouble(), try reader.readDouble())
    guard events >= 0, events <= trials, trials < 0x1p62 else {
      throw StateError("\(events) errors in \(trials) cases")
    }
    return ReferenceRate(events: events, trials: trials)
  }
}

/// The mean of a figure within a range: a business metric, or an accuracy that comes without its cases.
struct BoundedFigure: WatchSubject {
  /// Values that a reference is learned from.
  static let valuesToLearn = 100
  /// Standard errors of a learned mean that are no change, beside the tolerance: 1 % of references are
  /// further off on one side.
  static let deviate = 2.326
  /// A share of the range.
  static let tolerance = 0.01

  /// Within 0 to 1.
  struct Reference: Sendable, Equatable {
    var mean: Double
    var tolerance: Double
  }

  /// Welford's running mean and sum of squared distances from it.
  struct Lesson: Sendable {
    var count = 0.0
    var mean = 0.0
    var squares = 0.0
  }

  let settings: MetricSettings
  let averageRunLength: Double
  let minimumEffect: Double

  private var ownTolerance: Double { settings.tolerance.map { $0 / settings.width } ?? Self.tolerance }

  /// Of a mean that was stated, in the figure's own unit.
  func reference(stated mean: Double) -> Reference {
    Reference(mean: min(max(settings.scaled(mean), 0), 1), tolerance: ownTolerance)
  }

  var emptyLesson: Lesson { Lesson() }

  func learn(_ sample: Double, into lesson: inout Lesson) -> Reference? {
    guard sample.isFinite else { return nil }
    let value = min(max(settings.scaled(sample), 0), 1)
    lesson.count += 1
    let distance = value - lesson.mean
    lesson.mean += distance / lesson.count
    lesson.squares += distance * (value - lesson.mean)
    guard lesson.count >= Double(Self.valuesToLearn) else { return nil }
    let error = (lesson.squares / (lesson.count - 1) / lesson.count).squareRoot()
    return Reference(mean: lesson.mean, tolerance: ownTolerance + Self.deviate * error)
  }

  func progress(of lesson: Lesson) -> (seen: Int, wanted: Int) { (Int(lesson.count), Self.valuesToLearn) }

  func detector(against reference: Reference) -> BoundedMeanDetector {
    BoundedMeanDetector(
      mean: reference.mean, tolerance: reference.tolerance, side: settings.direction.side,
      averageRunLength: averageRunLength, minimumEffect: minimumEffect)
  }

  func observation(of sample: Double, against reference: Reference) -> Double { settings.scaled(sample) }

  /// The mean since the change, and the expected one, in the figure's own unit.
  func figures(
    of verdict: Verdict, _ detector: BoundedMeanDetector, _ reference: Reference
  ) -> (Double, Double) {
    let effect = (verdict.effect?.value ?? 0) * (detector.isRising ? 1 : -1)
    return (settings.unscaled(reference.mean + effect), settings.unscaled(reference.mean))
  }

  func encode(_ reference: Reference, to writer: inout StateWriter) {
    writer.write(reference.mean)
    writer.write(reference.tolerance)
  }

  func reference(from reader: inout StateReader) throws(StateError) -> Reference {
    let reference = Reference(mean: try reader.readDouble(), tolerance: try reader.readDouble())
    guard reference.mean >= 0, reference.mean <= 1, reference.tolerance >= 0, reference.tolerance.isFinite
    else { throw StateError("a mean of \(reference.mean) within a range") }
    return reference
  }

  func encode(_ lesson: Lesson, to writer: inout StateWriter) {
    for value in [lesson.count, lesson.mean, lesson.squares] { writer.write(value) }
  }

  func lesson(from reader: inout StateReader) throws(StateError) -> Lesson {
    let lesson = Lesson(
      count: try reader.readDouble(), mean: try reader.readDouble(), squares: try reader.readDouble())
    guard lesson.count >= 0, lesson.count < Double(Self.valuesToLearn), lesson.mean.isFinite,
      lesson.squares >= 0, lesson.squares.isFinite
    else { throw StateError("a lesson of \(lesson.count) values") }
    return lesson
  }
}

/// Milliseconds of answers, one by one or some at a time.
struct AnswerLatency: WatchSubject {
  /// Answers that quantiles are learned from: ten of them lie above p99.
  static let answersToLearn = 1_000

  enum Sample {
    case one(Double)
    case many([Double])
  }

  let averageRunLength: Double
  let minimumEffect: Double

  /// Fewer than ``answersToLearn`` between two events: 8 KiB.
  var emptyLesson: [Double] { [] }

  func learn(_ sample: Sample, into lesson: inout [Double]) -> ReferenceQuantiles? {
    switch sample {
    case .one(let value): if value.isFinite { lesson.append(value) }
    case .many(let values): for value in values where value.isFinite { lesson.append(value) }
    }
    return lesson.count >= Self.answersToLearn ? ReferenceQuantiles(of: lesson) : nil
  }

  func progress(of lesson: [Double]) -> (seen: Int, wanted: Int) { (lesson.count, Self.answersToLearn) }

  func detector(against reference: ReferenceQuantiles) -> QuantileDetector {
    QuantileDetector(
      quantiles: reference, averageRunLength: averageRunLength, minimumEffect: minimumEffect)
  }

  func observation(of sample: Sample, against reference: ReferenceQuantiles) -> QuantileDetector.Observation {
    var observation = QuantileDetector.Observation()
    switch sample {
    case .one(let value): observation.add(value, reference)
    case .many(let values): for value in values { observation.add(value, reference) }
    }
    return observation
  }

  /// The share of answers above the quantile since the change, and the expected one.
  func figures(
    of verdict: Verdict, _ detector: QuantileDetector, _ reference: ReferenceQuantiles
  ) -> (Double, Double) {
    let expected = QuantileDetector.shares[detector.heaviest]
    return (expected + (verdict.effect?.value ?? 0), expected)
  }

  func quantile(of detector: QuantileDetector) -> Evidence.Quantile? {
    let quantiles = detector.quantiles
    let limits = [quantiles.p50, quantiles.p95, quantiles.p99]
    return .init(level: QuantileDetector.levels[detector.heaviest], limit: limits[detector.heaviest])
  }

  func encode(_ reference: ReferenceQuantiles, to writer: inout StateWriter) {
    for value in [reference.p50, reference.p95, reference.p99] { writer.write(value) }
    writer.write(reference.count)
  }

  func reference(from reader: inout StateReader) throws(StateError) -> ReferenceQuantiles {
    let (p50, p95, p99) = (try reader.readDouble(), try reader.readDouble(), try reader.readDouble())
    let count = try reader.readInt()
    guard p50 <= p95, p95 <= p99, p50.isFinite, p99.isFinite, count > 0 else {
      throw StateError("quantiles \(p50), \(p95), \(p99) of \(count)")
    }
    return ReferenceQuantiles(p50: p50, p95: p95, p99: p99, count: count)
  }

  func encode(_ lesson: [Double], to writer: inout StateWriter) { writer.write(lesson) }

  func lesson(from reader: inout StateReader) throws(StateError) -> [Double] {
    let lesson = try reader.readDoubles()
    guard lesson.count < Self.answersToLearn, lesson.allSatisfy(\.isFinite) else {
      throw StateError("a lesson of \(lesson.count) latencies")
    }
    return lesson
  }
}

extension ReferenceQuantiles {
  init(_ told: LatencyQuantiles) {
    self.init(p50: told.p50, p95: told.p95, p99: told.p99, count: told.count)
  }
}
