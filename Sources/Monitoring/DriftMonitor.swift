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

  /// Cost: one pass over the rows.
  package init(_ batch: FeatureBatch) {
    names = batch.names
    // One run of moments a block, side by side.
    moments = ColumnMoments(
      joining: batch.blocks.map { block in
        var moments = ColumnMoments(columns: block.columns)
        block.withBytes { moments.fold($0, NumberFormat(block.format)) }
        return moments
      })
  }

  init(names: FeatureNames?, moments: ColumnMoments) { (self.names, self.moments) = (names, moments) }
}

/// Watches the columns of one model's feature batches against its baseline.
///
/// Memory: 40 bytes a column for the baseline, 24 for the batch being read, 16 for its detector, 32 for its
/// last assessment, and `history` short summaries.
package struct DriftMonitor: Sendable {
  /// One past assessment, without its columns.
  package struct Summary: Sendable, Equatable {
    package var at: Timestamp
    package var maximumScore: Double?
    package var severity: Severity
    package var driftedCount: Int
  }

  private let settings: DriftSettings
  package private(set) var baseline: FeatureBaseline?
  private var detectors: [MeanShiftDetector] = []
  /// Measured from the baseline's means, in the columns' order of the last batch.
  private var batch = ColumnMeans(origin: [])
  private var columnOrder = ColumnOrder()
  /// Of the last assessment. Whoever has performed it lets go of it before the next batch, so that its
  /// memory is used again.
  private var columns: [DriftAssessment.Feature] = []
  package internal(set) var history: Ring<Summary>

  package init(settings: DriftSettings) {
    self.settings = settings
    history = Ring(capacity: settings.history)
  }

  package var hasBaseline: Bool { baseline != nil }

  /// Replaces the baseline; the history stays. Cost: O(columns).
  package mutating func setBaseline(_ baseline: FeatureBaseline) {
    self.baseline = baseline
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

  /// Judges a batch. Cost: one pass over its values and O(columns).
  ///
  /// - Throws: `noBaseline`, or `shapeMismatch` naming both counts or the names that differ.
  package mutating func observe(_ features: FeatureBatch, at time: Timestamp) throws(Remark)
    -> DriftAssessment
  {
    guard let baseline else {
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

  /// The finding for alert policies; nil when no column could be scored, since no data resolves nothing.
  package func finding(for assessment: DriftAssessment) -> Finding? {
    guard let maximum = assessment.maximumScore else { return nil }
    return Finding(
      monitor: .drift, isViolated: assessment.isDrifted, severity: assessment.severity, value: maximum,
      threshold: settings.threshold, topFeatures: assessment.topDrifted(Self.namedFeatures))
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
  fileprivate init(_ format: Matrix.Format) {
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
