package import Events

/// The life of a model's decisions to retrain: who has claimed the one that is open, how far it is, and what
/// falls due. At most one is open; a new one supersedes it.
///
///     issued → acked → started → succeeded → verified
///        │       │        └→ failed → another attempt, or over
///        ├→ rejected, expired, cancelled, superseded
///
/// A value without a clock: reports and times in, what is to be published out. The same report twice changes
/// nothing and gets the same answer, so whoever lost the answer asks again. All times are arrival times.
package struct RetrainLife: Sendable, Equatable {
  /// What a step leads to, in order.
  package struct Step: Sendable, Equatable {
    package var publications: [Publication] = []
    /// What the alert on stalled orchestrators is to see before these publications: that somebody stalls.
    package var stall: Finding?
    /// And after them: that nobody is waited for any more.
    package var relief: Finding?
  }

  /// Where the open decision stands.
  enum Phase: Sendable, Equatable {
    /// Sent `times` times since `since`; again at `next`.
    case issued(times: Int, since: Timestamp, next: Timestamp, expires: Timestamp)
    /// Another attempt is issued at that time.
    case waiting(until: Timestamp)
    case acked(owner: String, until: Timestamp)
    case started(owner: String, until: Timestamp)
    case succeeded(owner: String, until: Timestamp)

    var state: DecisionState {
      switch self {
      case .issued: .issued
      case .waiting: .failed
      case .acked: .acked
      case .started: .started
      case .succeeded: .succeeded
      }
    }

    var owner: String? {
      switch self {
      case .issued, .waiting: nil
      case .acked(let owner, _), .started(let owner, _), .succeeded(let owner, _): owner
      }
    }
  }

  /// A decision that is not over. `decision` in the publication is as it was last issued.
  struct Open: Sendable, Equatable {
    var publication: Publication
    var decision: RetrainDecision
    /// Of the last message about it.
    var revision: UInt64
    var phase: Phase
  }

  /// The last attempt that ended, so that its report can be repeated.
  struct Ended: Sendable, Equatable {
    var decision: DecisionID
    var attempt: Int
    var state: DecisionState
    var revision: UInt64
    var owner: String?
    var isFinal: Bool
  }

  package let policy: RetrainLifePolicy
  private let digest: Digest
  /// None or one; an array, since most models have none and it is large.
  private(set) var open: [Open] = []
  private(set) var ended: [Ended] = []
  /// Whether an attempt was given up because nobody started it.
  private(set) var isStalled = false

  package init(policy: RetrainLifePolicy, digest: @escaping Digest) {
    self.policy = policy
    self.digest = digest
  }

  package static func == (left: RetrainLife, right: RetrainLife) -> Bool {
    left.open == right.open && left.ended == right.ended && left.isStalled == right.isStalled
  }

  /// What names a decision: "rt-" and a digest of the model, its ordinal and its cause.
  package func identify(_ model: ModelKey, ordinal: UInt64, cause: Cause) -> DecisionID {
    let causeID =
      switch cause {
      case .event(_, let id, _): id.description
      case .timer(let deadline): "timer:\(deadline.nanoseconds)"
      }
    return DecisionID(
      digest("rt-", [model.name.text, model.version.text, "retrain", String(ordinal), causeID]))
  }

  /// The decision that is open.
  package var openDecision: DecisionID? { open.first?.decision.id }

  /// The decision whose attempt ended last.
  package var lastEnded: DecisionID? { ended.first?.decision }

  /// When something falls due; `max` when nothing does.
  package var deadline: Timestamp {
    guard let open = open.first else { return .max }
    switch open.phase {
    case .issued(_, _, let next, let expires): return min(next, expires)
    case .waiting(let until), .acked(_, let until), .started(_, let until), .succeeded(_, let until):
      return until
    }
  }

  // MARK: Steps

  /// A new decision is published. What was open before it is superseded.
  package mutating func issue(
    _ decision: RetrainDecision, _ publication: Publication, at arrival: Timestamp
  ) -> Step {
    var step = Step()
    guard !decision.isDryRun else {
      // Asked of nobody, it takes nobody's place.
      step.publications.append(publication)
      return step
    }
    if open.first != nil {
      // At the new one's own time, so that live and replay say the same.
      change(
        .superseded, at: publication.time, cause: publication.cause, supersededBy: decision.id,
        isFinal: true, &step)
    }
    step.publications.append(publication)
    open = [
      Open(
        publication: publication, decision: decision, revision: decision.revision,
        phase: issuedPhase(at: arrival))
    ]
    return step
  }

  private func issuedPhase(at arrival: Timestamp) -> Phase {
    .issued(
      times: 1, since: arrival, next: arrival.advanced(by: policy.acknowledgeWithin),
      expires: arrival.advanced(by: policy.expiresAfter))
  }

  /// What falls due at `due`, which is ``deadline``.
  ///
  /// - Parameter isRecovered: whether the model's accuracy is as it should be.
  package mutating func fire(at due: Timestamp, isRecovered: Bool) -> Step {
    var step = Step()
    let cause = Cause.timer(due)
    switch open.first?.phase {
    case nil: break
    case .issued(let times, let since, _, let expires):
      guard due < expires else {
        change(.expired, at: due, cause: cause, isFinal: true, &step)
        break
      }
      step.publications.append(open[0].publication)
      // At 1, 2, 4, … times the wait; 40 doublings of a millisecond are more than any time allowed.
      let wait = policy.acknowledgeWithin * (1 << min(times, 40))
      open[0].phase = .issued(
        times: times + 1, since: since, next: since.advanced(by: wait), expires: expires)
    case .waiting: reissue(at: due, cause: cause, &step)
    case .acked(let owner, _):
      isStalled = true
      step.stall = stallFinding(isViolated: true)
      fail("not_started", owner, retryAt: due, at: due, cause: cause, &step)
    case .started(let owner, _): fail("timed_out", owner, retryAt: due, at: due, cause: cause, &step)
    case .succeeded(let owner, _):
      if isRecovered {
        change(.verified, at: due, cause: cause, owner: owner, isFinal: true, &step)
      } else {
        change(
          .failed, at: due, cause: cause, owner: owner, reason: "not_recovered", isFinal: true, &step)
      }
    }
    return step
  }

  private func stallFinding(isViolated: Bool) -> Finding {
    let limit = policy.startWithin.secondsValue
    return Finding(
      monitor: .orchestrator, isViolated: isViolated, severity: .high, value: isViolated ? limit : 0,
      threshold: limit)
  }

  /// The attempt has failed: another one is issued, now or later, while there are any left.
  private mutating func fail(
    _ reason: String?, _ owner: String?, _ state: DecisionState = .failed, retryAt: Timestamp?,
    at now: Timestamp, cause: Cause, _ step: inout Step
  ) {
    let mayRetry = retryAt != nil && open[0].decision.attempt < policy.attempts
    change(
      state, at: now, cause: cause, owner: owner, reason: reason, isFinal: !mayRetry,
      retryAt: mayRetry ? retryAt : nil, &step)
    guard mayRetry, let retryAt else { return }
    open[0].phase = .waiting(until: retryAt)
    if retryAt <= now { reissue(at: now, cause: cause, &step) }
  }

  private mutating func reissue(at now: Timestamp, cause: Cause, _ step: inout Step) {
    open[0].decision.attempt += 1
    open[0].revision += 1
    open[0].decision.revision = open[0].revision
    // Its evidence is the first attempt's; it is issued now, by what let it be.
    open[0].publication.time = now
    open[0].publication.cause = cause
    open[0].publication.output = .decision(open[0].decision)
    open[0].phase = issuedPhase(at: now)
    step.publications.append(open[0].publication)
  }

  /// Publishes that the open decision is in another state; over, when it is final.
  private mutating func change(
    _ state: DecisionState, at now: Timestamp, cause: Cause, owner: String? = nil, reason: String? = nil,
    supersededBy: DecisionID? = nil, isFinal: Bool = false, retryAt: Timestamp? = nil, _ step: inout Step
  ) {
    open[0].revision += 1
    let change = DecisionChange(
      decision: open[0].decision.id, attempt: open[0].decision.attempt, revision: open[0].revision,
      state: state, at: now, owner: owner, reason: reason, supersededBy: supersededBy, isFinal: isFinal,
      retryAt: retryAt)
    step.publications.append(
      Publication(
        model: open[0].publication.model, time: now, cause: cause, output: .decisionChange(change)))
    if isFinal || state == .failed || state == .rejected {
      ended = [
        Ended(
          decision: change.decision, attempt: change.attempt, state: state, revision: change.revision,
          owner: owner, isFinal: isFinal)
      ]
    }
    if isStalled && (isFinal || state == .started) {
      isStalled = false
      step.relief = stallFinding(isViolated: false)
    }
    if isFinal { open = [] }
  }

  // MARK: Reports

  /// Takes a report of a decision of this model.
  ///
  /// - Throws: why it changes nothing.
  package mutating func take(
    _ feedback: Feedback, at now: Timestamp, cause: Cause
  ) throws(FeedbackAnswer.Refusal) -> (FeedbackAnswer.Claim, Step) {
    if let repeated = repetition(of: feedback) { return (repeated, Step()) }
    guard let current = open.first, current.decision.id == feedback.decision else {
      guard let last = ended.first, last.decision == feedback.decision else {
        throw .init(.unknownDecision, "no decision \(feedback.decision.text.prefix(64)) is open")
      }
      throw .init(.final, "the decision is over: \(last.state.rawValue)", owner: last.owner)
    }
    let attempt = current.decision.attempt
    if let said = feedback.attempt, said != attempt {
      throw .init(.wrongAttempt, "attempt \(said); \(attempt) is the current one", owner: current.phase.owner)
    }
    if let token = feedback.token {
      guard let owner = current.phase.owner ?? feedback.owner, token == self.token(attempt, owner) else {
        throw .init(.wrongToken, "not the token of attempt \(attempt)", owner: current.phase.owner)
      }
    }
    var step = Step()
    try apply(feedback, to: current, at: now, cause: cause, &step)
    return (claim(feedback), step)
  }

  private mutating func apply(
    _ feedback: Feedback, to current: Open, at now: Timestamp, cause: Cause, _ step: inout Step
  ) throws(FeedbackAnswer.Refusal) {
    let holder = current.phase.owner
    switch feedback.report {
    case .cancelled:
      change(
        .cancelled, at: now, cause: cause, owner: feedback.owner ?? holder, reason: feedback.reason,
        isFinal: true, &step)
    case .verified:
      guard case .succeeded = current.phase else { throw wrong(feedback, current) }
      change(
        .verified, at: now, cause: cause, owner: holder, reason: feedback.reason, isFinal: true, &step)
    case .rejected:
      switch current.phase {
      case .issued: break
      case .acked(let owner, _), .started(let owner, _): try requireOwner(owner, feedback)
      case .waiting, .succeeded: throw wrong(feedback, current)
      }
      fail(
        feedback.reason, feedback.owner ?? holder, .rejected,
        retryAt: feedback.retryAfter.map { now.advanced(by: $0) }, at: now, cause: cause, &step)
    case .acked:
      guard let owner = feedback.owner else { throw .init(.malformed, "acked without an owner") }
      guard case .issued = current.phase else { throw deniedOrWrong(feedback, current) }
      change(.acked, at: now, cause: cause, owner: owner, reason: feedback.reason, &step)
      open[0].phase = .acked(owner: owner, until: now.advanced(by: policy.startWithin))
    case .started:
      let owner: String
      switch current.phase {
      case .issued:
        guard let said = feedback.owner else { throw .init(.malformed, "started without an owner") }
        owner = said
      case .acked(let holder, _):
        try requireOwner(holder, feedback)
        owner = holder
      case .waiting, .started, .succeeded: throw deniedOrWrong(feedback, current)
      }
      change(.started, at: now, cause: cause, owner: owner, reason: feedback.reason, &step)
      open[0].phase = .started(owner: owner, until: now.advanced(by: policy.duration * 3))
    case .succeeded, .failed:
      switch current.phase {
      case .started(let owner, _), .acked(let owner, _):
        try requireOwner(owner, feedback)
        // Without a start there is nothing that could have succeeded.
        if case .acked = current.phase, feedback.report == .succeeded { throw wrong(feedback, current) }
        finish(feedback, owner, at: now, cause: cause, &step)
      case .issued, .waiting, .succeeded: throw deniedOrWrong(feedback, current)
      }
    }
  }

  private mutating func finish(
    _ feedback: Feedback, _ owner: String, at now: Timestamp, cause: Cause, _ step: inout Step
  ) {
    guard feedback.report == .succeeded else {
      let wait = feedback.retryAfter ?? .zero
      return fail(
        feedback.reason, owner, retryAt: now.advanced(by: wait), at: now, cause: cause, &step)
    }
    change(.succeeded, at: now, cause: cause, owner: owner, reason: feedback.reason, &step)
    open[0].phase = .succeeded(owner: owner, until: now.advanced(by: policy.verifyAfter))
  }

  private func requireOwner(_ owner: String, _ feedback: Feedback) throws(FeedbackAnswer.Refusal) {
    guard feedback.owner == owner else {
      throw .init(.denied, "the attempt is claimed by another", owner: owner)
    }
  }

  private func wrong(_ feedback: Feedback, _ current: Open) -> FeedbackAnswer.Refusal {
    .init(
      .wrongState, "\(feedback.report.rawValue) cannot follow \(current.phase.state.rawValue)",
      owner: current.phase.owner)
  }

  private func deniedOrWrong(_ feedback: Feedback, _ current: Open) -> FeedbackAnswer.Refusal {
    if let owner = current.phase.owner, feedback.owner != owner {
      return .init(.denied, "the attempt is claimed by another", owner: owner)
    }
    return wrong(feedback, current)
  }

  // MARK: Answers

  private func token(_ attempt: Int, _ owner: String, of decision: DecisionID? = nil) -> String {
    digest("tk-", [(decision ?? open[0].decision.id).text, String(attempt), owner])
  }

  /// The claim after a report that was just applied.
  private func claim(_ feedback: Feedback) -> FeedbackAnswer.Claim {
    // A failure or rejection ended its attempt, whether or not another one follows.
    let isEnd =
      switch feedback.report {
      case .failed, .rejected, .verified, .cancelled: true
      case .acked, .started, .succeeded: false
      }
    if isEnd, let ended = ended.first { return claim(ended) }
    let current = open[0]
    let owner = current.phase.owner
    return .init(
      decision: current.decision.id, attempt: current.decision.attempt, state: current.phase.state,
      revision: current.revision, owner: owner, token: owner.map { token(current.decision.attempt, $0) })
  }

  private func claim(_ ended: Ended) -> FeedbackAnswer.Claim {
    .init(
      decision: ended.decision, attempt: ended.attempt, state: ended.state, revision: ended.revision,
      owner: ended.owner, token: ended.owner.map { token(ended.attempt, $0, of: ended.decision) })
  }

  /// The answer to a report of what holds already, by whoever reported it.
  private func repetition(of feedback: Feedback) -> FeedbackAnswer.Claim? {
    if let ended = ended.first, ended.decision == feedback.decision,
      ended.state.rawValue == feedback.report.rawValue, ended.owner == feedback.owner,
      feedback.attempt == ended.attempt || (feedback.attempt == nil && ended.isFinal)
    {
      return claim(ended)
    }
    guard let current = open.first, current.decision.id == feedback.decision,
      feedback.attempt == nil || feedback.attempt == current.decision.attempt,
      let owner = current.phase.owner, owner == feedback.owner
    else { return nil }
    let reached = Self.order(current.phase.state)
    guard let reported = Self.order(DecisionState(rawValue: feedback.report.rawValue)), let reached,
      reported <= reached
    else { return nil }
    return .init(
      decision: current.decision.id, attempt: current.decision.attempt, state: current.phase.state,
      revision: current.revision, owner: owner, token: token(current.decision.attempt, owner))
  }

  /// Steps that hold once a later one is reached.
  private static func order(_ state: DecisionState?) -> Int? {
    switch state {
    case .acked: 1
    case .started: 2
    case .succeeded: 3
    default: nil
    }
  }

  /// For restoring; see `RetrainLife+State.swift`.
  mutating func restore(open: [Open], ended: [Ended], isStalled: Bool) {
    (self.open, self.ended, self.isStalled) = (open, ended, isStalled)
  }
}
