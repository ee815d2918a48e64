import Decisions
import Events
import TestSupport
import Testing

@Suite struct AlertPolicyTests {
  private static func standard(_ change: (inout AlertSettings) -> Void = { _ in }) -> AlertSettings {
    var settings = AlertSettings.standard
    change(&settings)
    return settings
  }

  /// Preset `reference`: open with the first violation, over with the first finding without one.
  @Test func immediate() throws {
    try AlertTimeline(.immediate) {
      push(at(0), 0.99, .low)
      push(at(1), 1, .medium)
      want(at(1), .opened, .firing, severity: .medium)
      push(at(2), 1, .medium)
      push(at(3), 1.5, .high)
      want(at(3), .updated, .firing, severity: .high)
      push(at(4), 1, .medium)
      want(at(4), .updated, .firing, severity: .medium)
      push(at(5), 0.99)
      want(at(5), .resolved, .resolved, severity: .medium)
      push(at(6), 0.5)
      push(at(7), 2)
      want(at(7), .opened, .firing)
    }.check()
  }

  /// Three clear evaluations running and ten minutes: a single value between the two limits, or above, does not
  /// count.
  @Test func leavesWellBelowTheAlarmOnly() throws {
    try AlertTimeline(.standard) {
      push(at(0), 1)
      want(at(0), .opened, .firing)
      push(every(1, from: 1, through: 30), 0.81)
      push([31, 32], 0.8)
      push(at(33), 0.9)
      push([34, 35], 0.2)
      push(at(36), 1.1)
      push([37, 38, 39], 0.8)
      want(at(39), .updated, .recovering)
      push(every(1, from: 40, through: 55), 0.8)
      want(at(49), .resolved, .resolved)
    }.check()
  }

  /// Back above the alarm it is the same episode; between the limits the recovery goes on.
  @Test func firesAgainUnderTheSameOrdinal() throws {
    let policy = try AlertTimeline(.standard) {
      push(at(0), 3, .low)
      want(at(0), .opened, .firing, severity: .low)
      push([1, 2, 3], 0)
      want(at(3), .updated, .recovering)
      push(every(1, from: 4, through: 11), 0.95)
      push(at(12), 1, .medium)
      want(at(12), .updated, .firing, severity: .medium)
      push([13, 14, 15], 0)
      want(at(15), .updated, .recovering)
      push(at(24.9), 0)
      push(at(25), 0)
      want(at(25), .resolved, .resolved, severity: .medium)
      push(at(26), 1)
      want(at(26), .opened, .firing)
    }.check()
    #expect(policy.openEpisode?.ordinal == 2)
  }

  @Test func waitsForAViolationThatLasts() throws {
    let policy = try AlertTimeline(Self.standard { $0.hold = .seconds(300) }) {
      push([0, 2, 4], 1.2)
      push(at(4.5), 0.99)
      push([5, 7, 9.9], 1.2)
      restart(at(9.95))
      push(at(10), 1.2)
      want(at(10), .opened, .firing)
      push([11, 12, 13], 0)
      want(at(13), .updated, .recovering)
      push(at(23), 0)
      want(at(23), .resolved, .resolved)
      push(at(24), 2)
    }.check()
    #expect(policy.state == .pending && policy.openEpisode == nil && policy.standing == nil)
  }

  /// No data moves nothing: it is still open a year later, and the first finding counts as one.
  @Test func withoutFindingsNothingMoves() throws {
    try AlertTimeline(.standard) {
      push(at(0), 1)
      want(at(0), .opened, .firing)
      push(at(525_600), 0)
      push(at(525_601), 0)
      push(at(525_602), 0)
      want(at(525_602), .updated, .recovering)
    }.check()
  }

  @Test func fewCasesOpenNothing() throws {
    try AlertTimeline(Self.standard { $0.minimumSamples = 100 }) {
      push([0, 1], 5, samples: 99)
      push(at(2), 5, samples: 100)
      want(at(2), .opened, .firing)
      push(every(1, from: 3, through: 20), 5, samples: 3)
    }.check()
  }

  /// Ended from outside, and open again like any other.
  @Test func endsForAReason() throws {
    try AlertTimeline(.standard) {
      end(at(0), .manual)
      push(at(1), 1)
      want(at(1), .opened, .firing)
      end(at(2), .modelReplaced)
      want(at(2), .resolved, .resolved, reason: .modelReplaced)
      end(at(3), .manual)
      push(at(4), 1)
      want(at(4), .opened, .firing)
    }.check()
  }

  // MARK: Flapping

  /// Opens at once, is over at once.
  private static let flapping = standard { settings in
    (settings.clearEvaluations, settings.keepFiringFor) = (1, .zero)
  }

  /// The penalties of openings at 0, 10, 20, 30 and 40 minutes, by ½^(t/30): the fifth is above 3. Then it stays
  /// open until the penalty is 1, log₂ 3.3205 half-lives later.
  @Test func theFifthOpeningIsHeldFor52Minutes() throws {
    try AlertTimeline(Self.flapping) {
      push([0, 10, 20, 30, 40], 1)
      push([5, 15, 25, 35], 0)
      want(at(0), .opened, .firing)
      want(at(5), .resolved, .resolved)
      want(at(10), .opened, .firing)
      want(at(15), .resolved, .resolved)
      want(at(20), .opened, .firing)
      want(at(25), .resolved, .resolved)
      want(at(30), .opened, .firing)
      want(at(35), .resolved, .resolved)
      want(at(40), .opened, .firing, .flapping)
      push(every(0.01, from: 45, through: 100), 0)
      restart(at(60))
      want(between(91.93, 91.95), .resolved, .resolved)
    }.check()
  }

  /// What would open it anew while it is held adds to the penalty, and when that is over it goes on.
  @Test func heldItMayGoOn() throws {
    try AlertTimeline(Self.flapping) {
      push([0, 2, 4, 6], 1)
      push([1, 3, 5], 0)
      want(at(0), .opened, .firing)
      want(at(1), .resolved, .resolved)
      want(at(2), .opened, .firing)
      want(at(3), .resolved, .resolved)
      want(at(4), .opened, .firing)
      want(at(5), .resolved, .resolved)
      // 2^(−1/5) + 2^(−2/15) + 2^(−1/15) + 1 = 3.737.
      want(at(6), .opened, .firing, .flapping)
      push(at(7), 0)
      // Another at minute 10, held: the penalty becomes 4.407.
      push(every(1, from: 10, through: 80), 1, .medium)
      want(at(11), .updated, .firing, .flapping, severity: .medium)
      // 30 · log₂ 4.407 = 64.2 minutes later.
      want(between(74, 75), .updated, .firing)
      push(at(81), 0)
      want(at(81), .resolved, .resolved)
    }.check()
  }

  /// A penalty has a ceiling, so quiet of two hours always ends it; and after five nothing is remembered.
  @Test func penaltiesEnd() throws {
    var settings = Self.flapping
    settings.flap?.suppress = 1.5
    var policy = AlertPolicy()
    var time = Timestamp(nanoseconds: 0)
    func find(_ isViolated: Bool) -> AlertTransition? {
      time = time.advanced(by: .seconds(1))
      return policy.observe(
        Finding(monitor: .drift, isViolated: isViolated, severity: .high, value: 0, threshold: 0), at: time,
        by: settings)
    }
    for _ in 0..<1_000 { _ = (find(true), find(false)) }
    #expect(policy.openEpisode?.ordinal == 2)
    time = time.advanced(by: .seconds(2 * 3_600 - 1))
    #expect(find(false)?.change == .resolved)
    #expect(policy.isMoved(byViolation: false), "the penalty is remembered")
    time = time.advanced(by: .seconds(3 * 3_600))
    #expect(find(false) == nil)
    #expect(!policy.isMoved(byViolation: false))
  }

  // MARK: Properties

  /// Any findings under any settings: transitions open, update, resolve in that order, under one ordinal,
  /// revisions rising; and a policy written down at every step says the same.
  @Test(arguments: 1...40) func everyEpisodeIsWellFormed(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    var settings = seed % 2 == 0 ? AlertSettings.immediate : Self.standard()
    if seed % 3 == 0 { settings.hold = .seconds(120) }
    if seed % 5 == 0 { settings.keepFiringFor = .zero }
    var policy = AlertPolicy()
    var interrupted = AlertPolicy()
    var open: Episode?
    var time = Timestamp(nanoseconds: 0)
    for step in 0..<2_000 {
      time = time.advanced(by: .seconds(Int64.random(in: 0...240, using: &random)))
      let severity = Severity.allCases.randomElement(using: &random)!
      let score = Double.random(in: 0.5...1.3, using: &random)
      let finding = Finding(
        monitor: .drift, isViolated: score >= 1, severity: severity, value: score, threshold: 1, score: score)
      let transition = policy.observe(finding, at: time, by: settings)
      #expect(
        interrupted.observe(finding, at: time, by: settings) == transition, "seed \(seed), step \(step)")
      interrupted = try AlertTimeline.restarted(interrupted)
      guard let transition else { continue }
      switch (open, transition.change) {
      case (nil, .opened): #expect(transition.episode.revision == 1)
      case (let before?, .updated), (let before?, .resolved):
        #expect(
          transition.episode.ordinal == before.ordinal && transition.episode.openedAt == before.openedAt)
        #expect(transition.episode.revision == before.revision + 1)
      default:
        Issue.record("seed \(seed), step \(step): \(transition.change) with \(String(describing: open))")
      }
      open = transition.change == .resolved ? nil : transition.episode
      #expect(policy.openEpisode == open)
      #expect(open == nil || policy.standing?.episode == open)
    }
  }
}
