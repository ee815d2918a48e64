/// All that is told of one model to whoever looks at it alone.
package struct ModelDetail: Sendable {
  package var summary: ModelSummary
  package var monitors: [MonitorReport]
  /// Nil before a batch was judged.
  package var features: FeaturesReport?
  package var sources: [SourceReport]
  /// More sources speak of it than are known by name.
  package var hasMoreSources: Bool
  package var retrain: RetrainReport
  package var timers: [TimerReport]

  package init(
    summary: ModelSummary, monitors: [MonitorReport], features: FeaturesReport?, sources: [SourceReport],
    hasMoreSources: Bool, retrain: RetrainReport, timers: [TimerReport]
  ) {
    (self.summary, self.monitors, self.features) = (summary, monitors, features)
    (self.sources, self.hasMoreSources) = (sources, hasMoreSources)
    (self.retrain, self.timers) = (retrain, timers)
  }
}

/// Where one monitor stands.
package struct MonitorReport: Sendable, Equatable {
  package enum State: String, Sendable {
    case noData = "no_data"
    case learning
    case watching
    case violated
  }

  /// Where of the threshold a value is wrong.
  package enum Direction: String, Sendable {
    case above
    case below
    case outside
  }

  package var monitor: MonitorKind
  package var metric: String?
  package var state: State
  package var value: Double?
  package var threshold: Double?
  package var direction: Direction
  /// See ``MonitorScore``.
  package var score: Double?
  /// Of preset `standard`.
  package var origin: WatchReport.Origin?
  /// While learning: cases so far, of so many.
  package var progress: Progress?
  package var evidence: Evidence?

  package struct Progress: Sendable, Equatable {
    package var seen: Int
    package var wanted: Int

    package init(seen: Int, wanted: Int) { (self.seen, self.wanted) = (seen, wanted) }
  }

  package init(
    monitor: MonitorKind, metric: String? = nil, state: State, value: Double? = nil, threshold: Double? = nil,
    direction: Direction, score: Double? = nil, origin: WatchReport.Origin? = nil, progress: Progress? = nil,
    evidence: Evidence? = nil
  ) {
    (self.monitor, self.metric, self.state) = (monitor, metric, state)
    (self.value, self.threshold, self.direction) = (value, threshold, direction)
    (self.score, self.origin, self.progress, self.evidence) = (score, origin, progress, evidence)
  }
}

/// The features of the last judged batch, the largest scores first.
package struct FeaturesReport: Sendable, Equatable {
  package var total: Int
  package var drifted: Int
  /// At most ``most``, those that drift before the others.
  package var top: [FeatureReport]

  /// With two distributions of 22 bins each about 1 KiB a feature.
  package static let most = 20

  package init(total: Int, drifted: Int, top: [FeatureReport]) {
    (self.total, self.drifted, self.top) = (total, drifted, top)
  }
}

/// One feature of the last judged batch.
package struct FeatureReport: Sendable, Equatable {
  package var name: String
  package var feature: DriftAssessment.Feature
  /// Of preset `standard`.
  package var distribution: Distribution?

  /// Rows of the reference and of now, bin by bin.
  package struct Distribution: Sendable, Equatable {
    package var bins: [String]
    package var reference: [UInt32]
    /// Since the change where there is one, else of all that was judged.
    package var current: [UInt32]

    package init(bins: [String], reference: [UInt32], current: [UInt32]) {
      (self.bins, self.reference, self.current) = (bins, reference, current)
    }
  }

  package init(name: String, feature: DriftAssessment.Feature, distribution: Distribution?) {
    (self.name, self.feature, self.distribution) = (name, feature, distribution)
  }
}

/// Why a model would be retrained now, or would not.
package struct RetrainReport: Sendable, Equatable {
  /// One rule with its number.
  package struct Rule: Sendable, Equatable {
    package enum Name: String, Sendable {
      case accuracyDrop = "accuracy_drop"
      case drift
      case elapsedTime = "elapsed_time"
    }

    package var name: Name
    /// Nil when there is nothing to judge by.
    package var value: Double?
    package var threshold: Double
    package var unit: String
    /// When it fires.
    package var reason: TriggerReason?

    package init(_ name: Name, value: Double?, threshold: Double, unit: String, reason: TriggerReason?) {
      (self.name, self.value, self.threshold) = (name, value, threshold)
      (self.unit, self.reason) = (unit, reason)
    }
  }

  /// What stands in the way.
  package enum Block: Sendable, Equatable {
    case noRuleFires
    case minimumTime(Duration, until: Timestamp)
    case openDecision(DecisionReport, until: Timestamp)
    case observing
    /// Nothing is decided, since it could not be kept.
    case journalFailing
    /// Many models of its feed drift at once: that is the data, not the model.
    case fleetHold
    /// Its drift follows from other alerts, and is no reason.
    case inhibited(by: [MonitorKind])
  }

  package var isObserving: Bool
  package var wouldRetrain: Bool
  package var rules: [Rule]
  package var blocks: [Block]
  package var minimumTime: Duration
  package var lastRetrain: Timestamp
  /// As of a decision made now.
  package var coverage: Double?

  package init(
    isObserving: Bool, wouldRetrain: Bool, rules: [Rule], blocks: [Block], minimumTime: Duration,
    lastRetrain: Timestamp, coverage: Double?
  ) {
    (self.isObserving, self.wouldRetrain, self.rules) = (isObserving, wouldRetrain, rules)
    (self.blocks, self.minimumTime) = (blocks, minimumTime)
    (self.lastRetrain, self.coverage) = (lastRetrain, coverage)
  }
}

/// What falls due without an event, and when, by the arrival clock.
package struct TimerReport: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case elapsedTime = "elapsed_time"
    /// The decision is sent again.
    case resend
    /// The decision expires.
    case expiry
    /// Another attempt is issued.
    case retry
    /// The attempt has failed unless it is started.
    case start
    /// The attempt has failed unless it has ended.
    case finish
    /// It is judged whether the retrain helped.
    case verify
    case noData = "no_data"
  }

  package var kind: Kind
  package var at: Timestamp

  package init(_ kind: Kind, at: Timestamp) { (self.kind, self.at) = (kind, at) }
}
