import Statistics

/// A series of real values: changes of level, slope, season or spread.
///
/// Row 4 of the table of detectors on what ``RecursiveResiduals`` and ``SequentialRanks`` leave of the
/// series. Trend and autocorrelation are part of what is usual from the first row on; a season is,
/// once it was seen two and a half times.
///
/// - Weakness: what follows a series also follows a change. A step of less than a deviation, or one in a series that
///   remembers (ρ = .9: six deviations of what is new), may be learned before it is evident; a random walk has no level to
///   leave. In return neither raises alarms (`Tests/Benchmarks/evaluation.md`).
package struct RealSeries: SeriesDetector {
  /// Rows that set the unit of the series.
  static let first = 12
  /// Rows after which a season is sought, doubled each time.
  static let firstSearch = 64

  private let rowsPerFalseAlarm: Double
  private var detector: MeanVarianceDetector
  private var residuals: RecursiveResiduals?
  private var ranks = SequentialRanks()
  /// How much more the scores' means waver than independent ones would: what is left of season and memory.
  private var waver = BlockVariance()
  private var stretch = RecentValues()
  /// All the rows that are remembered, for seasons that an alarm must not make forgotten.
  private var history = RecentValues()
  /// Of their residuals, as far as they had one.
  private var sizes = RecentValues()
  /// The normal scores of the stretch, and the row of each, since the first few give none.
  private var normals = RecentValues()
  private var scoreRows = RecentValues()
  private var season: Int?
  private var short = ShortStretch(size: RecursiveResiduals.coefficients(season: nil))
  private var shortFinding: ShortStretch.Finding?
  private var row = 0
  private var start = 0
  private var nextSearch = firstSearch

  package init(rowsPerFalseAlarm: Double = 1e5) {
    self.rowsPerFalseAlarm = rowsPerFalseAlarm
    detector = MeanVarianceDetector(observationsPerFalseAlarm: rowsPerFalseAlarm)
  }

  package mutating func next(_ row: UnsafeBufferPointer<Double>) -> SeriesStep { next(row[0]) }

  /// - Parameter value: one that is not finite is passed over.
  package mutating func next(_ value: Double) -> SeriesStep {
    defer {
      sizes.append(residuals.map { $0.latestMagnitude * $0.scale } ?? .nan)
      row += 1
    }
    // The last value stands for a missing one, so that rows keep their number.
    let value = value.isFinite ? value : history.values.last ?? 0
    history.append(value)
    stretch.append(value)
    let verdict = take(value, at: row)
    if history.first + history.values.count >= nextSearch {
      nextSearch *= 2
      if learnSeason(beyond: 0) { return SeriesStep(evidence: 0) }
    }
    guard isDrifted(verdict), row >= SeriesStep.firstAlarm else {
      return SeriesStep(evidence: evidence(verdict))
    }
    // What looks like a change may be a season that had not been seen often enough before.
    if learnSeason(beyond: (season ?? 0) / 16) { return SeriesStep(evidence: 0) }
    let alarm = alarm(verdict)
    startAnew()
    return SeriesStep(evidence: alarm.evidence, alarm: alarm)
  }

  private var shortThreshold: Double { Elementary.ln(rowsPerFalseAlarm) + ShortStretch.margin }

  private var isShortDrifted: Bool { shortFinding.map { $0.evidence > shortThreshold } ?? false }

  private func isDrifted(_ verdict: Verdict?) -> Bool { verdict?.isDrifted ?? false || isShortDrifted }

  private func evidence(_ verdict: Verdict?) -> Double {
    max(verdict.map { $0.score.isFinite ? $0.score : 0 } ?? 0, shortFinding?.evidence ?? 0)
  }

  private mutating func take(_ value: Double, at row: Int) -> Verdict? {
    if residuals == nil {
      guard row - start + 1 >= Self.first else { return nil }
      residuals = unit(of: stretch.since(start).prefix(Self.first), before: start)
      var last: Verdict?
      for (index, value) in stretch.since(start).prefix(Self.first).enumerated() {
        last = score(value, at: start + index)
      }
      return last
    }
    return score(value, at: row)
  }

  private mutating func score(_ value: Double, at row: Int) -> Verdict? {
    let residual = residuals!.next(value)
    shortFinding = short.next(residuals!.latest, residuals!.regressors)
    guard let residual else { return nil }
    var last: Verdict?
    var scores = 0
    ranks.next(residual) {
      detector.dependence = waver.value
      last = detector.observe($0)
      waver.add($0)
      normals.append($0)
      scores += 1
    }
    for back in (0..<scores).reversed() { scoreRows.append(Double(row - back)) }
    return last
  }

  private func unit(of values: some Collection<Double>, before row: Int) -> RecursiveResiduals {
    var residuals = Self.unit(of: values, season: season)
    let remembered = history.since(0)
    let before = max(0, remembered.count - (self.row - row + 1))
    let sizes = sizes.since(0)
    residuals.seed(remembered.prefix(before), residuals: sizes.prefix(before))
    return residuals
  }

  /// Residuals in units of how a series begins.
  static func unit(of values: some Collection<Double>, season: Int? = nil) -> RecursiveResiduals {
    let sorted = values.sorted()
    let middle = sorted[sorted.count / 2]
    let distances = sorted.map { abs($0 - middle) }.sorted()
    let spread = 1.4826 * distances[distances.count / 2]
    let scale = max(spread, distances.last! * 0.1, abs(middle) * 1e-9, 1e-300)
    return RecursiveResiduals(location: middle, scale: scale, season: season)
  }

  /// Looks for another season than the known one. With one, what is usual is learned anew from here: the rows
  /// before were judged without it.
  ///
  /// - Parameter tolerance: how far off a season may be and still be the known one. The peak of a long, smooth
  ///   season is flat; twice as many rows tell it twice as exactly.
  private mutating func learnSeason(beyond tolerance: Int) -> Bool {
    guard let found = Season.find(in: Array(history.since(0))) else { return false }
    if let season, abs(found - season) <= tolerance { return false }
    season = found
    startAnew()
    return true
  }

  private func alarm(_ verdict: Verdict?) -> SeriesAlarm {
    if let found = shortFinding, isShortDrifted,
      !(verdict?.isDrifted ?? false) || found.evidence > verdict!.score
    {
      return SeriesAlarm(
        index: row,
        change: ChangePoint(
          index: row - short.count + 1 + found.place, kind: found.isRamp ? .gradual : .abrupt),
        evidence: found.evidence)
    }
    let rows = scoreRows.since(0)
    let offset = detector.count - rows.count
    let place = ChangeShape.refined(normals.since(0), near: (verdict?.change?.index ?? 0) - offset)
    let changed = Int(rows[rows.startIndex + place])
    // A season would drown the shape; the scores are without it.
    let kind = ChangeShape.kind(of: season == nil ? stretch.since(start) : normals.since(0))
    return SeriesAlarm(
      index: row, change: ChangePoint(index: changed, kind: kind), evidence: verdict?.score ?? 0)
  }

  package mutating func startAnew() {
    start = row + 1
    stretch.removeAll(from: start)
    scoreRows.removeAll(from: 0)
    normals.removeAll(from: 0)
    detector = MeanVarianceDetector(observationsPerFalseAlarm: rowsPerFalseAlarm)
    residuals = nil
    short = ShortStretch(size: RecursiveResiduals.coefficients(season: season))
    shortFinding = nil
    ranks = SequentialRanks()
    waver = BlockVariance(length: max(BlockVariance.usualLength, season ?? 0))
  }
}
