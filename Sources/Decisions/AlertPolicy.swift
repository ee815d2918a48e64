package import Events

/// Turns a monitor's findings into alert episodes: inactive → pending → firing → recovering → resolved.
///
/// A violation that lasts opens an episode; evaluations well below the alarm begin its recovery; a recovery that
/// lasts ends it, and a violation before that makes it fire again, under the same ordinal. It moves only when a
/// finding comes, by the time of that: no data changes nothing, and nothing here waits for a clock. With
/// ``AlertSettings/immediate`` it opens with the first violation and ends with the first finding without one.
///
/// One value for each monitor of a model. It never opens two episodes at once, and every episode
/// that opened resolves under the same ordinal. Memory: 16 bytes, and about 400 more while something is open,
/// pending or opened of late.
package struct AlertPolicy: Sendable, Equatable {
  private(set) var openings: UInt64 = 0
  /// One, or none while there is nothing to know, which keeps the many that are quiet small.
  private(set) var courses: [Course] = []

  package init() {}

  init(openings: UInt64, course: Course?) {
    self.openings = openings
    courses = course.map { [$0] } ?? []
  }

  /// What is known of an alert that is open, about to open, or was of late.
  struct Course: Sendable, Equatable {
    enum Phase: Sendable, Equatable {
      case quiet
      case pending(since: Timestamp)
      /// So many evaluations running were clear.
      case firing(clear: Int)
      case recovering(since: Timestamp)
      /// It would be over, and flaps too much to say so.
      case withheld
    }

    var phase = Phase.quiet
    var episode: Episode?
    /// What the last evaluation found.
    var finding: Finding?
    var evaluatedAt = Timestamp.min
    var flags: AlertFlags = []
    var penalty = FlapPenalty()
  }

  /// The episode that is open now.
  package var openEpisode: Episode? { courses.first?.episode }

  /// Where it stands; nil while it is inactive.
  package var state: AlertState? { courses.first?.state }

  /// What is known of the open episode beside that; as last noted.
  package var flags: AlertFlags { courses.first?.flags ?? [] }

  /// Whether a finding could change anything: one that violates nothing, while nothing is known, cannot.
  package func isMoved(byViolation isViolated: Bool) -> Bool { isViolated || !courses.isEmpty }

  /// Takes what an evaluation found.
  ///
  /// - Returns: what is to be published, or nil when nothing changed.
  package mutating func observe(
    _ finding: Finding, at time: Timestamp, by settings: AlertSettings = .immediate
  ) -> AlertTransition? {
    guard isMoved(byViolation: finding.isViolated) else { return nil }
    if courses.isEmpty { courses.append(Course()) }
    let transition = courses[0].observe(finding, at: time, by: settings, openings: &openings)
    forget(at: time, by: settings)
    return transition
  }

  /// Ends the open episode, whatever was found.
  package mutating func resolve(
    _ reason: ResolveReason, at time: Timestamp, by settings: AlertSettings = .immediate
  ) -> AlertTransition? {
    guard openEpisode != nil else { return nil }
    let transition = courses[0].end(reason, at: time)
    forget(at: time, by: settings)
    return transition
  }

  /// Forgets the open episode, which goes on elsewhere; the count of openings stays.
  package mutating func forgetEpisode() { courses = [] }

  /// Notes what is known from elsewhere of the open episode.
  ///
  /// - Parameter telling: the flags whose change is worth a revision.
  package mutating func note(_ flags: AlertFlags, telling: AlertFlags) -> AlertTransition? {
    guard openEpisode != nil else { return nil }
    return courses[0].note(flags, telling: telling)
  }

  /// The open episode as it was last published, with what was found since.
  package var standing: AlertTransition? { courses.first?.standing }

  private mutating func forget(at time: Timestamp, by settings: AlertSettings) {
    guard let course = courses.first, course.phase == .quiet,
      course.penalty.isOver(at: time, by: settings.flap)
    else { return }
    courses = []
  }
}

extension AlertPolicy.Course {
  var state: AlertState? {
    switch phase {
    case .quiet: nil
    case .pending: .pending
    case .firing: .firing
    case .recovering, .withheld: .recovering
    }
  }

  /// - Parameter openings: counted on when an episode opens, whose ordinal it is.
  mutating func observe(
    _ finding: Finding, at time: Timestamp, by settings: AlertSettings, openings: inout UInt64
  ) -> AlertTransition? {
    (self.finding, evaluatedAt) = (finding, time)
    let wasSuppressed = penalty.isSuppressed
    penalty.release(at: time, by: settings.flap)
    let transition = step(finding, at: time, by: settings, openings: &openings)
    guard wasSuppressed, !penalty.isSuppressed else { return transition }
    flags.remove(.flapping)
    if phase == .withheld { return end(.recovered, at: time) }
    guard var transition else { return revised(.updated) }
    transition.flags = flags
    return transition
  }

  private mutating func step(
    _ finding: Finding, at time: Timestamp, by settings: AlertSettings, openings: inout UInt64
  ) -> AlertTransition? {
    switch phase {
    case .quiet:
      guard settings.isEnough(finding) else { return nil }
      if settings.hold > .zero {
        phase = .pending(since: time)
        return nil
      }
      return open(at: time, by: settings, &openings)
    case .pending(let since):
      guard settings.isEnough(finding) else {
        phase = .quiet
        return nil
      }
      return since.duration(to: time) >= settings.hold ? open(at: time, by: settings, &openings) : nil
    case .firing(let clear):
      if finding.isViolated { return fire(finding.severity) }
      phase = .firing(clear: settings.isClear(finding) ? clear + 1 : 0)
      return clear + 1 >= settings.clearEvaluations && settings.isClear(finding)
        ? recover(at: time, by: settings) : nil
    case .recovering(let since):
      if finding.isViolated {
        phase = .firing(clear: 0)
        return penalty.isSuppressed ? fire(finding.severity) : refire(finding.severity)
      }
      return since.duration(to: time) >= settings.keepFiringFor ? finish(at: time) : nil
    case .withheld:
      guard settings.isEnough(finding) else { return nil }
      if let flap = settings.flap { penalty.open(at: time, by: flap) }
      phase = .firing(clear: 0)
      return nil
    }
  }

  private mutating func open(
    at time: Timestamp, by settings: AlertSettings, _ openings: inout UInt64
  ) -> AlertTransition? {
    openings += 1
    if let flap = settings.flap { penalty.open(at: time, by: flap) }
    flags = penalty.isSuppressed ? .flapping : []
    episode = Episode(
      ordinal: openings, revision: 0, openedAt: time, severity: finding?.severity ?? .high)
    phase = .firing(clear: 0)
    return revised(.opened)
  }

  /// It goes on; only another severity is told.
  private mutating func fire(_ severity: Severity) -> AlertTransition? {
    phase = .firing(clear: 0)
    guard episode?.severity != severity else { return nil }
    episode?.severity = severity
    return revised(.updated)
  }

  private mutating func refire(_ severity: Severity) -> AlertTransition? {
    episode?.severity = severity
    return revised(.updated)
  }

  private mutating func recover(at time: Timestamp, by settings: AlertSettings) -> AlertTransition? {
    guard settings.keepFiringFor > .zero else { return finish(at: time) }
    phase = .recovering(since: time)
    // While it flaps, going to and fro is what is not told.
    return penalty.isSuppressed ? nil : revised(.updated)
  }

  private mutating func finish(at time: Timestamp) -> AlertTransition? {
    guard penalty.isSuppressed else { return end(.recovered, at: time) }
    phase = .withheld
    return nil
  }

  mutating func end(_ reason: ResolveReason, at time: Timestamp) -> AlertTransition? {
    evaluatedAt = max(evaluatedAt, time)
    phase = .quiet
    var transition = revised(.resolved)
    transition?.reason = reason
    (episode, finding, flags) = (nil, nil, [])
    return transition
  }

  mutating func note(_ noted: AlertFlags, telling: AlertFlags) -> AlertTransition? {
    let now = noted.union(flags.intersection(.flapping))
    let changed = flags.symmetricDifference(now)
    flags = now
    return changed.isDisjoint(with: telling) ? nil : revised(.updated)
  }

  /// What is published under the next revision.
  private mutating func revised(_ change: AlertTransition.Change) -> AlertTransition? {
    episode?.revision += 1
    guard let episode, let finding else { return nil }
    return AlertTransition(
      change: change, episode: episode, finding: finding, state: change == .resolved ? .resolved : state,
      flags: flags, evaluatedAt: evaluatedAt)
  }

  var standing: AlertTransition? {
    guard let episode, let finding else { return nil }
    return AlertTransition(
      change: episode.revision == 1 ? .opened : .updated, episode: episode, finding: finding, state: state,
      flags: flags, evaluatedAt: evaluatedAt)
  }
}
