import Decisions
import Events
import Testing

/// What is found when, and what is to be published when, in minutes: a scenario as a table.
///
///     AlertTimeline(.standard) {
///       push(at(0), 1.2)
///       want(at(0), .opened, .firing)
///       push(every(1, from: 1, through: 14), 0.5)
///       want(between(3, 3.5), .updated, .recovering)
///     }.check()
///
/// Findings are taken in the order of time; every transition must meet the next `want`, and none may be left.
struct AlertTimeline {
  enum Step {
    case push(times: [Double], score: Double, Severity, samples: Int)
    case end(Double, ResolveReason)
    case want(ClosedRange<Double>, AlertTransition.Change, AlertState, AlertFlags, Severity?, ResolveReason?)
    /// The policy is written down and read back.
    case restart(Double)
  }

  let settings: AlertSettings
  let steps: [Step]

  init(_ settings: AlertSettings, @StepBuilder _ steps: () -> [Step]) {
    (self.settings, self.steps) = (settings, steps())
  }

  @resultBuilder enum StepBuilder {
    static func buildBlock(_ steps: Step...) -> [Step] { steps }
  }

  private enum Act {
    case observe(Finding)
    case end(ResolveReason)
    case restart
  }

  /// - Returns: the policy as it is at the end.
  @discardableResult
  func check(_ location: SourceLocation = #_sourceLocation) throws -> AlertPolicy {
    var policy = AlertPolicy()
    var acts: [(at: Double, act: Act)] = []
    var wants: [Step] = []
    for step in steps {
      switch step {
      case .push(let times, let score, let severity, let samples):
        acts += times.map { ($0, .observe(Self.finding(score, severity, samples))) }
      case .end(let at, let reason): acts.append((at, .end(reason)))
      case .restart(let at): acts.append((at, .restart))
      case .want: wants.append(step)
      }
    }
    var next = wants.makeIterator()
    var known: Episode?
    for (_, (at, act)) in acts.enumerated().sorted(by: { ($0.1.at, $0.0) < ($1.1.at, $1.0) }) {
      let time = Timestamp(nanoseconds: Int64(at * 60e9))
      var transition: AlertTransition?
      switch act {
      case .observe(let finding): transition = policy.observe(finding, at: time, by: settings)
      case .end(let reason): transition = policy.resolve(reason, at: time, by: settings)
      case .restart: policy = try Self.restarted(policy)
      }
      guard let transition else { continue }
      guard case .want(let range, let change, let state, let flags, let severity, let reason)? = next.next()
      else {
        Issue.record("at \(at) min \(transition.change), nothing wanted", sourceLocation: location)
        continue
      }
      let words: Comment =
        "at \(at) min \(transition.change) \(transition.state), want \(change) \(state) in \(range)"
      #expect(range.contains(at), words, sourceLocation: location)
      #expect((transition.change, transition.state) == (change, state), words, sourceLocation: location)
      #expect(transition.flags == flags, words, sourceLocation: location)
      #expect(severity == nil || transition.episode.severity == severity, words, sourceLocation: location)
      #expect(
        transition.reason == (reason ?? (change == .resolved ? .recovered : nil)), words,
        sourceLocation: location)
      #expect(transition.evaluatedAt == time, words, sourceLocation: location)
      Self.checkOrder(transition, after: known, location)
      known = change == .resolved ? nil : transition.episode
      #expect(policy.openEpisode == known, words, sourceLocation: location)
    }
    while let want = next.next() { Issue.record("never came: \(want)", sourceLocation: location) }
    return policy
  }

  /// Opened, then the same ordinal with rising revisions.
  private static func checkOrder(
    _ transition: AlertTransition, after known: Episode?, _ location: SourceLocation
  ) {
    guard let known else {
      return #expect(
        transition.change == .opened && transition.episode.revision == 1, sourceLocation: location)
    }
    #expect(transition.change != .opened, sourceLocation: location)
    #expect(transition.episode.ordinal == known.ordinal, sourceLocation: location)
    #expect(transition.episode.openedAt == known.openedAt, sourceLocation: location)
    #expect(transition.episode.revision == known.revision + 1, sourceLocation: location)
  }

  private static func finding(_ score: Double, _ severity: Severity, _ samples: Int) -> Finding {
    let evidence = Evidence(
      log10: 4 * score, threshold: 4, count: samples, effect: 1, minimumEffect: 0,
      change: .init(at: nil, measurements: 1, isGradual: false))
    return Finding(
      monitor: .drift, isViolated: score >= 1, severity: severity, value: score, threshold: 1,
      evidence: evidence, score: score)
  }

  static func restarted(_ policy: AlertPolicy) throws -> AlertPolicy {
    var writer = StateWriter()
    policy.encode(to: &writer)
    policy.encodeCourse(to: &writer)
    var reader = StateReader(writer.bytes)
    var restored = try AlertPolicy(from: &reader, unknown: finding(1, .high, 1))
    try restored.restoreCourse(from: &reader)
    try reader.end()
    #expect(restored == policy)
    return restored
  }
}

/// Minutes.
func at(_ minute: Double) -> ClosedRange<Double> { minute...minute }
func between(_ from: Double, _ to: Double) -> ClosedRange<Double> { from...to }
func every(_ step: Double, from: Double, through: Double) -> [Double] {
  Array(stride(from: from, through: through, by: step))
}

/// A finding of that score: from 1 on it is a violation.
func push(
  _ at: ClosedRange<Double>, _ score: Double, _ severity: Severity = .high, samples: Int = 1
) -> AlertTimeline.Step {
  push([at.lowerBound], score, severity, samples: samples)
}

func push(
  _ times: [Double], _ score: Double, _ severity: Severity = .high, samples: Int = 1
) -> AlertTimeline.Step {
  .push(times: times, score: score, severity, samples: samples)
}

func end(_ at: ClosedRange<Double>, _ reason: ResolveReason) -> AlertTimeline.Step {
  .end(at.lowerBound, reason)
}

func restart(_ at: ClosedRange<Double>) -> AlertTimeline.Step { .restart(at.lowerBound) }

func want(
  _ range: ClosedRange<Double>, _ change: AlertTransition.Change, _ state: AlertState,
  _ flags: AlertFlags = [], severity: Severity? = nil, reason: ResolveReason? = nil
) -> AlertTimeline.Step {
  .want(range, change, state, flags, severity, reason)
}
