/// What names a decision to retrain: a digest of model, version, ordinal and cause, so that deciding it again
/// after a crash gives the same name. 43 characters, legal as a Kubernetes name and as a request token of
/// common training services.
package struct DecisionID: Hashable, Sendable, CustomStringConvertible {
  package let text: String
  /// More than any id of ours has.
  package static let maximumBytes = 128

  package init(_ text: String) { self.text = text }

  package var description: String { text }

  /// What names one attempt: the idempotency key of whoever carries it out.
  package func attempt(_ number: Int) -> String { "\(text)-a\(number)" }
}

/// A digest of texts, as `prefix` and 40 hexadecimal digits: what ids are made with. Equal parts give equal
/// digests, in every run.
package typealias Digest = @Sendable (_ prefix: String, _ parts: [String]) -> String

/// Where a decision stands.
package enum DecisionState: String, CaseIterable, Sendable {
  /// In `observe` mode: decided and explained, asked of nobody.
  case proposed
  case issued
  case acked
  case started
  case succeeded
  case verified
  case failed
  case rejected
  case expired
  case superseded
  case cancelled
}

/// A decision to retrain one model, or another attempt of it.
package struct RetrainDecision: Sendable, Equatable {
  package var id: DecisionID
  /// From 1, one more for each decision on this model and version; part of the decision's id.
  package var ordinal: UInt64
  package var assessment: RetrainAssessment
  /// The alerts that are open while it is made.
  package var episodes: [EpisodeReference]
  /// True in `observe` mode: decided and explained, asked of nobody.
  package var isDryRun: Bool
  /// From 1.
  package var attempt = 1
  /// From 1, one more with each message about this decision.
  package var revision: UInt64 = 1
  /// Of the messages that the model's sources sent since its last decision, the share that came; nil when one
  /// of them does not number, so that nobody can know.
  package var coverage: Double?
  /// The model times between which its evidence lies: from the decision before it, or the model's first
  /// event, to this one.
  package var window: Window
  /// How long it waits for somebody to act.
  package var expiresAfter: Duration

  package struct Window: Sendable, Equatable {
    package var from: Timestamp
    package var to: Timestamp

    package init(from: Timestamp, to: Timestamp) {
      self.from = from
      self.to = to
    }
  }

  package init(
    id: DecisionID, ordinal: UInt64, assessment: RetrainAssessment, episodes: [EpisodeReference],
    isDryRun: Bool, coverage: Double?, window: Window, expiresAfter: Duration
  ) {
    self.id = id
    self.ordinal = ordinal
    self.assessment = assessment
    self.episodes = episodes
    self.isDryRun = isDryRun
    self.coverage = coverage
    self.window = window
    self.expiresAfter = expiresAfter
  }
}

/// What an episode's id is made of, besides the model.
package struct EpisodeReference: Sendable, Equatable {
  package var monitor: MonitorKind
  package var ordinal: UInt64
  package var openedAt: Timestamp

  package init(monitor: MonitorKind, ordinal: UInt64, openedAt: Timestamp) {
    self.monitor = monitor
    self.ordinal = ordinal
    self.openedAt = openedAt
  }
}

/// What became of a decision. A reader applies it only when its revision is above what it knows.
package struct DecisionChange: Sendable, Equatable {
  package var decision: DecisionID
  package var attempt: Int
  package var revision: UInt64
  package var state: DecisionState
  /// Arrival time.
  package var at: Timestamp
  package var owner: String?
  package var reason: String?
  package var supersededBy: DecisionID?
  /// The decision is over: no further attempt follows.
  package var isFinal: Bool
  /// When another attempt is issued, if one is.
  package var retryAt: Timestamp?

  package init(
    decision: DecisionID, attempt: Int, revision: UInt64, state: DecisionState, at: Timestamp,
    owner: String? = nil, reason: String? = nil, supersededBy: DecisionID? = nil, isFinal: Bool = false,
    retryAt: Timestamp? = nil
  ) {
    self.decision = decision
    self.attempt = attempt
    self.revision = revision
    self.state = state
    self.at = at
    self.owner = owner
    self.reason = reason
    self.supersededBy = supersededBy
    self.isFinal = isFinal
    self.retryAt = retryAt
  }
}
