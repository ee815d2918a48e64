import Detection
package import Events
package import Statistics

/// What the drift monitor of a model is held to.
package struct DriftSettings: Sendable, Equatable {
  /// A feature drifts above this many baseline deviations.
  package var threshold = 2.0
  /// Assessments kept.
  package var history = 10

  package init() {}
}

/// The features a model was made for, as summaries; rows are not kept.
package struct FeatureBaseline: Sendable {
  package let names: FeatureNames?
  package let moments: ColumnMoments
  /// What preset `standard` needs beside them; nil when it was not asked for.
  package private(set) var reference: FeatureReference?

  /// - Parameter isDetailed: whether columns are also cut into bins, which sorts each of them.
  ///
  /// Cost: one pass over the rows, and the sorting.
  package init(_ batch: FeatureBatch, isDetailed: Bool = false) {
    names = batch.names
    reference = isDetailed ? FeatureReference(batch) : nil
    // One run of moments a block, side by side.
    moments = ColumnMoments(
      joining: batch.blocks.map { block in
        var moments = ColumnMoments(columns: block.columns)
        block.withBytes { moments.fold($0, NumberFormat(block.format)) }
        return moments
      })
  }

  init(names: FeatureNames?, moments: ColumnMoments, reference: FeatureReference? = nil) {
    (self.names, self.moments, self.reference) = (names, moments, reference)
  }
}

extension FeatureReference {
  /// Columns of numbers and of text of a batch of rows, in the order of time.
  init(_ batch: FeatureBatch) {
    var numbers: [Column] = []
    for block in batch.blocks {
      block.withBytes { bytes in
        let format = NumberFormat(block.format)
        let bins = ReferenceBins.columns(of: bytes, format, columns: block.columns)
        let correlations = LagCorrelation.columns(of: bytes, format, columns: block.columns)
        numbers += zip(bins, correlations).map {
          Column(bins: $0, dependence: Self.dependence($1, rows: block.rows))
        }
      }
    }
    var texts: [Column] = []
    for block in batch.texts {
      var counters = [CategoryCounter](repeating: CategoryCounter(), count: block.columns)
      block.eachCell { column, cell in counters[column].add(cell) }
      texts += counters.map(\.column)
    }
    let all = batch.names.map { $0.names + (batch.textNames?.names ?? []) }
    self.init(
      numbers: numbers, texts: texts, names: all?.count == numbers.count + texts.count ? all : nil)
  }

  /// How many rows say as much as an independent one, by their lag-one correlation; 1 where that is within two
  /// standard errors of none.
  static func dependence(_ correlation: Double, rows: Int) -> Double {
    correlation * correlation * Double(rows) > 4 ? LagCorrelation.dependence(correlation) : 1
  }
}

/// Watches the columns of one model's feature batches against its baseline.
///
/// Memory: 40 bytes a column for the baseline, 24 for the batch being read, 16 for its detector, 48 for its
/// last assessment, and `history` short summaries; under preset `standard` 2 KiB a column in place of the first three.
package struct DriftMonitor: Sendable {
  /// One past assessment, without its columns.
  package struct Summary: Sendable, Equatable {
    package var at: Timestamp
    package var maximumScore: Double?
    package var severity: Severity
    package var driftedCount: Int
  }

  let settings: DriftSettings
  /// Nil under preset `reference`.
  let standardSettings: StandardSettings?
  /// Of preset `reference`.
  private(set) var givenBaseline: FeatureBaseline?
  /// Of preset `standard`: one, or one for each part of a season.
  var watches: [FeatureWatch] = []
  /// The watch of the last batch.
  private(set) var current = 0
  private var detectors: [MeanShiftDetector] = []
  /// Measured from the baseline's means, in the columns' order of the last batch.
  private var batch = ColumnMeans(origin: [])
  /// The same with spread and extremes, for preset `standard`.
  private var spread = ColumnMoments(columns: 0)
  private var columnOrder = ColumnOrder()
  /// Of the last assessment. Whoever has performed it lets go of it before the next batch, so that its
  /// memory is used again.
  private(set) var columns: [DriftAssessment.Feature] = []
  package internal(set) var history: Ring<Summary>

  /// - Parameter standard: nil for preset `reference`.
  package init(settings: DriftSettings, standard: StandardSettings? = nil) {
    self.settings = settings
    standardSettings = standard
    if let standard {
      watches = Array(repeating: FeatureWatch(standard), count: standard.season?.parts ?? 1)
    }
    history = Ring(capacity: settings.history)
  }

  package var hasBaseline: Bool { givenBaseline != nil || watches.contains { $0.baseline != nil } }

  /// The one that the model is held to; nil where parts of a season have their own.
  package var baseline: FeatureBaseline? { watches.count == 1 ? watches[0].baseline : givenBaseline }

  /// Whether preset `standard` judges.
  package var isStandard: Bool { standardSettings != nil }

  /// Replaces the baseline; the history stays. Cost: O(columns).
  ///
  /// Under preset `standard` a baseline without bins has none of its detail: features are then judged from
  /// the next batches, which it is learned from. So are the parts of a season, which no baseline of all time
  /// tells anything of.
  package mutating func setBaseline(_ baseline: FeatureBaseline, _ origin: WatchReport.Origin = .given) {
    if let standardSettings {
      guard watches.count == 1 else {
        watches = Array(repeating: FeatureWatch(standardSettings), count: watches.count)
        return
      }
      return watches[0].hold(to: baseline, origin)
    }
    givenBaseline = baseline
    let columns = baseline.moments.columns
    detectors = (0..<columns).map { column in
      MeanShiftDetector(
        standardDeviation: baseline.moments.standardDeviation(of: column), threshold: settings.threshold)
    }
    columnOrder = ColumnOrder()
    batch = means(for: baseline)
  }

  private func means(for baseline: FeatureBaseline) -> ColumnMeans {
    var origin = [Double](repeating: 0, count: baseline.moments.columns)
    for column in origin.indices {
      origin[columnOrder.sourceColumn(of: column)] = baseline.moments.mean(of: column)
    }
    return ColumnMeans(origin: origin)
  }

  /// Takes a batch by preset `standard`: judges it, or learns from it.
  ///
  /// - Returns: no assessment while a reference is learned.
  /// - Throws: `shapeMismatch` where parts of a season would have more columns than ``FeatureSeason/mostColumns``.
  package mutating func observeStandard(
    _ features: FeatureBatch, at time: Timestamp, tested: Int, driftedElsewhere: Int
  ) throws(Remark) -> StandardOutcome {
    if let season = standardSettings?.season {
      let columns = features.columns + features.textColumns
      guard columns * season.parts <= FeatureSeason.mostColumns else {
        throw Remark(
          .shapeMismatch,
          "\(columns) features by \(season.rawValue) are \(columns * season.parts), at most "
            + "\(FeatureSeason.mostColumns) are judged")
      }
      current = season.part(of: time)
    }
    let others = driftedElsewhere + driftedColumns - watches[current].driftedCount
    let judged = watches[current].judge(
      features, at: time, .init(tested: tested, driftedElsewhere: others))
    guard let features = judged, let judging = watches[current].judging else {
      return StandardOutcome(assessment: nil, hasLearned: watches[current].learn(features, at: time))
    }
    let assessment = assess(features, judging)
    history.append(
      Summary(
        at: time, maximumScore: assessment.maximumScore, severity: assessment.severity,
        driftedCount: assessment.driftedCount))
    return StandardOutcome(
      assessment: assessment, hasLearned: watches[current].roll(features, at: time))
  }

  /// What a batch came to by preset `standard`.
  package struct StandardOutcome: Sendable {
    package var assessment: DriftAssessment?
    /// Whether the batch was the last that a reference was learned from.
    package var hasLearned: Bool
  }

  /// Columns that are tested, and those that drift; for e-BH over all models.
  package var testedColumns: Int { watches.reduce(0) { $0 + $1.columns } }
  package var driftedColumns: Int { watches.reduce(0) { $0 + $1.driftedCount } }

  /// Columns of baselines that are held or being learned, of all parts of a season.
  package var heldColumns: Int {
    max(givenBaseline?.moments.columns ?? 0, watches.reduce(0) { $0 + $1.heldColumns })
  }
  /// Of a season; 1 without one.
  package var parts: Int { max(1, watches.count) }

  private mutating func assess(_ features: FeatureBatch, _ judging: StandardDrift) -> DriftAssessment {
    let (moments, breaks) = (watches[current].baseline?.moments, watches[current].breaks)
    fold(features)
    columns.removeAll(keepingCapacity: true)
    var maximum: Double?
    var strongest: Int?
    var nearest = 0.0
    for column in 0..<judging.columns {
      let verdict = judging.detector.verdicts[column]
      let place = column < judging.reference.numbers.count ? judging.sourceColumn(of: column) : nil
      let effect = verdict.effect?.value ?? .nan
      columns.append(
        .init(
          isDrifted: judging.isDrifted[column], score: effect,
          baselineMean: column < judging.reference.numbers.count ? moments?.mean(of: column) ?? .nan : .nan,
          newMean: place.map { spread.mean(of: $0) } ?? .nan, evidence: verdict.score / Elementary.ln10,
          cases: verdict.count))
      // Chance takes off more than there is from most columns that do not drift: these are at 0.
      if !effect.isNaN { maximum = max(maximum ?? 0, effect) }
      if !verdict.score.isNaN {
        nearest = max(
          nearest,
          Evidence.score(
            verdict.score, of: verdict.threshold, effect: effect, of: verdict.effect?.threshold ?? 0))
      }
      if judging.isDrifted[column], verdict.isDrifted,
        strongest.map({ judging.detector.verdicts[$0].score < verdict.score }) ?? true
      {
        strongest = column
      }
    }
    let details = judging.isDrifted.indices.compactMap { column in
      judging.isDrifted[column]
        ? judging.evidence(of: column).map { DriftAssessment.Detail(column: column, evidence: $0) } : nil
    }
    let quality = (judging.quality + rangeIssues(judging)).sorted { $0.column < $1.column }
    // Of few rows an index is mostly chance: once columns drift, only theirs count.
    let largest = details.map(\.evidence.effect).max()
    var standard = DriftAssessment.Standard(
      threshold: judging.detector.verdicts.first.map { $0.threshold / Elementary.ln10 } ?? 0,
      minimumEffect: judging.detector.settings.leastIndex, origin: watches[current].origin,
      details: details,
      strongest: strongest.flatMap(judging.evidence), missing: breaks.missing, unknown: breaks.unknown,
      retyped: breaks.retyped,
      quality: Array(quality.prefix(DriftAssessment.Standard.maximumQuality)))
    standard.score = nearest
    return DriftAssessment(
      features: columns, names: judging.featureNames, driftedCount: judging.driftedCount,
      maximumScore: judging.driftedCount > 0 ? largest : maximum,
      severity: Self.severity(ofIndex: largest ?? 0), standard: standard)
  }

  /// Moments of the batch's columns of numbers, in its own order.
  private mutating func fold(_ features: FeatureBatch) {
    if spread.columns == features.columns {
      spread.reset()
    } else {
      spread = ColumnMoments(columns: features.columns)
    }
    if features.blocks.count == 1 {
      features.blocks[0].withBytes { spread.fold($0, NumberFormat(features.blocks[0].format)) }
    } else {
      spread = ColumnMoments(
        joining: features.blocks.map { block in
          var moments = ColumnMoments(columns: block.columns)
          block.withBytes { moments.fold($0, NumberFormat(block.format)) }
          return moments
        })
    }
  }

  /// Columns with a value farther beyond the reference's extremes than those lie apart.
  private func rangeIssues(_ judging: StandardDrift) -> [DriftAssessment.Quality] {
    guard let moments = watches[current].baseline?.moments else { return [] }
    var issues: [DriftAssessment.Quality] = []
    for column in judging.reference.numbers.indices {
      guard let place = judging.sourceColumn(of: column), spread.present(in: place) > 0 else { continue }
      let (low, high) = (moments.minimum(of: column), moments.maximum(of: column))
      // A constant column has no width to go by, and each other value is a category of its own.
      guard low < high else { continue }
      let (lowest, highest) = (spread.minimum(of: place), spread.maximum(of: place))
      let (floor, ceiling) = (low - (high - low), high + (high - low))
      if highest > ceiling {
        issues.append(.init(column: column, issue: .range, value: highest, limit: ceiling))
      } else if lowest < floor {
        issues.append(.init(column: column, issue: .range, value: lowest, limit: floor))
      }
      if issues.count == DriftAssessment.Standard.maximumQuality { break }
    }
    return issues
  }

  /// Of the stability index: what is customary in credit scoring (0.1 small, 0.25 large), and half as a
  /// third step.
  private static func severity(ofIndex index: Double) -> Severity {
    if index >= 0.5 { return .high }
    if index >= 0.25 { return .medium }
    return .low
  }

  /// Whether a batch's columns are those of the reference, for alert policies; nil under preset `reference`.
  package var schemaFinding: Finding? {
    guard isStandard, watches[current].judging != nil else { return nil }
    let breaks = watches[current].breaks
    let named = (breaks.missing + breaks.retyped + breaks.unknown).prefix(Self.namedFeatures)
    return Finding(
      monitor: .schema, isViolated: !breaks.isEmpty, severity: .high, value: Double(breaks.count),
      threshold: 0, topFeatures: named.map { ScoredFeature(name: $0, score: 1) })
  }

  /// Judges a batch. Cost: one pass over its values and O(columns).
  ///
  /// - Throws: `noBaseline`, or `shapeMismatch` naming both counts or the names that differ.
  package mutating func observe(_ features: FeatureBatch, at time: Timestamp) throws(Remark)
    -> DriftAssessment
  {
    guard let baseline = givenBaseline else {
      throw Remark(.noBaseline, "features before any feature baseline")
    }
    if try columnOrder.match(features, to: baseline) { batch = means(for: baseline) }
    batch.fold(features)

    columns.removeAll(keepingCapacity: true)
    var maximum: Double?
    var drifted = 0
    for index in detectors.indices {
      let source = columnOrder.sourceColumn(of: index)
      let verdict = detectors[index].observe(
        .init(distance: batch.distance(of: source), count: batch.present(in: source)))
      if verdict.isDrifted { drifted += 1 }
      if verdict.score >= (maximum ?? 0) { maximum = verdict.score }
      columns.append(
        .init(
          isDrifted: verdict.isDrifted, score: verdict.score, baselineMean: baseline.moments.mean(of: index),
          newMean: batch.mean(of: source)))
    }
    let assessment = DriftAssessment(
      features: columns, names: baseline.names ?? features.names, driftedCount: drifted,
      maximumScore: maximum, severity: Self.severity(of: maximum ?? 0))
    history.append(
      Summary(at: time, maximumScore: maximum, severity: assessment.severity, driftedCount: drifted))
    return assessment
  }

  /// The finding for alert policies; nil when no column could be scored, or none of those that drift: no data
  /// resolves nothing, and makes nothing worse or better.
  package func finding(for assessment: DriftAssessment) -> Finding? {
    guard let maximum = assessment.maximumScore else { return nil }
    if let standard = assessment.standard {
      guard !assessment.isDrifted || standard.strongest != nil else { return nil }
      return Finding(
        monitor: .drift, isViolated: assessment.isDrifted, severity: assessment.severity, value: maximum,
        threshold: standard.minimumEffect, topFeatures: assessment.topDrifted(Self.namedFeatures),
        evidence: standard.strongest, score: standard.score)
    }
    return Finding(
      monitor: .drift, isViolated: assessment.isDrifted, severity: assessment.severity, value: maximum,
      threshold: settings.threshold, topFeatures: assessment.topDrifted(Self.namedFeatures),
      score: settings.threshold > 0 ? maximum / settings.threshold : nil)
  }

  /// Features an alert names.
  package static let namedFeatures = 5

  private static func severity(of score: Double) -> Severity {
    if score > 3 { return .high }
    if score > 2 { return .medium }
    return .low
  }
}

extension NumberFormat {
  init(_ format: Matrix.Format) {
    self =
      switch format {
      case .float64: .float64
      case .float32: .float32
      case .int64: .int64
      case .int32: .int32
      case .bool: .bool
      }
  }
}

extension ColumnMeans {
  /// Forgets what was folded and folds in the batch's blocks side by side.
  fileprivate mutating func fold(_ batch: FeatureBatch) {
    reset()
    var first = 0
    for block in batch.blocks {
      block.withBytes {
        fold($0, NumberFormat(block.format), rows: block.rows, columns: block.columns, at: first)
      }
      first += block.columns
    }
  }
}

/// Which column of a batch belongs to which of the baseline.
///
/// A steady stream brings the same ``FeatureNames`` object each time, so names are compared once.
private struct ColumnOrder: Sendable {
  private var matched: FeatureNames?
  /// Nil: the columns are in the baseline's order.
  private var permutation: [Int]?

  func sourceColumn(of column: Int) -> Int { permutation?[column] ?? column }

  /// - Returns: whether the order is another than before.
  mutating func match(_ batch: FeatureBatch, to baseline: FeatureBaseline) throws(Remark) -> Bool {
    let expected = baseline.moments.columns
    guard let wanted = baseline.names, let given = batch.names else {
      guard batch.columns == expected else {
        throw Remark(
          .shapeMismatch, "the baseline has \(expected) features, the batch has \(batch.columns)")
      }
      matched = nil
      return reorder(nil)
    }
    guard given !== matched else { return false }
    guard given != wanted else {
      matched = given
      return reorder(nil)
    }
    let places = Dictionary(uniqueKeysWithValues: given.names.enumerated().map { ($1, $0) })
    let missing = wanted.names.filter { places[$0] == nil }
    let known = Set(wanted.names)
    let extra = given.names.filter { !known.contains($0) }
    guard missing.isEmpty && extra.isEmpty else {
      throw Remark(
        .shapeMismatch,
        "the baseline has \(expected) features, the batch has \(given.count)"
          + Self.list("missing", missing) + Self.list("not in the baseline", extra))
    }
    matched = given
    return reorder(wanted.names.map { places[$0]! })
  }

  private mutating func reorder(_ order: [Int]?) -> Bool {
    defer { permutation = order }
    return permutation != order
  }

  /// At most five names, so that a hostile batch cannot fill the log.
  private static func list(_ label: String, _ names: [String]) -> String {
    guard !names.isEmpty else { return "" }
    let more = names.count > 5 ? " and \(names.count - 5) more" : ""
    return "; \(label): \(names.prefix(5).joined(separator: ", "))\(more)"
  }
}
