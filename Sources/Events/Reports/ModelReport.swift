/// What is told of one model to whoever looks at the fleet: where it stands, by its last event.
///
/// A final class, so that a snapshot of all models is a list of references, and those that did not change are the
/// same objects as in the snapshot before. About 400 bytes; there are none while nobody asks.
package final class ModelReport: Sendable {
  package let summary: ModelSummary

  package init(_ summary: ModelSummary) { self.summary = summary }
}

/// The content of a ``ModelReport``.
package struct ModelSummary: Sendable, Equatable {
  package var key: ModelKey
  /// By preset `standard`, else by `reference`.
  package var isStandard: Bool
  /// When its last event came, by the arrival clock.
  package var lastHeard: Timestamp
  /// Its largest event time.
  package var modelTime: Timestamp
  /// After so long without an event it is stale.
  package var staleAfter: Duration
  /// Events since this process began.
  package var events: UInt64
  /// Whether a reference is still being learned, or nothing was measured yet.
  package var isLearning: Bool
  /// Whether silences match every alert that is open, so that nobody is notified.
  package var isSilenced: Bool { !alerts.isEmpty && alerts.allSatisfy { $0.flags.contains(.silenced) } }
  /// The latest, as a share.
  package var accuracy: Double?
  package var baselineAccuracy: Double
  /// The latest, in milliseconds.
  package var latency: Double?
  package var drift: DriftReport?
  /// Scores of the last batches, oldest first; nil where a batch had none. At most ``recentScores``.
  package var recentDrift: [Double?]
  /// How near each monitor is to its limit, where that can be told.
  package var scores: [MonitorScore]
  package var alerts: [AlertReport]
  package var decision: DecisionReport?
  package var nextAllowedRetrain: Timestamp

  package static let recentScores = 24
  /// Without `no_data_after` a model is stale after an hour.
  package static let defaultStaleAfter = Duration.seconds(3600)

  package init(
    key: ModelKey, isStandard: Bool, lastHeard: Timestamp, modelTime: Timestamp, staleAfter: Duration,
    events: UInt64, isLearning: Bool, accuracy: Double?, baselineAccuracy: Double, latency: Double?,
    drift: DriftReport?, recentDrift: [Double?], scores: [MonitorScore], alerts: [AlertReport],
    decision: DecisionReport?, nextAllowedRetrain: Timestamp
  ) {
    (self.key, self.isStandard, self.lastHeard, self.modelTime) = (key, isStandard, lastHeard, modelTime)
    (self.staleAfter, self.events, self.isLearning) = (staleAfter, events, isLearning)
    (self.accuracy, self.baselineAccuracy, self.latency) = (accuracy, baselineAccuracy, latency)
    (self.drift, self.recentDrift, self.scores) = (drift, recentDrift, scores)
    (self.alerts, self.decision, self.nextAllowedRetrain) = (alerts, decision, nextAllowedRetrain)
  }

  /// In which the first that holds counts; see the OpenAPI file.
  package enum State: String, CaseIterable, Sendable {
    case healthy
    case alerting
    case stale
    case learning
    case silenced
  }

  package func state(at now: Timestamp) -> State {
    if isSilenced { return .silenced }
    if alerts.contains(where: { $0.monitor != .noData }) { return .alerting }
    if !alerts.isEmpty || lastHeard.duration(to: now) > staleAfter { return .stale }
    return isLearning ? .learning : .healthy
  }

  /// From 0 to 1, how soon somebody should look; the weights stand in the OpenAPI file.
  package func urgency(at now: Timestamp) -> Double {
    let state = state(at: now)
    var urgency = 0.0
    let open = alerts.filter { $0.monitor != .noData }
    if let worst = open.map(\.episode.severity).max() {
      urgency = Self.weight(of: worst) + 0.01 * Double(min(9, open.count - 1))
    }
    if !alerts.filter({ $0.monitor == .noData }).isEmpty || lastHeard.duration(to: now) > staleAfter {
      urgency = max(urgency, 0.5)
    }
    if let decision, decision.isOpen { urgency = max(urgency, decision.state == .issued ? 0.3 : 0.2) }
    if state == .learning { urgency = max(urgency, 0.1) }
    return state == .silenced ? urgency / 2 : urgency
  }

  private static func weight(of severity: Severity) -> Double {
    switch severity {
    case .high: 0.9
    case .medium: 0.6
    case .low: 0.4
    }
  }
}

/// What the last judged batch of features came to.
package struct DriftReport: Sendable, Equatable {
  /// Nil when no column could be scored.
  package var score: Double?
  /// In deviations of the baseline by preset `reference`, as a stability index by `standard`.
  package var threshold: Double
  package var drifted: Int
  package var features: Int
  package var severity: Severity
  /// Model time.
  package var at: Timestamp

  package init(
    score: Double?, threshold: Double, drifted: Int, features: Int, severity: Severity, at: Timestamp
  ) {
    (self.score, self.threshold, self.drifted) = (score, threshold, drifted)
    (self.features, self.severity, self.at) = (features, severity, at)
  }
}

/// How near one monitor is to its limit: 1 is at it, more is beyond.
package struct MonitorScore: Sendable, Equatable {
  package var monitor: MonitorKind
  /// Of a business metric.
  package var metric: String?
  package var score: Double

  package init(_ monitor: MonitorKind, metric: String? = nil, _ score: Double) {
    (self.monitor, self.metric, self.score) = (monitor, metric, score)
  }
}

/// An alert that is open, with what its monitor says now.
package struct AlertReport: Sendable, Equatable {
  package var monitor: MonitorKind
  package var metric: String?
  /// What it is about when that is no model.
  package var source: SourceName?
  package var episode: Episode
  package var value: Double?
  package var threshold: Double?
  /// `firing` or `recovering`.
  package var state: AlertState
  package var flags: AlertFlags

  package init(
    monitor: MonitorKind, metric: String? = nil, source: SourceName? = nil, episode: Episode,
    value: Double? = nil, threshold: Double? = nil, state: AlertState = .firing, flags: AlertFlags = []
  ) {
    (self.monitor, self.metric, self.source) = (monitor, metric, source)
    (self.episode, self.value, self.threshold) = (episode, value, threshold)
    (self.state, self.flags) = (state, flags)
  }
}

/// The decision of a model that is open, else the one that ended last.
package struct DecisionReport: Sendable, Equatable {
  package var id: DecisionID
  package var state: DecisionState
  package var attempt: Int
  package var isOpen: Bool

  package init(id: DecisionID, state: DecisionState, attempt: Int, isOpen: Bool) {
    (self.id, self.state, self.attempt, self.isOpen) = (id, state, attempt, isOpen)
  }
}
