package import Events

/// Turns a monitor's findings into alert episodes: opens with the first violation, resolves with the
/// first finding that violates nothing, and says in between only that the severity changed.
///
/// One value for each monitor of a model. It never opens two episodes at once, and every episode
/// that opened resolves under the same ordinal.
package struct AlertPolicy: Sendable, Equatable {
  private enum State: Sendable, Equatable {
    case inactive
    case firing(Episode)
  }

  private var state = State.inactive
  private(set) var openings: UInt64 = 0

  package init() {}

  init(openings: UInt64, openEpisode: Episode?) {
    self.openings = openings
    state = openEpisode.map(State.firing) ?? .inactive
  }

  /// The episode that is open now.
  package var openEpisode: Episode? {
    guard case .firing(let episode) = state else { return nil }
    return episode
  }

  /// Whether a finding could change anything: one that violates nothing, while nothing is open, cannot.
  package func isMoved(byViolation isViolated: Bool) -> Bool { isViolated || state != .inactive }

  /// - Returns: what is to be published, or nil when nothing changed.
  package mutating func observe(_ finding: Finding, at time: Timestamp) -> AlertTransition? {
    switch (state, finding.isViolated) {
    case (.inactive, false):
      return nil
    case (.inactive, true):
      openings += 1
      let episode = Episode(ordinal: openings, revision: 1, openedAt: time, severity: finding.severity)
      state = .firing(episode)
      return AlertTransition(change: .opened, episode: episode, finding: finding)
    case (.firing(var episode), true):
      guard episode.severity != finding.severity else { return nil }
      episode.severity = finding.severity
      episode.revision += 1
      state = .firing(episode)
      return AlertTransition(change: .updated, episode: episode, finding: finding)
    case (.firing(var episode), false):
      episode.revision += 1
      state = .inactive
      return AlertTransition(change: .resolved, episode: episode, finding: finding)
    }
  }
}
