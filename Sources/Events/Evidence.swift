/// What stands behind a finding of preset `standard`.
package struct Evidence: Sendable, Equatable {
  /// The decimal logarithm of the e-value: 4 is ten thousand to one against no change.
  package var log10: Double
  /// What alarms: the decimal logarithm of the batches that one false alarm is allowed in.
  package var threshold: Double
  /// Cases since the change.
  package var count: Int
  /// How large the change is, in the unit of the value, and the least that matters.
  package var effect: Double
  package var minimumEffect: Double
  package var change: Change
  /// Of latency: the quantile that is exceeded most unusually often.
  package var quantile: Quantile?

  package init(
    log10: Double, threshold: Double, count: Int, effect: Double, minimumEffect: Double, change: Change,
    quantile: Quantile? = nil
  ) {
    (self.log10, self.threshold, self.count) = (log10, threshold, count)
    (self.effect, self.minimumEffect) = (effect, minimumEffect)
    (self.change, self.quantile) = (change, quantile)
  }

  /// How near the alarm is: 1 is exactly at it. Both gates must be passed, so the smaller of the two counts.
  package var score: Double { Self.score(log10, of: threshold, effect: effect, of: minimumEffect) }

  /// The same of evidence in any unit; at least 0. An effect that is not known, or of which none is asked, counts
  /// for nothing.
  package static func score(
    _ evidence: Double, of threshold: Double, effect: Double, of minimumEffect: Double
  ) -> Double {
    let certainty = threshold > 0 ? evidence / threshold : evidence >= threshold ? 1 : 0
    guard minimumEffect > 0, !effect.isNaN else { return max(0, certainty) }
    return max(0, min(certainty, effect / minimumEffect))
  }

  /// Where the change began, as far as it can be told.
  package struct Change: Sendable, Equatable {
    /// Model time of the first measurement after it; nil when that is longer ago than times are kept.
    package var at: Timestamp?
    /// Measurements since, that one included.
    package var measurements: Int
    /// A ramp rather than a step.
    package var isGradual: Bool

    package init(at: Timestamp?, measurements: Int, isGradual: Bool) {
      (self.at, self.measurements, self.isGradual) = (at, measurements, isGradual)
    }
  }

  package struct Quantile: Sendable, Equatable {
    /// 0.5, 0.95 or 0.99.
    package var level: Double
    /// Milliseconds.
    package var limit: Double

    package init(level: Double, limit: Double) { (self.level, self.limit) = (level, limit) }
  }
}

/// What one monitor of preset `standard` is at.
package struct WatchReport: Sendable, Equatable {
  package enum Stage: Sendable, Equatable {
    /// The reference is still being learned: so many cases of so many.
    case learning(seen: Int, wanted: Int)
    /// Value and threshold as in an alert; evidence is nil before the first measurement.
    case watching(value: Double, threshold: Double, Evidence?)
  }

  /// Where the reference is from.
  package enum Origin: UInt8, Sendable {
    /// The model's own first cases.
    case learned = 0
    /// The configuration.
    case configured = 1
    /// A baseline event.
    case given = 2

    /// The word for it in outputs.
    package var word: StaticString {
      switch self {
      case .learned: "learned"
      case .configured: "configured"
      case .given: "given"
      }
    }
  }

  package var monitor: MonitorKind
  /// Of a business metric.
  package var metric: String?
  package var origin: Origin
  package var stage: Stage

  package init(monitor: MonitorKind, metric: String? = nil, origin: Origin, stage: Stage) {
    (self.monitor, self.metric, self.origin, self.stage) = (monitor, metric, origin, stage)
  }

  package var isLearning: Bool { if case .learning = stage { true } else { false } }
}
