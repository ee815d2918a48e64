import Events
import Testing

@testable import Daemon

@Suite struct ComparisonTests {
  private static func decision(
    _ second: Int64, model: String = "m", cause: String? = nil, reasons: [TriggerReason] = []
  ) -> Effect {
    let time = Timestamp(nanoseconds: second * 1_000_000_000)
    let key = ModelKey(name: ModelName(model)!)
    let origin = Origin(source: SourceName("s")!, model: key)
    let assessment = RetrainAssessment(
      shouldRetrain: true, severityScore: 1, reasons: reasons, constraints: .init(),
      sinceLastRetrain: .seconds(1), nextAllowedRetrain: time)
    return .publish(
      Publication(
        model: key, time: time,
        cause: cause.map { .event(origin: origin, id: .text($0), traceParent: nil) } ?? .timer(time),
        output: .decision(
          .init(
            id: DecisionID("rt-1"), ordinal: 1, assessment: assessment, episodes: [], isDryRun: true,
            coverage: nil, window: .init(from: .min, to: time), expiresAfter: .seconds(1)))))
  }

  private static func alert(_ change: AlertTransition.Change, _ monitor: MonitorKind) -> Effect {
    let finding = Finding(monitor: monitor, isViolated: true, severity: .high, value: 1, threshold: 2)
    let episode = Episode(ordinal: 1, revision: 1, openedAt: .min, severity: .high)
    let key = ModelKey(name: ModelName("m")!)
    let cause = Cause.event(
      origin: Origin(source: SourceName("s")!, model: key), id: .text("e"), traceParent: nil)
    return .publish(
      Publication(
        model: key, time: Timestamp(nanoseconds: 0), cause: cause,
        output: .alert(.init(change: change, episode: episode, finding: finding))))
  }

  /// Sides of what a step comes to, in its order: nil where both say it.
  private static func sides(_ first: [Effect], _ second: [Effect]) -> [Side?] {
    var step = ComparisonStep()
    step.enter(first, of: .first)
    step.enter(second, of: .second)
    let sides = step.take().map(\.side)
    #expect(step.isEmpty)
    return sides
  }

  @Test func theSameCauseMakesTheSameDecision() {
    #expect(Self.sides([Self.decision(1, cause: "e")], [Self.decision(1, cause: "e")]) == [nil])
    let reasons = [TriggerReason.driftDetected(score: 3)]
    #expect(Self.sides([Self.decision(1)], [Self.decision(1, reasons: reasons)]) == [nil])
    #expect(Self.sides([Self.decision(1, cause: "e")], [Self.decision(1)]) == [.first, .second])
    #expect(Self.sides([Self.decision(1)], [Self.decision(1, model: "n")]) == [.first, .second])
    #expect(Self.sides([Self.decision(2)], [Self.decision(1)]) == [.second, .first], "in order of time")
    #expect(
      Self.sides([Self.decision(1), Self.decision(1)], [Self.decision(1)]).filter { $0 == nil }.count == 1)
  }

  @Test func alertsAreComparedByKindAndChange() {
    #expect(Self.sides([Self.alert(.opened, .drift)], [Self.alert(.opened, .drift)]) == [nil])
    #expect(Self.sides([Self.alert(.opened, .drift)], [Self.alert(.resolved, .drift)]) == [.first, .second])
    #expect(Self.sides([Self.alert(.opened, .drift)], [Self.alert(.opened, .latency)]) == [.first, .second])
    #expect(Self.sides([Self.alert(.updated, .drift)], []) == [])
  }

  /// A model's line of decisions, a letter each (A, B, or both), and which of them end a pair.
  @Test(
    arguments: [
      ("AB", [1: 0]), ("BA", [1: 0]), ("AAB", [2: 1]), ("ABB", [1: 0]), ("ABA", [1: 0]),
      ("ABAB", [1: 0, 3: 2]),
      ("A=B", [:]), ("A=BA", [3: 2]), ("==", [:]), ("ABBA", [1: 0, 3: 2]), ("ABAA", [1: 0]),
    ] as [(String, [Int: Int])]) func decisionsThatAnswerEachOther(line: String, pairs: [Int: Int])
  {
    var found = DecisionPairs()
    for (place, letter) in line.enumerated() {
      guard case .publish(let publication) = Self.decision(Int64(place)) else { continue }
      let side: Side? = letter == "A" ? .first : letter == "B" ? .second : nil
      let entry = ComparisonStep.Entry(verdict: Verdict(publication)!, side: side, publication: publication)
      let earlier = found.enter(entry)
      #expect(
        earlier == pairs[place].map { Timestamp(nanoseconds: Int64($0) * 1_000_000_000) },
        "\(line) at \(place)")
    }
  }

  @Test func modelsDoNotAnswerEachOther() {
    var found = DecisionPairs()
    for (model, side) in [("m", Side.first), ("n", .second)] {
      guard case .publish(let publication) = Self.decision(1, model: model) else { continue }
      let entry = ComparisonStep.Entry(verdict: Verdict(publication)!, side: side, publication: publication)
      #expect(found.enter(entry) == nil)
    }
  }

  @Test(arguments: [
    (0.5, "0.5 s"), (59, "59 s"), (60, "1.0 min"), (5_400, "1.5 h"), (86_400, "1.0 d"),
    (8_640_000, "100.0 d"),
  ]) func durationsInTheirLargestUnit(seconds: Double, text: String) {
    #expect(Difference.text(.seconds(seconds)) == text)
  }
}
