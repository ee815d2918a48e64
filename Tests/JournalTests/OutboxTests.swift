import Events
import Foundation
import GRDB
import Testing

@testable import Journal

/// What is kept of the messages and for whom.
@Suite struct OutboxTests {
  private func journal(_ change: (inout JournalSettings) -> Void = { _ in }) throws -> (
    JournalDatabase, JournalReader
  ) {
    var settings = JournalSettings(directory: "")
    change(&settings)
    let (journal, _) = try JournalDatabase.inMemory(settings, name: "d", now: noon)
    return (journal, JournalReader(sharing: journal))
  }

  private let epoch = UInt64(noon.nanoseconds)

  // MARK: Fetching

  @Test func statusesAreThoseOfTheProtocol() throws {
    let (journal, reader) = try journal { $0.outboxMessages = 5 }
    var answer = try reader.fetch(FetchRequest(epoch: nil, from: 1))
    #expect(
      answer == FetchedMessages(messages: [], status: .complete, epoch: epoch, first: 1, next: 1, head: 0))

    try journal.apply(transaction((1...12).map { message($0) }))
    _ = try journal.maintainAll(at: noon)
    answer = try reader.fetch(FetchRequest(epoch: epoch, from: 8))
    #expect(answer.messages.map(\.number) == [8, 9, 10, 11, 12])
    #expect(answer.status == .complete && answer.first == 8 && answer.next == 13 && answer.head == 12)
    answer = try reader.fetch(FetchRequest(epoch: epoch, from: 7))
    #expect(answer.messages.isEmpty && answer.status == .truncated && answer.next == 8)
    answer = try reader.fetch(FetchRequest(epoch: epoch + 1, from: 9))
    #expect(answer.messages.isEmpty && answer.status == .epochMismatch && answer.next == 8)
    answer = try reader.fetch(FetchRequest(epoch: epoch, from: 13))
    #expect(answer.messages.isEmpty && answer.status == .complete && answer.next == 13)
    answer = try reader.fetch(FetchRequest(epoch: epoch, from: .max))
    #expect(answer.status == .complete && answer.next == 13)
  }

  @Test func limitsHoldAndOneMessageComesAtLeast() throws {
    let (journal, reader) = try journal()
    try journal.apply(transaction((1...600).map { message($0, bytes: 1_000) }))
    var answer = try reader.fetch(FetchRequest(epoch: nil, from: 1, limit: 10_000))
    #expect(answer.messages.count == 512 && answer.status == .more && answer.next == 513)
    answer = try reader.fetch(FetchRequest(epoch: nil, from: 1, limit: 0))
    #expect(answer.messages.count == 1 && answer.status == .more && answer.next == 2)
    // 64 of header, 11 of topic, 1,000 of body.
    answer = try reader.fetch(FetchRequest(epoch: nil, from: 5, byteLimit: 3 * 1_075))
    #expect(answer.messages.map(\.number) == [5, 6, 7] && answer.status == .more && answer.next == 8)
    answer = try reader.fetch(FetchRequest(epoch: nil, from: 5, byteLimit: 1))
    #expect(answer.messages.map(\.number) == [5] && answer.next == 6)
    answer = try reader.fetch(FetchRequest(epoch: nil, from: 600, byteLimit: 1))
    #expect(answer.messages.map(\.number) == [600] && answer.status == .complete && answer.next == 601)
  }

  @Test func prefixesSelectByBytes() throws {
    let (journal, reader) = try journal()
    let topics = ["alert/a/1/d", "alert/ab/1/d", "decision/a/1/d", "alert0", "alert/", "alert"]
    try journal.apply(transaction(topics.enumerated().map { message(UInt64($0 + 1), topic: $1) }))
    var all = transaction([message(7), message(8)])
    all.messages[0].topic = [0xff, 0xff]
    all.messages[1].topic = [0xff, 0xff, 0x00]
    try journal.apply(all)
    func numbers(_ prefixes: [[UInt8]]) throws -> [UInt64] {
      try reader.fetch(FetchRequest(epoch: nil, from: 1, prefixes: prefixes)).messages.map(\.number)
    }
    #expect(try numbers([Array("alert/a/".utf8)]) == [1])
    #expect(try numbers([Array("alert/".utf8)]) == [1, 2, 5])
    #expect(try numbers([Array("alert/a".utf8), Array("decision/".utf8)]) == [1, 2, 3])
    #expect(try numbers([[0xff]]) == [7, 8] && numbers([[0xff, 0xff, 0x00]]) == [8])
    #expect(try numbers([[]]).count == 8 && numbers([]).count == 8)
    #expect(try numbers([Array("nothing".utf8)]) == [])
    #expect(JournalReader.end(of: [1, 0xff]) == [2] && JournalReader.end(of: [0xff]) == nil)
  }

  @Test func oneCallLooksAtBoundedlyMany() throws {
    let (journal, reader) = try journal()
    // Numbers may have gaps; the bound is of numbers.
    try journal.apply(transaction([message(1), message(JournalReader.numbersPerFetch + 1, topic: "x")]))
    let answer = try reader.fetch(FetchRequest(epoch: nil, from: 1, prefixes: [[0x78]]))
    #expect(
      answer.messages.isEmpty && answer.status == .more && answer.next == JournalReader.numbersPerFetch + 1)
    #expect(try reader.fetchAll(prefixes: ["x"]).count == 1)
  }

  // MARK: Retention

  @Test func ageAndNumberBoundTheOutbox() throws {
    let (journal, reader) = try journal {
      $0.outboxAge = .seconds(100)
      $0.outboxMessages = 50
    }
    for number in UInt64(1)...60 {
      try journal.apply(transaction([message(number, at: noon.advanced(by: .seconds(Int(number))))]))
    }
    var done = try journal.maintain(at: noon.advanced(by: .seconds(60)))
    #expect(done == Maintenance())
    #expect(try reader.fetch(FetchRequest(epoch: nil, from: 11)).first == 11)
    done = try journal.maintain(at: noon.advanced(by: .seconds(131)))
    // Older than 100 s are those before second 31.
    #expect(try reader.fetch(FetchRequest(epoch: nil, from: 31)).messages.map(\.number) == Array(31...60))
    _ = try journal.maintain(at: noon.advanced(by: .seconds(1_000)))
    let answer = try reader.fetch(FetchRequest(epoch: nil, from: 61))
    #expect(answer.first == 61 && answer.next == 61 && answer.head == 60 && answer.status == .complete)
    // What follows a topic is known all the same.
    #expect(try journal.recover().lastOfTopic == [Array("alert/m/1/d".utf8): 60])
    #expect(try journal.recover().lastNumber == 60)
  }

  @Test func manyGoInSeveralTurns() throws {
    let (journal, reader) = try journal { $0.outboxMessages = 100 }
    try journal.apply(transaction((1...25_000).map { message($0, bytes: 1) }))
    #expect(try journal.maintain(at: noon).isMoreLeft)
    #expect(try reader.fetch(FetchRequest(epoch: nil, from: 1)).first == 10_001)
    _ = try journal.maintainAll(at: noon)
    #expect(try reader.fetch(FetchRequest(epoch: nil, from: 1)).first == 24_901)
    #expect(try reader.fetchAll(from: 24_901).count == 100)
  }

  @Test func openSubjectsOutliveTheOutbox() throws {
    let (journal, reader) = try journal { $0.outboxMessages = 2 }
    try journal.apply(
      transaction([
        message(1, subject: "a"), message(2, subject: "b"), message(3, subject: "a"), message(4),
        message(5, subject: "b", closes: true), message(6), message(7),
      ]))
    #expect(try reader.fetchAll(onlyOpen: true).map(\.number) == [1, 3])
    _ = try journal.maintainAll(at: noon)
    #expect(try reader.fetch(FetchRequest(epoch: nil, from: 1)).first == 6)
    #expect(try reader.fetchAll(onlyOpen: true).map(\.number) == [1, 3])
    #expect(try reader.fetchAll(prefixes: ["alert/x"], onlyOpen: true).isEmpty)
    let answer = try reader.fetch(FetchRequest(epoch: nil, from: 1, limit: 1, onlyOpen: true))
    #expect(answer.status == .more && answer.next == 3 && answer.head == 7)
    // With its end nothing of it is stored that the outbox would not keep.
    try journal.apply(transaction([message(8, subject: "a", closes: true)]))
    #expect(try reader.fetchAll(onlyOpen: true).isEmpty)
    #expect(try journal.queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM messages") } == 3)
    // It may begin again.
    try journal.apply(transaction([message(9, subject: "a")]))
    #expect(try reader.fetchAll(onlyOpen: true).map(\.number) == [9])
  }

  @Test func openMessagesAreBounded() throws {
    let (journal, reader) = try journal { $0.outboxMessages = 10 }
    let count = UInt64(JournalDatabase.openMessages)
    try journal.apply(transaction((1...count + 30).map { message($0, bytes: 0, subject: "s\($0 / 100)") }))
    let done = try journal.maintainAll(at: noon)
    #expect(done.forgotten == 30)
    #expect(try reader.fetch(FetchRequest(epoch: nil, from: 1, onlyOpen: true)).messages.first?.number == 31)
    #expect(try journal.recover().notes.contains { $0.hasPrefix("30 messages of open") })
  }

  @Test func decisionsThatAreOverAreForgotten() throws {
    let (journal, reader) = try journal { $0.hourHistory = .seconds(100 * 3_600) }
    func decision(_ id: String, hours: Int, isFinal: Bool) -> DecisionRecord {
      let time = noon.advanced(by: .seconds(hours * 3_600))
      return DecisionRecord(
        id: id, model: "m", version: "1", issuedAt: time, state: "verified", attempt: 1, revision: 3,
        owner: nil, reasons: "", coverage: nil, changedAt: time, isFinal: isFinal)
    }
    var all = JournalTransaction()
    all.decisions = [
      decision("a", hours: 0, isFinal: true), decision("b", hours: 0, isFinal: false),
      decision("c", hours: 5, isFinal: true),
    ]
    try journal.apply(all)
    _ = try journal.maintainAll(at: noon.advanced(by: .seconds(103 * 3_600)))
    #expect(try reader.decisions(limit: 10).map(\.id) == ["c", "b"])
    #expect(try reader.decisions(of: "x", limit: 10).isEmpty && reader.decisions(limit: 1).count == 1)
  }

  // MARK: Beside a writer

  @Test func aReaderSeesWholeTransactionsOfAnotherConnection() throws {
    let scratch = ScratchDirectory()
    #expect(throws: JournalError.absent(scratch.path)) { _ = try JournalReader(directory: scratch.path) }
    let (journal, _) = try JournalDatabase.open(scratch.settings, name: "d", now: noon)
    let reader = try JournalReader(directory: scratch.path)
    let thread = Thread {
      for number in stride(from: UInt64(1), to: 400, by: 2) {
        try? journal.apply(transaction([message(number), message(number + 1)]))
      }
    }
    thread.start()
    var head: UInt64 = 0
    while head < 400 {
      let answer = try reader.fetch(FetchRequest(epoch: nil, from: 1))
      #expect(answer.head >= head && answer.head % 2 == 0)
      #expect(answer.messages.count == Int(answer.head))
      head = answer.head
    }
  }

  @Test func retentionGivesSpaceBack() throws {
    let scratch = ScratchDirectory()
    var settings = scratch.settings
    settings.outboxMessages = 10
    let (journal, _) = try JournalDatabase.open(settings, name: "d", now: noon)
    for start in stride(from: UInt64(1), to: 12_000, by: 1_000) {
      try journal.apply(transaction((start..<start + 1_000).map { message($0, bytes: 2_000) }))
    }
    #expect(journal.size > 24_000_000)
    _ = try journal.maintainAll(at: noon)
    // The freed pages that are kept and the log, at most 4 and 8 MiB.
    try journal.apply(transaction([message(20_000)]))
    try journal.queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    #expect(journal.size < 5_000_000)
  }
}
