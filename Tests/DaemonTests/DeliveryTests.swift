import Engine
import Events
import Journal
import Testing
import Wire

@testable import Daemon

/// The order of storing and sending, step by step; the simulation does the same at random.
@Suite struct DeliveryTests {
  private static let start = Timestamp(nanoseconds: 1_800_000_000_000_000_000)
  private static let name = SourceName("d")!

  private static func at(_ milliseconds: Int) -> Timestamp { start.advanced(by: .milliseconds(milliseconds)) }

  private static func settings() -> EngineSettings {
    var settings = EngineSettings(digest: Identity.digest)
    settings.defaults.retrain.minimumTimeBetweenRetrains = .zero
    return settings
  }

  private static func delivery(hasJournal: Bool = true) throws -> Delivery {
    let (_, recovered) = try JournalDatabase.inMemory(name: "d", now: start)
    var delivery = Delivery(
      MonitoringEngine(settings: settings()), name: name, checkpoints: CheckpointPolicy(),
      journal: hasJournal ? recovered : nil, now: start)
    delivery.reportsAssessments = false
    return delivery
  }

  private static func event(_ number: UInt64, accuracy: Double, source: String = "s") -> Event {
    let sequence = SequenceNumber(epoch: 1, number: number)
    return Event(
      header: EventHeader(
        id: .numbered(sequence),
        origin: Origin(source: SourceName(source)!, model: ModelKey(name: ModelName("m")!)),
        time: at(Int(number)), sequence: sequence),
      body: .metrics(Metrics(accuracy: accuracy)))
  }

  private static func next(_ delivery: inout Delivery, at now: Timestamp) throws -> JournalTransaction {
    let transaction = delivery.nextTransaction(at: now)
    return try #require(transaction)
  }

  private static func isIdle(_ delivery: inout Delivery, at now: Timestamp) -> Bool {
    delivery.nextTransaction(at: now) == nil
  }

  /// Numbers sent, acknowledgements by number, and the reasons of remarks.
  private static func done(_ delivery: inout Delivery) -> (sent: [UInt64], acked: [UInt64], reasons: [Reason])
  {
    var done: (sent: [UInt64], acked: [UInt64], reasons: [Reason]) = ([], [], [])
    for action in delivery.takeActions() {
      switch action {
      case .send(let message, _): done.sent.append(message.number)
      case .reply(_, let frames):
        let header = frames[1].withUnsafeBytes { FramedHeader(parsing: $0) }
        if header?.kind == FramedHeader.Kind.ack.rawValue { done.acked.append(header?.number ?? 0) }
      case .account(let remark, _): done.reasons.append(remark.reason)
      case .publishLive, .answer: break
      }
    }
    return done
  }

  @Test func nothingIsSentBeforeItIsStoredAndABurstIsOneTransaction() throws {
    var delivery = try Self.delivery()
    for number in 1...5 { delivery.take(Self.event(UInt64(number), accuracy: 0.5), at: Self.at(number)) }
    let told1 = Self.done(&delivery)
    #expect(told1.sent.isEmpty)
    let transaction = try Self.next(&delivery, at: Self.at(6))
    // The alert and five decisions, of which each but the first supersedes the one before.
    #expect(transaction.messages.map(\.number) == Array(1...10))
    #expect(Set(transaction.states.map(\.kind)).count == 3)
    delivery.take(Self.event(6, accuracy: 0.5), at: Self.at(7))
    #expect(Self.isIdle(&delivery, at: Self.at(8)), "one at a time")
    let told2 = Self.done(&delivery)
    #expect(told2.sent.isEmpty)
    delivery.committed(at: Self.at(9))
    let told3 = Self.done(&delivery)
    #expect(told3.sent == Array(1...10) && delivery.published == 10)
    let second = try Self.next(&delivery, at: Self.at(10))
    #expect(second.messages.map(\.number) == [11, 12])
  }

  @Test func aFailedTransactionIsTriedAgainAsItWasAndNothingIsDecidedMeanwhile() throws {
    var delivery = try Self.delivery()
    delivery.take(Self.event(1, accuracy: 0.5), at: Self.at(1))
    let first = try Self.next(&delivery, at: Self.at(2))
    delivery.failed("full", at: Self.at(3))
    let told4 = Self.done(&delivery)
    #expect(told4.reasons == [.journalFailed])
    #expect(delivery.journalReport(bytes: nil).state == "failing")
    for number in 2...9 { delivery.take(Self.event(UInt64(number), accuracy: 0.4), at: Self.at(number)) }
    #expect(Self.isIdle(&delivery, at: Self.at(500)), "once a second")
    let again = try Self.next(&delivery, at: Self.at(1_100))
    #expect(again.messages == first.messages && again.states == first.states)
    delivery.committed(at: Self.at(1_101))
    let told5 = Self.done(&delivery)
    #expect(told5.sent == [1, 2])
    delivery.take(Self.event(10, accuracy: 0.4), at: Self.at(1_102))
    // What came meanwhile was taken: nothing is missing before the tenth.
    let next = try Self.next(&delivery, at: Self.at(1_103))
    let reasons = Self.done(&delivery).reasons
    #expect(next.messages.count == 2 && !reasons.contains(.gap))
  }

  @Test func eventsOfTheLosslessLaneAreAcknowledgedOnceStored() throws {
    var delivery = try Self.delivery()
    for number in 1...3 {
      delivery.take(Self.event(UInt64(number), accuracy: 0.95), fromPeer: [1], at: Self.at(number))
    }
    delivery.take(Self.event(9, accuracy: 0.95), fromPeer: [1], at: Self.at(4))
    let told6 = Self.done(&delivery)
    #expect(told6.acked.isEmpty)
    // Nobody waits for an output, so the checkpoint comes when the interval is over.
    #expect(Self.isIdle(&delivery, at: Self.at(999)))
    let transaction = try Self.next(&delivery, at: Self.at(1_000))
    #expect(transaction.messages.isEmpty && transaction.metrics.count == 1)
    #expect(transaction.metrics[0].accuracy?.count == 3)
    delivery.committed(at: Self.at(1_001))
    let told7 = Self.done(&delivery)
    #expect(told7.acked == [3])
    delivery.take(Self.event(2, accuracy: 0.95), fromPeer: [1], at: Self.at(1_002))
    let told8 = Self.done(&delivery)
    #expect(told8.acked == [3], "a duplicate is acknowledged again")
  }

  @Test func decidingPausesWhileTooMuchWaits() throws {
    var delivery = try Self.delivery()
    delivery.take(Self.event(1, accuracy: 0.5), at: Self.at(1))
    _ = delivery.nextTransaction(at: Self.at(1))
    for number in 2...UInt64(Delivery.maximumWaiting) {
      delivery.take(Self.event(number, accuracy: 0.5), at: Self.at(Int(number)))
    }
    let waiting = delivery.journalReport(bytes: nil).waiting
    #expect(waiting >= Delivery.maximumWaiting && waiting < Delivery.maximumWaiting + 10)
    delivery.committed(at: Self.at(20_000))
    #expect(delivery.engine.isHeld, "what waits is not under way yet")
    _ = try Self.next(&delivery, at: Self.at(20_001))
    delivery.committed(at: Self.at(20_002))
    #expect(!delivery.engine.isHeld)
  }

  @Test func withoutAJournalEverythingIsSentAtOnce() throws {
    var delivery = try Self.delivery(hasJournal: false)
    delivery.take(Self.event(1, accuracy: 0.5), at: Self.at(1))
    let told9 = Self.done(&delivery)
    #expect(told9.sent == [1, 2])
    let last = delivery.lastTransaction(at: Self.at(1))
    #expect(Self.isIdle(&delivery, at: Self.at(5_000)) && last == nil)
  }

  @Test func whatIsStoredGoesOnWhereItWas() throws {
    let (database, recovered) = try JournalDatabase.inMemory(name: "d", now: Self.start)
    var delivery = Delivery(
      MonitoringEngine(settings: Self.settings()), name: Self.name, checkpoints: CheckpointPolicy(),
      journal: recovered, now: Self.start)
    delivery.take(Self.event(1, accuracy: 0.5), at: Self.at(1))
    let first = try Self.next(&delivery, at: Self.at(2))
    try database.apply(first)
    // Taken, and not stored: the process dies here.
    delivery.take(Self.event(2, accuracy: 0.95), at: Self.at(3))
    let again = try database.recover()
    let engine = try MonitoringEngine(settings: Self.settings(), restoring: again.states)
    var next = Delivery(
      engine, name: Self.name, checkpoints: CheckpointPolicy(), journal: again, now: Self.at(10))
    #expect(next.published == 2 && next.epoch == delivery.epoch)
    #expect(next.engine.position(of: SourceName("s")!)?.number == 1)
    next.take(Self.event(2, accuracy: 0.95), at: Self.at(11))
    let transaction = try Self.next(&next, at: Self.at(12))
    #expect(transaction.messages.map(\.number) == [3], "the alert resolves under its own episode")
    #expect(transaction.messages[0].subject == first.messages[0].subject)
    #expect(transaction.messages[0].closesSubject)
  }
}
