/// What the drift monitor says of one feature batch.
package struct DriftAssessment: Sendable, Equatable {
  package struct Feature: Sendable, Equatable {
    package var isDrifted: Bool
    /// By preset `reference`, baseline standard deviations between the means; by `standard`, the stability index
    /// (PSI) since the change less what chance makes of it. NaN when either side has no present value.
    package var score: Double
    package var baselineMean: Double
    package var newMean: Double
    /// By preset `standard`: the decimal logarithm of the e-value; otherwise 0.
    package var evidence: Double
    /// By preset `standard`: rows since the change.
    package var cases: Int

    package init(
      isDrifted: Bool, score: Double, baselineMean: Double, newMean: Double, evidence: Double = 0,
      cases: Int = 0
    ) {
      (self.evidence, self.cases) = (evidence, cases)
      self.isDrifted = isDrifted
      self.score = score
      self.baselineMean = baselineMean
      self.newMean = newMean
    }
  }

  /// What stands behind a column that drifts.
  package struct Detail: Sendable, Equatable {
    package var column: Int
    package var evidence: Evidence

    package init(column: Int, evidence: Evidence) { (self.column, self.evidence) = (column, evidence) }
  }

  /// What is wrong with a column's values in this batch alone, whatever its distribution is since the change.
  package struct Quality: Sendable, Equatable {
    package enum Issue: String, CaseIterable, Sendable {
      /// More values are missing than in the reference.
      case missing
      /// More values are of no category that the reference has.
      case unseen
      /// A value lies farther beyond the reference's extremes than those lie apart.
      case range
    }

    package var column: Int
    package var issue: Issue
    /// A share of the rows, or the value farthest out.
    package var value: Double
    /// What it would have had to stay within.
    package var limit: Double

    package init(column: Int, issue: Issue, value: Double, limit: Double) {
      (self.column, self.issue, self.value, self.limit) = (column, issue, value, limit)
    }
  }

  /// What preset `standard` says beside.
  package struct Standard: Sendable, Equatable {
    /// The decimal logarithm of the batches that one false alarm is allowed in.
    package var threshold: Double
    /// The least stability index that matters.
    package var minimumEffect: Double
    package var origin: WatchReport.Origin
    /// Of the columns that drift, in the columns' order; without those that were not in the batch.
    package var details: [Detail]
    /// Of the column that drifts with the most evidence.
    package var strongest: Evidence?
    /// Columns that the batch lacks, that the baseline lacks, and that are of another type.
    package var missing: [String]
    package var unknown: [String]
    package var retyped: [String]
    /// At most ``maximumQuality`` of them, in the columns' order.
    package var quality: [Quality] = []
    package static let maximumQuality = 100
    /// How near the alarm the nearest column is: 1 is exactly at it.
    package var score = 0.0

    package init(
      threshold: Double, minimumEffect: Double, origin: WatchReport.Origin, details: [Detail],
      strongest: Evidence?, missing: [String] = [], unknown: [String] = [], retyped: [String] = [],
      quality: [Quality] = []
    ) {
      self.quality = quality
      (self.threshold, self.minimumEffect, self.origin) = (threshold, minimumEffect, origin)
      (self.details, self.strongest) = (details, strongest)
      (self.missing, self.unknown, self.retyped) = (missing, unknown, retyped)
    }
  }

  /// One entry a column, in the baseline's order.
  package var features: [Feature]
  /// The columns' names; nil means `feature_0`, `feature_1`, ….
  package var names: FeatureNames?
  package var driftedCount: Int
  /// The largest score; nil when no column could be scored. By preset `standard` at least 0, and when columns
  /// drift, the largest of theirs; nil when none of these could be scored.
  package var maximumScore: Double?
  package var severity: Severity
  /// Nil under preset `reference`.
  package var standard: Standard?

  package init(
    features: [Feature], names: FeatureNames?, driftedCount: Int, maximumScore: Double?, severity: Severity,
    standard: Standard? = nil
  ) {
    self.standard = standard
    self.features = features
    self.names = names
    self.driftedCount = driftedCount
    self.maximumScore = maximumScore
    self.severity = severity
  }

  package var isDrifted: Bool { driftedCount > 0 }

  /// The name of column `index`.
  package func name(of index: Int) -> String { names?.names[index] ?? "feature_\(index)" }

  /// The `count` drifted columns with the largest scores, largest first, ties in column order. A column that
  /// drifted before and has no score now is none of them.
  ///
  /// Cost: O(columns · count); `count` is small.
  package func topDrifted(_ count: Int) -> [ScoredFeature] {
    var top: [(index: Int, score: Double)] = []
    for (index, feature) in features.enumerated() where feature.isDrifted && !feature.score.isNaN {
      guard top.count < count || feature.score > top[top.count - 1].score else { continue }
      let place = top.firstIndex { $0.score < feature.score } ?? top.count
      top.insert((index, feature.score), at: place)
      if top.count > count { top.removeLast() }
    }
    return top.map { ScoredFeature(name: name(of: $0.index), score: $0.score) }
  }
}

/// A feature with its drift score, as alerts name it.
package struct ScoredFeature: Sendable, Equatable {
  package var name: String
  package var score: Double

  package init(name: String, score: Double) {
    self.name = name
    self.score = score
  }
}
