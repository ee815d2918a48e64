/// One alert, from the first violation to its end. Its id is a digest of model, version, monitor,
/// ordinal and opening time, so a recomputation yields the same id and a later run another.
package struct Episode: Sendable, Equatable {
  /// From 1, one more each time this alert of this model opens.
  package var ordinal: UInt64
  /// From 1, one more each time something about it is published. A consumer applies an event only
  /// when its revision is larger than what it knows.
  package var revision: UInt64
  package var openedAt: Timestamp
  package var severity: Severity

  package init(ordinal: UInt64, revision: UInt64, openedAt: Timestamp, severity: Severity) {
    self.ordinal = ordinal
    self.revision = revision
    self.openedAt = openedAt
    self.severity = severity
  }
}

/// Where an alert stands between nothing and its end.
package enum AlertState: String, CaseIterable, Sendable {
  /// Violated, and not yet for long enough. No episode has opened, and nothing is published.
  case pending
  case firing
  /// What opened it is over, and is to stay so for a while before the episode ends.
  case recovering
  case resolved
}

/// What is known of an alert beside where it stands.
package struct AlertFlags: OptionSet, Sendable, Hashable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Its model is silent: it says how things were.
  package static let stale = AlertFlags(rawValue: 1)
  /// It opened too often: the episode stays open, and what would end it or open it anew is not published.
  package static let flapping = AlertFlags(rawValue: 2)
  /// A silence matches it: whoever notifies people is not to.
  package static let silenced = AlertFlags(rawValue: 4)
  /// Its model is silent, or sends other columns than the baseline's: it follows from that.
  package static let inhibitedByNoData = AlertFlags(rawValue: 8)
  package static let inhibitedBySchema = AlertFlags(rawValue: 16)

  package static let inhibited: AlertFlags = [.inhibitedByNoData, .inhibitedBySchema]

  /// What inhibits it.
  package var inhibitors: [MonitorKind] {
    (contains(.inhibitedByNoData) ? [.noData] : []) + (contains(.inhibitedBySchema) ? [.schema] : [])
  }

  /// The words for it on the wire, in the order above.
  package var words: [StaticString] {
    var words: [StaticString] = []
    if contains(.stale) { words.append("stale") }
    if contains(.flapping) { words.append("flapping") }
    if contains(.silenced) { words.append("silenced") }
    if !isDisjoint(with: .inhibited) { words.append("inhibited") }
    return words
  }
}

/// Why an episode ended.
package enum ResolveReason: String, CaseIterable, Sendable {
  case recovered
  /// A newer version of the model is there, and this one is silent.
  case modelReplaced = "model_replaced"
  /// What it was raised by is no longer configured.
  case ruleRemoved = "rule_removed"
  /// The model is no longer configured.
  case modelRetired = "model_retired"
  /// An operator said so.
  case manual
  /// Nothing was heard that could end it, for too long.
  case expired
}

/// An alert that opened, changed or ended; or, where it is asked for, one as it stands.
package struct AlertTransition: Sendable, Equatable {
  package enum Change: String, Sendable {
    case opened
    case updated
    case resolved
  }

  package var change: Change
  package var episode: Episode
  /// What the last evaluation found.
  package var finding: Finding
  package var state: AlertState
  package var flags: AlertFlags
  /// Of a resolved one.
  package var reason: ResolveReason?
  /// Model time of the last evaluation; of monitors that live by arrival, arrival.
  package var evaluatedAt: Timestamp
  package var circumstances = Circumstances()

  /// What whoever publishes it knows beside.
  package struct Circumstances: Sendable, Equatable {
    /// The score at or below which an evaluation counts towards its end.
    package var clearScore = 1.0
    /// Which settings judge it: other settings, another number.
    package var ruleRevision: UInt32 = 0
    /// The share of messages that came of those that were sent since the last decision; nil where none are counted.
    package var coverage: Double?
    /// For how long after it was sent it is to be believed.
    package var validFor = Duration.seconds(240)

    package init() {}
  }

  package init(
    change: Change, episode: Episode, finding: Finding, state: AlertState? = nil, flags: AlertFlags = [],
    reason: ResolveReason? = nil, evaluatedAt: Timestamp? = nil
  ) {
    self.change = change
    self.episode = episode
    self.finding = finding
    self.state = state ?? (change == .resolved ? .resolved : .firing)
    self.flags = flags
    self.reason = reason ?? (change == .resolved ? .recovered : nil)
    self.evaluatedAt = evaluatedAt ?? episode.openedAt
  }
}
