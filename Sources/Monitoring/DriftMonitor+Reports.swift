package import Events

// What is told of a model's features to whoever looks.
extension DriftMonitor {
  /// What the last judged batch came to; nil before the first.
  package var report: DriftReport? {
    history.latest.map { last in
      DriftReport(
        score: last.maximumScore, threshold: threshold, drifted: last.driftedCount, features: judgedColumns,
        severity: last.severity, at: last.at)
    }
  }

  /// The largest scores of the last `count` batches at most, oldest first.
  package func recentScores(_ count: Int) -> [Double?] {
    (0..<min(count, history.count)).reversed().map { history[fromLatest: $0].maximumScore }
  }

  /// Whether a batch is yet to be learned from before any can be judged.
  package var isLearning: Bool { lessonProgress != nil }

  private var lessonProgress: MonitorReport.Progress? {
    guard isStandard, watches[current].judging == nil, let lesson = watches[current].lesson, lesson.rows > 0
    else { return nil }
    return .init(seen: lesson.rows, wanted: lesson.wantedRows)
  }

  private var threshold: Double {
    watches.isEmpty
      ? settings.threshold : watches[current].judging?.detector.settings.leastIndex ?? settings.threshold
  }

  private var judgedColumns: Int {
    isStandard ? watches[current].columns : givenBaseline?.moments.columns ?? 0
  }

  /// Where the monitor stands; nil for a model without batches.
  package var monitorReport: MonitorReport? {
    if let lessonProgress {
      return MonitorReport(
        monitor: .drift, state: .learning, direction: .above, origin: .learned, progress: lessonProgress)
    }
    guard let report else { return nil }
    let strongest = strongestEvidence
    return MonitorReport(
      monitor: .drift, state: report.drifted > 0 ? .violated : .watching, value: report.score,
      threshold: report.threshold, direction: .above,
      score: isStandard ? standardScore : report.score.map { $0 / report.threshold }.flatMap(Self.finite),
      origin: isStandard ? watches[current].origin : nil, evidence: strongest)
  }

  private static func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }

  /// The evidence of the column with the most, over what alarms.
  package var standardScore: Double? {
    guard let verdicts = isStandard ? watches[current].judging?.detector.verdicts : nil else { return nil }
    let scores = verdicts.lazy.map { $0.score / $0.threshold }.filter(\.isFinite)
    return scores.max()
  }

  private var strongestEvidence: Evidence? {
    guard isStandard, let judging = watches[current].judging else { return nil }
    let drifted = judging.isDrifted.indices.filter { judging.isDrifted[$0] }
    return drifted.compactMap(judging.evidence).max { $0.log10 < $1.log10 }
  }

  /// The features of the last judged batch, those that drift and have the largest scores first.
  ///
  /// Cost: O(columns · ``FeaturesReport/most``) at worst, and about 1 µs a feature that is told.
  package var featuresReport: FeaturesReport? {
    // A restored model has judged, but has no batch to tell of.
    guard let report, !columns.isEmpty else { return nil }
    return FeaturesReport(
      total: columns.count, drifted: report.drifted,
      top: top(FeaturesReport.most).map { column in
        FeatureReport(
          name: name(of: column), feature: columns[column], distribution: distribution(of: column))
      })
  }

  private func top(_ count: Int) -> [Int] {
    func isBefore(_ left: Int, _ right: Int) -> Bool {
      let (one, other) = (columns[left], columns[right])
      guard one.isDrifted == other.isDrifted else { return one.isDrifted }
      return (one.score.isNaN ? -1 : one.score) > (other.score.isNaN ? -1 : other.score)
    }
    var top: [Int] = []
    for column in columns.indices {
      guard top.count < count || isBefore(column, top[top.count - 1]) else { continue }
      top.insert(column, at: top.firstIndex { isBefore(column, $0) } ?? top.count)
      if top.count > count { top.removeLast() }
    }
    return top
  }

  private func name(of column: Int) -> String {
    if isStandard, let judging = watches[current].judging { return judging.reference.name(of: column) }
    return givenBaseline?.names?.names[column] ?? "feature_\(column)"
  }

  private func distribution(of column: Int) -> FeatureReport.Distribution? {
    guard isStandard, let judging = watches[current].judging, column < judging.columns else { return nil }
    let reference = judging.reference
    let numbers = reference.numbers.count
    let own = column < numbers ? reference.numbers[column] : reference.texts[column - numbers]
    let labels =
      own.categories.map { ["missing", "other"] + $0.map(\.label) } ?? Self.labels(of: own.bins.edges)
    return .init(
      bins: labels, reference: own.bins.counts, current: judging.detector.currentCounts(of: column))
  }

  /// Bin j holds what is at least edge j − 1 and below edge j.
  private static func labels(of edges: [Double]) -> [String] {
    guard let last = edges.last else { return ["missing", "all"] }
    return ["missing"] + edges.map { "< \($0)" } + ["≥ \(last)"]
  }
}
