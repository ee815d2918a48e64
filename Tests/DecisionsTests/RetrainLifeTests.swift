import Decisions
import Events
import TestSupport
import Testing

/// A decision's life, step by step; times are seconds of the arrival clock.
@Suite struct RetrainLifeTests {
  private static let model = ModelKey(name: ModelName("m")!)

  private static func at(_ seconds: Double) -> Timestamp {
    Timestamp(nanoseconds: Int64((seconds * 1e9).rounded()))
  }

  /// Parts side by side: no two lists of parts give one text.
  private static let digest: Digest = { prefix, parts in prefix + parts.joined(separator: "|") }

  private static func life(_ change: (inout RetrainLifePolicy) -> Void = { _ in }) -> RetrainLife {
    var policy = RetrainLifePolicy()
    policy.acknowledgeWithin = .seconds(10)
    policy.expiresAfter = .seconds(1_000)
    policy.startWithin = .seconds(100)
    policy.duration = .seconds(50)
    policy.verifyAfter = .seconds(500)
    change(&policy)
    return RetrainLife(policy: policy, digest: digest)
  }

  private static func decision(_ ordinal: UInt64 = 1, isDryRun: Bool = false) -> RetrainDecision {
    RetrainDecision(
      id: DecisionID("rt-\(ordinal)"), ordinal: ordinal,
      assessment: RetrainAssessment(
        shouldRetrain: true, severityScore: 1, reasons: [.accuracyDropped(by: 0.1)], constraints: .init(),
        sinceLastRetrain: .zero, nextAllowedRetrain: at(0)),
      episodes: [], isDryRun: isDryRun, coverage: 0.5, window: .init(from: at(-10), to: at(0)),
      expiresAfter: .seconds(1_000))
  }

  private static func issue(
    _ life: inout RetrainLife, _ ordinal: UInt64 = 1, at seconds: Double = 0, isDryRun: Bool = false
  ) -> RetrainLife.Step {
    let decision = decision(ordinal, isDryRun: isDryRun)
    let publication = Publication(
      model: model, time: at(seconds), cause: .timer(at(seconds)), output: .decision(decision))
    return life.issue(decision, publication, at: at(seconds))
  }

  /// What is published, in words: `issued 1`, `failed 1 final`.
  private static func words(_ step: RetrainLife.Step) -> [String] {
    step.publications.map { publication in
      switch publication.output {
      case .decision(let decision): "issued \(decision.attempt)"
      case .decisionChange(let change):
        "\(change.state.rawValue) \(change.attempt)" + (change.isFinal ? " final" : "")
          + (change.reason.map { " \($0)" } ?? "")
      default: "?"
      }
    }
  }

  private static func report(
    _ life: inout RetrainLife, _ report: Feedback.Report, _ owner: String? = "a", attempt: Int? = nil,
    token: String? = nil, retryAfter: Duration? = nil, decision: String = "rt-1", at seconds: Double = 1
  ) throws(FeedbackAnswer.Refusal) -> (claim: FeedbackAnswer.Claim, words: [String]) {
    let (claim, step) = try life.take(
      Feedback(
        decision: DecisionID(decision), report: report, attempt: attempt, owner: owner, token: token,
        retryAfter: retryAfter), at: at(seconds), cause: .timer(at(seconds)))
    return (claim, words(step))
  }

  private static func code(
    _ life: inout RetrainLife, _ report: Feedback.Report, _ owner: String? = "a", attempt: Int? = nil,
    token: String? = nil, decision: String = "rt-1"
  ) -> FeedbackAnswer.Refusal.Code? {
    do throws(FeedbackAnswer.Refusal) {
      _ = try Self.report(&life, report, owner, attempt: attempt, token: token, decision: decision)
      return nil
    } catch { return error.code }
  }

  /// Fires what is due until `seconds`; what was published, with when.
  private static func run(
    _ life: inout RetrainLife, until seconds: Double, isRecovered: Bool = true
  ) -> [String] {
    var heard: [String] = []
    while life.deadline < at(seconds) {
      let due = life.deadline
      let step = life.fire(at: due, isRecovered: isRecovered)
      heard += words(step).map { "\(due.nanoseconds / 1_000_000_000): \($0)" }
    }
    return heard
  }

  @Test func unclaimedItIsSentAgainAtDoublingTimesAndExpires() {
    var life = Self.life()
    #expect(Self.words(Self.issue(&life)) == ["issued 1"])
    #expect(
      Self.run(&life, until: 5_000) == [
        "10: issued 1", "20: issued 1", "40: issued 1", "80: issued 1", "160: issued 1", "320: issued 1",
        "640: issued 1", "1000: expired 1 final",
      ])
    #expect(life.openDecision == nil && life.deadline == .max)
    #expect(Self.code(&life, .acked) == .final)
  }

  @Test func theWholeWayToVerified() throws {
    var life = Self.life()
    _ = Self.issue(&life)
    #expect(try Self.report(&life, .acked).words == ["acked 1"])
    #expect(try Self.report(&life, .started, at: 2).words == ["started 1"])
    #expect(try Self.report(&life, .succeeded, at: 3).words == ["succeeded 1"])
    #expect(Self.run(&life, until: 5_000) == ["503: verified 1 final"])
  }

  @Test func aModelThatDidNotRecoverFailsForGood() throws {
    var life = Self.life()
    _ = Self.issue(&life)
    _ = try Self.report(&life, .started)
    _ = try Self.report(&life, .succeeded, at: 3)
    #expect(
      Self.run(&life, until: 5_000, isRecovered: false) == ["503: failed 1 final not_recovered"])
  }

  @Test func theFirstClaimWinsAndIsAnsweredAgain() throws {
    var life = Self.life()
    _ = Self.issue(&life)
    let first = try Self.report(&life, .acked, "a").claim
    #expect(Self.code(&life, .acked, "b") == .denied)
    #expect(Self.code(&life, .started, "b") == .denied)
    let again = try Self.report(&life, .acked, "a")
    #expect(again.claim == first && again.words.isEmpty)
    #expect(first.token != nil && Self.code(&life, .started, "a", token: "tk-other") == .wrongToken)
    let started = try Self.report(&life, .started, "a", token: first.token)
    #expect(started.words == ["started 1"] && started.claim.token == first.token)
    // An answer that was lost on the way: the earlier report holds still.
    #expect(try Self.report(&life, .acked, "a").claim.state == .started)
  }

  @Test func failuresAreTriedAgainUntilNoAttemptIsLeft() throws {
    var life = Self.life()
    _ = Self.issue(&life)
    _ = try Self.report(&life, .started)
    #expect(try Self.report(&life, .failed, at: 5).words == ["failed 1", "issued 2"])
    // The report of the attempt before can be made again.
    #expect(try Self.report(&life, .failed, attempt: 1).claim.attempt == 1)
    #expect(Self.code(&life, .started, attempt: 1) == .wrongAttempt)
    _ = try Self.report(&life, .started, attempt: 2)
    #expect(
      try Self.report(&life, .failed, attempt: 2, retryAfter: .seconds(60), at: 10).words == ["failed 2"])
    #expect(Self.code(&life, .acked) == .wrongState)
    #expect(Self.run(&life, until: 71) == ["70: issued 3"])
    _ = try Self.report(&life, .started, at: 80)
    #expect(try Self.report(&life, .failed, at: 90).words == ["failed 3 final"])
    #expect(life.openDecision == nil)
  }

  @Test func whoClaimsAndDoesNotStartStalls() throws {
    var life = Self.life()
    _ = Self.issue(&life)
    _ = try Self.report(&life, .acked)
    let step = life.fire(at: life.deadline, isRecovered: true)
    #expect(Self.words(step) == ["failed 1 not_started", "issued 2"])
    #expect(step.stall?.isViolated == true && step.stall?.value == 100)
    let (_, resolved) = try life.take(
      Feedback(decision: DecisionID("rt-1"), report: .started, owner: "b"), at: Self.at(200),
      cause: .timer(Self.at(200)))
    #expect(resolved.relief?.isViolated == false && resolved.stall == nil)
  }

  @Test func aRunWithoutEndTimesOut() throws {
    var life = Self.life { $0.attempts = 1 }
    _ = Self.issue(&life)
    _ = try Self.report(&life, .started)
    #expect(Self.run(&life, until: 5_000) == ["151: failed 1 final timed_out"])
  }

  @Test func rejectionsAreForNowOrForGood() throws {
    var life = Self.life()
    _ = Self.issue(&life)
    #expect(
      try Self.report(&life, .rejected, "x", retryAfter: .seconds(30), at: 5).words == ["rejected 1"])
    #expect(Self.run(&life, until: 36) == ["35: issued 2"])
    #expect(try Self.report(&life, .rejected, "y", at: 40).words == ["rejected 2 final"])
    #expect(life.openDecision == nil)
  }

  @Test func aNewDecisionSupersedesAndADryRunDoesNot() throws {
    var life = Self.life()
    _ = Self.issue(&life)
    #expect(Self.words(Self.issue(&life, 2, at: 5, isDryRun: true)) == ["issued 1"])
    #expect(life.openDecision == DecisionID("rt-1"))
    #expect(Self.words(Self.issue(&life, 3, at: 6)) == ["superseded 1 final", "issued 1"])
    #expect(Self.code(&life, .acked) == .final)
    #expect(Self.code(&life, .acked, decision: "rt-2") == .unknownDecision)
    #expect(try Self.report(&life, .cancelled, "ops", decision: "rt-3").words == ["cancelled 1 final"])
  }

  @Test func revisionsGrowByOneAndNothingChangesWithoutOne() throws {
    var life = Self.life()
    var revision: UInt64 = 0
    func check(_ step: RetrainLife.Step) {
      for publication in step.publications {
        switch publication.output {
        case .decision(let decision):
          // Sent again, it repeats its own.
          #expect(decision.revision == revision + 1 || decision.revision == revision)
          revision = max(revision, decision.revision)
        case .decisionChange(let change):
          #expect(change.revision == revision + 1)
          revision = change.revision
        default: break
        }
      }
    }
    check(Self.issue(&life))
    check(life.fire(at: life.deadline, isRecovered: true))
    for report in [Feedback.Report.acked, .started, .failed, .started, .succeeded, .verified] {
      let (_, step) = try life.take(
        Feedback(decision: DecisionID("rt-1"), report: report, owner: "a"), at: Self.at(30),
        cause: .timer(Self.at(30)))
      check(step)
    }
    #expect(revision == 8 && life.openDecision == nil)
  }

  /// Random reports and timers: what is written down comes back and goes on alike.
  @Test(arguments: [UInt64(1), 2, 3]) func statesComeBack(seed: UInt64) throws {
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    var life = Self.life()
    var ordinal: UInt64 = 0
    var now = 0.0
    for step in 0..<2_000 {
      now += Double(Int.random(in: 0...60, using: &random))
      var twin = try Self.restored(life)
      #expect(twin == life, "seed \(seed), step \(step)")
      let choice = Int.random(in: 0..<8, using: &random)
      if choice == 0 {
        ordinal += 1
        #expect(Self.issue(&life, ordinal, at: now) == Self.issue(&twin, ordinal, at: now))
      } else if choice < 3, life.deadline < Self.at(now) {
        let due = life.deadline
        #expect(
          life.fire(at: due, isRecovered: step % 2 == 0) == twin.fire(at: due, isRecovered: step % 2 == 0))
      } else {
        let feedback = Feedback(
          decision: DecisionID("rt-\(max(1, ordinal))"),
          report: Feedback.Report.allCases.randomElement(using: &random)!,
          attempt: [nil, 1, 2].randomElement(using: &random)!,
          owner: ["a", "b"].randomElement(using: &random),
          retryAfter: Bool.random(using: &random) ? .seconds(5) : nil)
        #expect(
          Self.outcome(&life, feedback, at: now) == Self.outcome(&twin, feedback, at: now),
          "seed \(seed), step \(step)")
      }
      #expect(twin == life, "seed \(seed), step \(step)")
    }
  }

  private static func restored(_ life: RetrainLife) throws -> RetrainLife {
    var writer = StateWriter()
    life.encode(to: &writer)
    var reader = StateReader(writer.bytes)
    let restored = try RetrainLife(policy: life.policy, digest: digest, from: &reader)
    try reader.end()
    return restored
  }

  private static func outcome(_ life: inout RetrainLife, _ feedback: Feedback, at now: Double) -> String {
    do throws(FeedbackAnswer.Refusal) {
      return "\(try life.take(feedback, at: at(now), cause: .timer(at(now))))"
    } catch { return "\(error)" }
  }
}
