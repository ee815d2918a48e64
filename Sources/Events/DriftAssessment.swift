/// What the drift monitor says of one feature batch.
package struct DriftAssessment: Sendable, Equatable {
  package struct Feature: Sendable, Equatable {
    package var isDrifted: Bool
    /// Baseline standard deviations between the means; NaN when either side has no present value.
    package var score: Double
    package var baselineMean: Double
    package var newMean: Double

    package init(isDrifted: Bool, score: Double, baselineMean: Double, newMean: Double) {
      self.isDrifted = isDrifted
      self.score = score
      self.baselineMean = baselineMean
      self.newMean = newMean
    }
  }

  /// One entry a column, in the baseline's order.
  package var features: [Feature]
  /// The columns' names; nil means `feature_0`, `feature_1`, ….
  package var names: FeatureNames?
  package var driftedCount: Int
  /// The largest score; nil when no column could be scored.
  package var maximumScore: Double?
  package var severity: Severity

  package init(
    features: [Feature], names: FeatureNames?, driftedCount: Int, maximumScore: Double?, severity: Severity
  ) {
    self.features = features
    self.names = names
    self.driftedCount = driftedCount
    self.maximumScore = maximumScore
    self.severity = severity
  }

  package var isDrifted: Bool { driftedCount > 0 }

  /// The name of column `index`.
  package func name(of index: Int) -> String { names?.names[index] ?? "feature_\(index)" }

  /// The `count` drifted columns with the largest scores, largest first, ties in column order.
  ///
  /// Cost: O(columns · count); `count` is small.
  package func topDrifted(_ count: Int) -> [ScoredFeature] {
    var top: [(index: Int, score: Double)] = []
    for (index, feature) in features.enumerated() where feature.isDrifted {
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
