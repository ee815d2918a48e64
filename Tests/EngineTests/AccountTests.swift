import Events
import TestSupport
import Testing

@testable import Engine

/// Heads, byes, tombstones, clocks and rivals: the account of sources beyond their numbers.
@Suite struct AccountTests {
  private static let epoch: UInt64 = 2_000_000_000

  private static func event(
    _ body: EventBody, _ number: UInt64, epoch: UInt64 = epoch, sentAt: Double? = nil, time: Double? = nil
  ) -> Event {
    let sequence = SequenceNumber(epoch: epoch, number: number)
    let origin = Origin(source: SourceName("s")!, model: ModelKey(name: ModelName("m")!))
    return Event(
      header: EventHeader(
        id: .numbered(sequence), origin: origin, time: time.map(Timestamp.test),
        sentAt: sentAt.map(Timestamp.test), sequence: sequence),
      body: body)
  }

  /// An engine that was there before the source's epoch began.
  private static func engine() -> MonitoringEngine {
    var engine = MonitoringEngine(settings: EngineSettings())
    var effects: [Effect] = []
    engine.advance(to: .test(1), into: &effects)
    return engine
  }

  private static let head = EventBody.head(Head(dropped: 2, interval: .seconds(1)))

  private func lost(_ effects: [Effect]) -> [UInt64] {
    effects.compactMap {
      if case .account(let remark) = $0, remark.reason == .gap { remark.count } else { nil }
    }
  }

  @Test func headsFindALostTail() throws {
    var engine = Self.engine()
    #expect(lost(engine.handle(Self.event(.accuracy(1), 3), at: .test(3))) == [2], "1 and 2")
    #expect(lost(engine.handle(Self.event(Self.head, 3), at: .test(4))) == [])
    #expect(lost(engine.handle(Self.event(Self.head, 7), at: .test(5))) == [4])
    #expect(lost(engine.handle(Self.event(Self.head, 7), at: .test(6))) == [], "counted once")
    #expect(
      lost(engine.handle(Self.event(Self.head, 2), at: .test(6))) == [], "nothing that was known goes back")
    #expect(lost(engine.handle(Self.event(.tombstone, 8), at: .test(6))) == [])
    #expect(engine.handle(Self.event(.accuracy(1), 8), at: .test(6)).reasons == [.duplicate])
    let report = try #require(engine.sourceReports.first)
    #expect(report.counts.lost == 6 && report.counts.received == 3 && report.counts.dropped == 2)
    #expect(report.counts.duplicate == 1 && report.counts.rejected == 1 && report.state == .live)
    #expect(report.position == SequenceNumber(epoch: Self.epoch, number: 8))
  }

  @Test func aHeadMayBeTheFirstThatIsHeard() {
    var older = MonitoringEngine(settings: EngineSettings())
    var effects: [Effect] = []
    older.advance(to: .test(10), into: &effects)
    #expect(lost(older.handle(Self.event(Self.head, 100), at: .test(11))) == [], "its epoch began before")
    #expect(lost(older.handle(Self.event(.accuracy(1), 103), at: .test(12))) == [2])
    var newer = Self.engine()
    #expect(lost(newer.handle(Self.event(Self.head, 100), at: .test(11))) == [100])
  }

  @Test func silenceIsStaleAndByeIsTheEnd() throws {
    var engine = Self.engine()
    var effects: [Effect] = []
    func state() throws -> SourceReport.State { try #require(engine.sourceReports.first).state }
    _ = engine.handle(Self.event(.accuracy(1), 1), at: .test(3))
    #expect(try state() == .silent)
    _ = engine.handle(Self.event(Self.head, 1), at: .test(4))
    engine.advance(to: .test(7), into: &effects)
    #expect(try state() == .live)
    engine.advance(to: .test(7.001), into: &effects)
    #expect(try state() == .stale)
    _ = engine.handle(Self.event(.bye(Head()), 2), at: .test(8))
    #expect(try state() == .ended && engine.sourceReports[0].counts.lost == 1)
    _ = engine.handle(Self.event(.accuracy(1), 3), at: .test(9))
    #expect(try state() == .live)
  }

  /// Hostile figures in heads trap nothing.
  @Test func headsMaySayAnything() {
    var engine = Self.engine()
    for interval in [Int64.max, 1, 0, -1] {
      let head = EventBody.head(Head(dropped: .max, interval: .nanoseconds(interval)))
      _ = engine.handle(Self.event(head, .max), at: .test(3))
      _ = engine.sourceReports
    }
    let long = EventBody.head(Head(dropped: .max, interval: .milliseconds(Int64.max)))
    _ = engine.handle(Self.event(long, .max), at: .test(3))
    #expect(engine.sourceReports.first?.state == .live)
    #expect(engine.handle(Self.event(.accuracy(1), .max), at: .test(4)).reasons == [.duplicate])
    #expect(engine.handle(Self.event(.accuracy(1), 1, epoch: .max), at: .test(4)).reasons == [.restarted])
  }

  // MARK: Clocks

  @Test func clocksThatDifferAreToldOnce() {
    var engine = Self.engine()
    let send = { (engine: inout MonitoringEngine, number: UInt64, sentAt: Double, at: Double) in
      engine.handle(
        Self.event(.accuracy(1), number, sentAt: sentAt, time: sentAt), at: .test(at)
      ).reasons.filter { $0 != .late }
    }
    #expect(send(&engine, 1, 100, 100) == [])
    #expect(send(&engine, 2, 90, 101) == [], "one that waited in a queue is no clock")
    #expect(send(&engine, 3, 145, 165) == [], "the window before this one had a good offset")
    #expect(send(&engine, 4, 210, 230) == [.clockSkew])
    #expect(send(&engine, 5, 211, 231) == [], "told already")
  }

  @Test func anOffsetOfLongAgoIsForgotten() {
    var engine = Self.engine()
    _ = engine.handle(Self.event(.accuracy(1), 1, sentAt: 200, time: 200), at: .test(100))
    #expect(engine.sourceReports.first?.clockOffset == .seconds(-100))
    let later = Self.event(.accuracy(1), 2, sentAt: 300, time: 300)
    #expect(engine.handle(later, at: .test(300)).reasons == [])
    #expect(engine.sourceReports.first?.clockOffset == .zero)
  }

  @Test func aClockFarAheadIsNotBelieved() {
    var engine = Self.engine()
    let event = Self.event(.accuracy(0.1), 1, sentAt: 1_000, time: 1_000)
    let effects = engine.handle(event, at: .test(100))
    #expect(effects.reasons.contains(.clockSkew) && effects.reasons.contains(.timeRefused))
    #expect(effects.publications.allSatisfy { $0.time == .test(100) })
  }

  @Test func timesAtTheEndsOfTimeTrapNothing() {
    var engine = Self.engine()
    var number: UInt64 = 0
    for time in [Int64.min, -1, 0, 1, .max] {
      for sent in [Int64.min, 0, .max] {
        number += 1
        var event = Self.event(.accuracy(1), number)
        event.header.time = Timestamp(nanoseconds: time)
        event.header.sentAt = Timestamp(nanoseconds: sent)
        _ = engine.handle(event, at: .test(Double(number)))
        _ = engine.sourceReports
      }
    }
    #expect(engine.modelCount == 1)
  }

  // MARK: Rivals

  @Test func twoProcessesUnderOneNameAreAnAlert() throws {
    var engine = Self.engine()
    var transitions: [AlertTransition] = []
    var numbers: [UInt64: UInt64] = [:]
    func send(_ epoch: UInt64, _ at: Double) {
      numbers[epoch, default: 0] += 1
      let effects = engine.handle(Self.event(.accuracy(1), numbers[epoch]!, epoch: epoch), at: .test(at))
      for publication in effects.publications {
        guard case .alert(let transition) = publication.output else { continue }
        #expect(publication.model == .unspecified)
        transitions.append(transition)
      }
    }
    for step in 0..<20 { send(Self.epoch + UInt64(step % 2), 10 + Double(step) / 2) }
    #expect(transitions.map(\.change) == [.opened])
    #expect(transitions.first?.finding.source?.text == "s" && (transitions.first?.finding.value ?? 0) >= 3)
    send(Self.epoch + 1, 24)
    #expect(transitions.map(\.change) == [.opened, .resolved])
    // A restart whose last messages come late alternates for a moment and is none.
    for step in 0..<6 { send(Self.epoch + 5 + UInt64(step % 2), 30 + Double(step) / 10) }
    for step in 0..<20 { send(Self.epoch + 6, 31 + Double(step)) }
    #expect(transitions.count == 2)
    #expect(try #require(engine.sourceReports.first).counts.stale > 5)
  }

  /// A rolling restart: the older process says goodbye while the newer one is quiet.
  @Test func theEndOfAnOlderProcessChangesNothing() throws {
    var engine = Self.engine()
    _ = engine.handle(Self.event(.accuracy(1), 7), at: .test(3))
    for number in 1...10 {
      _ = engine.handle(Self.event(.accuracy(1), UInt64(number), epoch: Self.epoch + 1), at: .test(4))
    }
    #expect(engine.handle(Self.event(.bye(Head()), 7), at: .test(10)).reasons == [.staleEpoch])
    let next = Self.event(.accuracy(1), 11, epoch: Self.epoch + 1)
    #expect(engine.handle(next, at: .test(11)).reasons == [])
    let counts = try #require(engine.sourceReports.first).counts
    #expect(counts.rejected == 0 && counts.stale == 0 && counts.restarts == 1, "a bye is no event")
  }

  /// Two slow processes take turns: nothing is lost or evaluated twice, and it is an alert all the same.
  @Test func processesThatTakeTurnsLoseNothing() throws {
    var engine = Self.engine()
    var reasons: [Reason] = []
    var changes: [AlertTransition.Change] = []
    for turn in 0..<6 {
      for (place, epoch) in [Self.epoch + 1, Self.epoch].enumerated() {
        let at = 10 + Double(turn) * 10 + Double(place) * 5
        let event = Self.event(.accuracy(1), UInt64(turn) + 1, epoch: epoch)
        let effects = engine.handle(event, at: .test(at))
        reasons += effects.reasons
        for case .alert(let transition) in effects.outputs { changes.append(transition.change) }
      }
    }
    #expect(!reasons.contains(.gap) && !reasons.contains(.duplicate))
    #expect(changes == [.opened])
    for second in 0..<70 {
      let event = Self.event(.accuracy(1), UInt64(second) + 7, epoch: Self.epoch + 1)
      for case .alert(let transition) in engine.handle(event, at: .test(75 + Double(second))).outputs {
        changes.append(transition.change)
      }
    }
    #expect(changes == [.opened, .resolved])
  }

  // MARK: Assessments on demand

  /// Alerts, decisions and the account are the same, whether anybody reads assessments or not.
  @Test(arguments: [UInt64(1), 2, 3]) func assessmentsChangeNothing(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var told = MonitoringEngine(settings: EngineSettings())
    var silent = told
    silent.reportsAssessments = false
    var decisions = 0
    for step in 0..<2_000 {
      let at = Double(step) * 3_600
      let bodies: [EventBody] = [
        .accuracy([0.95, 0.5].randomElement(using: &random)!), .accuracy(0.8),
        .column((0..<5).map { _ in random.normal() + [0, 3].randomElement(using: &random)! }),
        .baseline(column: (0..<20).map { _ in random.normal() }),
      ]
      let event = Event.test(
        "\(step)", at, bodies.randomElement(using: &random)!,
        model: "m\(Int.random(in: 0..<3, using: &random))")
      let all = told.handle(event, at: .test(at)).filter { effect in
        guard case .publish(let publication) = effect else { return true }
        switch publication.output {
        case .performance, .drift, .retrain, .keep: return false
        case .alert, .decisionChange: return true
        case .decision:
          decisions += 1
          return true
        }
      }
      #expect(all == silent.handle(event, at: .test(at)), "seed \(seed), step \(step)")
      #expect(told.nextDeadline == silent.nextDeadline)
    }
    #expect(decisions > 5)
  }
}
