package import Statistics

/// Whether the distribution of a feature has left its reference, for a whole table of features at once:
/// two-sample Dirichlet-multinomial e-detector on counts in bins.
///
/// - Formula: with DM as ``StartTable`` has it, M = Σ over starts s of exp(DM(C_{s..t}; κp̂) − DM(C_{s..t};
///   ref + ½ + C_{1..s−1})), C_t being the counts of batch t in K bins and p̂ = (ref + ½)/(N + K/2). Every
///   batch begins a start of weight 1; 12 are kept on a dyadic grid, see ``StartCalendar``. Evidence alarms
///   when ln M ≥ ln A, **and** the stability index (PSI, smoothed by ½) of the rows since the start, less its
///   expectation (K − 1)(1/n + 1/N), is at least 0.1. The start is the heaviest; where that one is too near
///   to the reference, the heaviest of those that hold a twelfth of A and are not.
/// - Defaults: A = 10⁴ batches, κ = 200 and at most N/5, 20 equally likely bins of the reference and one for
///   what is missing.
/// - Cost: about 1.4 ns a value for the bins and 0.5 µs a feature and batch, no allocation; a feature that
///   drifts costs 1 to 3 µs more. Memory: at most 2 KiB a feature, edges and reference included.
/// - Guarantee: a false alarm not before A batches, on average over what the reference could have been: when
///   bins' probabilities are drawn from the Dirichlet distribution of ref + ½ and batches from them, a start's
///   next factor has expectation 1 given all before, so that M_t − t has expectation 0 at most. It holds for
///   any choice of starts and counts that looks at the past alone: a merged start has the sum of two weights,
///   and its next factor expectation 1 as either would have had. The gate only takes alarms away. A category
///   has that distribution under Jeffreys' prior. A number's bins are cut at a sample's own order statistics,
///   and then, whatever the continuous distribution is, their probabilities have the Dirichlet distribution
///   of the counts (one more in the first), from which ref + ½ differs little. For one given reference
///   it is not a theorem; the false alarms are measured in the tests.
/// - Bounds: what is learnt is halved above 2³¹ rows, and a start's counts above 2³⁰. A halved start foretells
///   as any other. What is learnt then foretells each batch a little less sharply than it could, by
///   about (K − 1)/2 · n/2³⁰ nats of a batch of n rows, and so does every start, none of which knows more: from
///   there on the guarantee is no theorem even on average.
/// - After an alarm: the feature stops learning, so that drift does not become the reference, and every 3
///   batches and 10(K − 1) rows the rows of those batches are held to the reference. When their index, less
///   its expectation, is below 0.1, the feature starts anew from the reference alone, as if it had just been
///   made: with a time to the next false alarm of its own. So an alarm ends at most two such stretches after
///   its cause does.
/// - Dependence: counts are divided by φ ≥ 1 before they are evidence, and the index's expectation is
///   multiplied by it; see ``LagCorrelation``. That is an allowance and no proof.
/// - Weakness: blind to what moves no column's distribution, and to order within a batch. A drift so slow that
///   all batches so far look like the latest is learnt. The index's expectation is more than the smoothed
///   index of a few rows: below about 40 rows since the start only large changes pass the gate.
/// - Reference: Shin, Ramdas, Rinaldo, "E-detectors", arXiv 2203.03532; Jeffreys' prior: Krichevsky,
///   Trofimov, "The performance of universal encoding", 1981; order statistics: Wilks, "Determination of
///   sample sizes for setting tolerance limits", 1941.
/// - Golden: `Tests/Golden/bins.json`, by numpy and scipy.
package struct BinsDetector: Sendable, Equatable {
  package struct Settings: Sendable, Equatable {
    /// A: batches to a false alarm, at least 1.
    package var batchesPerFalseAlarm: Double
    /// κ: how many rows the reference counts for when a start foretells its first batch; positive. Small: large
    /// drifts are seen sooner; large: small ones.
    package var strength: Double
    /// The least stability index that matters, after its expectation is taken off.
    package var leastIndex: Double

    package init(batchesPerFalseAlarm: Double = 10_000, strength: Double = 200, leastIndex: Double = 0.1) {
      self.batchesPerFalseAlarm = batchesPerFalseAlarm
      self.strength = strength
      self.leastIndex = leastIndex
    }
  }

  /// Batches of a stretch after which an alarm may end.
  package static let probationBatches = 3
  /// And its rows, as a multiple of K − 1: the index's expectation is then a tenth.
  package static let probationRows = 10.0
  /// For how many standard errors of a trend since a change it is gradual.
  package static let gradualTrend = 3.0

  package let settings: Settings
  /// The bins of all features, and the batch that is to be judged.
  package var bins: ColumnBins
  var table: StartTable
  var calendar: StartCalendar
  /// By feature: 0 while all is well, otherwise 1 and the batches of the present probation.
  var alarms: [UInt8]
  /// What the last batch came to, by feature.
  package private(set) var verdicts: [Verdict]
  private let threshold: Double

  /// - Parameters:
  ///   - references: one for each feature.
  ///   - dependence: φ for each feature; nil for 1.
  /// - Precondition: as many factors as references.
  package init(_ references: [ReferenceBins], dependence: [Double]? = nil, settings: Settings = Settings()) {
    self.settings = settings
    bins = ColumnBins(references)
    table = StartTable(
      bins, dependence: dependence ?? [Double](repeating: 1, count: references.count),
      strength: settings.strength)
    calendar = StartCalendar(columns: references.count)
    alarms = [UInt8](repeating: 0, count: references.count)
    threshold = Exactly.log(max(1, settings.batchesPerFalseAlarm))
    verdicts = [Verdict](repeating: Self.unscored(threshold), count: references.count)
  }

  private static func unscored(_ threshold: Double) -> Verdict {
    Verdict(isDrifted: false, score: .nan, threshold: threshold, count: 0)
  }

  /// Judges the batch that ``bins`` has counted, every feature of it, into ``verdicts``; then the next batch
  /// may be counted. A feature without rows, or whose reference has none, is not scored.
  package mutating func judge() {
    for column in 0..<bins.columns {
      let isScored = isScored(column)
      if isScored { calendar.advance(column, &table) } else { calendar.skip(column) }
      table.setLearning(isScored && alarms[column] == 0, in: column)
    }
    table.weigh(bins)
    for column in 0..<bins.columns {
      verdicts[column] = isScored(column) ? judge(column) : Self.unscored(threshold)
    }
    bins.reset()
  }

  private func isScored(_ column: Int) -> Bool {
    table.referenceRows(of: column) > 0 && !bins.isEmpty(column)
  }

  private mutating func judge(_ column: Int) -> Verdict {
    let outcome = table.outcome(of: column)
    if let verdict = endAlarm(column, evidence: outcome.evidence) { return verdict }
    var start = outcome.heaviest
    var (effect, rows) = (beyondChance(outcome.index, outcome.rows, column), outcome.rows)
    let isEvident = outcome.evidence >= threshold
    if isEvident, effect < settings.leastIndex, let other = heaviestFar(column) {
      (start, effect, rows) = other
    }
    let isDrifted = isEvident && effect >= settings.leastIndex
    if isDrifted, alarms[column] == 0 {
      alarms[column] = 1
      table.endProbation(column)
    }
    return Verdict(
      isDrifted: isDrifted, score: outcome.evidence, threshold: threshold, count: Int(rows),
      effect: .init(effect, threshold: settings.leastIndex),
      change: isDrifted ? change(since: start, in: column) : nil)
  }

  /// A stability index less what it is on average without a change.
  private func beyondChance(_ index: Double, _ rows: Double, _ column: Int) -> Double {
    let expected = ColumnBins.expectedIndex(
      bins: Int(bins.binsInUse[column]), rows: rows, referenceRows: table.referenceRows(of: column))
    return index - expected * table.dependence(of: column)
  }

  private func beyondChance(_ distance: StartTable.Distance, _ column: Int) -> Double {
    distance.rows > 0 ? beyondChance(distance.index, distance.rows, column) : 0
  }

  /// The heaviest start that is far enough from the reference, of those that hold enough evidence. Without
  /// it, an old start that is evident but near would hide a new and large change.
  private func heaviestFar(_ column: Int) -> (start: Int, effect: Double, rows: Double)? {
    let least = threshold - Exactly.log(Double(StartTable.capacity))
    var (best, weight) = (nil as (start: Int, effect: Double, rows: Double)?, -Double.infinity)
    for index in 0..<calendar.count(in: column) {
      let start = calendar.start(index, in: column)
      let own = table.weight(of: start, in: column)
      guard own >= least, own > weight else { continue }
      let distance = table.distance(since: start, in: column)
      let effect = beyondChance(distance, column)
      if effect >= settings.leastIndex { (best, weight) = ((start, effect, distance.rows), own) }
    }
    return best
  }

  /// Starts a feature anew when enough rows since its alarm are near the reference again.
  private mutating func endAlarm(_ column: Int, evidence: Double) -> Verdict? {
    guard alarms[column] > 0 else { return nil }
    let distance = table.prove(column, bins)
    alarms[column] = min(alarms[column], .max - 1) + 1
    let least =
      Self.probationRows * Double(bins.binsInUse[column] - 1) * table.dependence(of: column)
    guard alarms[column] > Self.probationBatches, distance.rows >= least else { return nil }
    let effect = beyondChance(distance, column)
    table.endProbation(column)
    guard effect < settings.leastIndex else {
      alarms[column] = 1
      return nil
    }
    alarms[column] = 0
    table.reset(column)
    calendar.reset(column)
    return Verdict(
      isDrifted: false, score: evidence, threshold: threshold, count: Int(distance.rows),
      effect: .init(effect, threshold: settings.leastIndex))
  }

  /// Where the change began, and whether it was a step: gradual when the column goes on moving away. What is
  /// compared are the two halves of the later half of the rows since the start, as near as there are starts:
  /// the start may lie before a step, and then the earlier half is of both sides.
  private func change(since start: Int, in column: Int) -> ChangePoint {
    let begin = calendar.begin(of: start, in: column)
    guard let later = halfway(from: begin, in: column),
      let latest = halfway(from: calendar.begin(of: later, in: column), in: column)
    else { return ChangePoint(index: begin, kind: .abrupt) }
    let trend = table.trend(since: start, later: later, latest: latest, in: column)
    return ChangePoint(index: begin, kind: trend >= Self.gradualTrend ? .gradual : .abrupt)
  }

  /// The start nearest to the middle between a batch and now, of those that began after the batch.
  private func halfway(from begin: Int, in column: Int) -> Int? {
    let middle = (begin + Int(calendar.batches[column])) / 2
    var (best, nearest) = (nil as Int?, Int.max)
    for index in 0..<calendar.count(in: column) {
      let start = calendar.start(index, in: column)
      let distance = abs(calendar.begin(of: start, in: column) - middle)
      if calendar.begin(of: start, in: column) > begin, distance < nearest {
        (best, nearest) = (start, distance)
      }
    }
    return best
  }

  /// Bytes a feature, of all that is kept: edges, counts of reference and batch, starts and verdict.
  package var bytesPerFeature: Int {
    bins.bytesPerColumn + table.bytesPerColumn + calendar.bytesPerColumn + 1
      + MemoryLayout<Verdict>.stride
  }
}
