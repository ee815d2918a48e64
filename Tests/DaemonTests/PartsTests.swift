import Events
import Foundation
import Logging
import TestSupport
import Testing

@testable import Daemon

@Suite struct DurationTextTests {
  @Test(arguments: [
    ("90s", 90.0), ("24h", 86_400), ("7d", 604_800), ("1.5h", 5_400), ("250ms", 0.25), ("0s", 0),
    ("36500d", 3_153_600_000),
  ]) func isRead(text: String, seconds: Double) {
    #expect(DurationText.parse(text)?.secondsValue == seconds)
  }

  @Test(arguments: [
    "", "s", "90", "-1s", "1 h", "1h30m", "1e9d", "36501d", "nans", "1.2.3s", "٣s", "7 d", "infd",
  ])
  func isRefused(text: String) { #expect(DurationText.parse(text) == nil) }
}

@Suite struct ServeClockTests {
  /// A journal a little ahead holds the clock; one from another day does not.
  @Test func aJournalIsBelievedUpToAnHourAhead() {
    let wall = ServeClock().now
    let ahead = wall.advanced(by: .seconds(1_800))
    #expect(ServeClock(after: ahead).now >= ahead)
    let wrong = wall.advanced(by: .seconds(7_200))
    #expect(ServeClock(after: wrong).now < ahead)
  }
}

@Suite struct ControlExchangeTests {
  /// A request counts until it is answered, not until it is taken.
  @Test func requestsThatWaitAreBounded() throws {
    let exchange = try ControlExchange(head: 0)
    let request = ControlExchange.Request(
      ticket: ControlTicket(peer: [1], epoch: 1, number: 1),
      header: EventHeader(
        origin: Origin(source: SourceName("a")!, model: .unspecified),
        sequence: SequenceNumber(epoch: 1, number: 1), time: nil, sentAt: nil),
      body: .feedback(Feedback(decision: DecisionID("rt-1"), report: .acked, owner: "a")), frames: [])
    for _ in 0..<ControlExchange.maximumWaiting { #expect(exchange.ask(request)) }
    #expect(!exchange.ask(request))
    #expect(exchange.takeRequests().count == ControlExchange.maximumWaiting)
    #expect(!exchange.ask(request), "taken is not answered")
    exchange.answer(request.ticket, .refused(FeedbackAnswer.Refusal(.busy, "full")))
    #expect(exchange.ask(request))
  }
}

@Suite struct SubscriptionTableTests {
  private func apply(_ table: inout SubscriptionTable, _ flag: UInt8, _ prefix: String) {
    _ = ([flag] + Array(prefix.utf8)).withUnsafeBytes { table.apply($0) }
  }

  @Test func prefixesComeAndGo() {
    var table = SubscriptionTable()
    let topic = Array("assessment/m/-/n".utf8)
    #expect(!table.mayWant("assessment") && !table.wants(topic))
    apply(&table, 1, "assessment/m/")
    #expect(table.mayWant("assessment") && table.wants(topic) && !table.mayWant("alert"))
    #expect(!table.wants(Array("assessment/x/-/n".utf8)))
    apply(&table, 1, "")
    #expect(table.mayWant("alert"))
    apply(&table, 0, "")
    apply(&table, 0, "assessment/m/")
    #expect(!table.mayWant("assessment"))
    apply(&table, 9, "assessment/")
    #expect(![UInt8]().withUnsafeBytes { table.apply($0) })
    #expect(!table.mayWant("assessment"))
  }

  @Test func moreThanItKeepsCountsAsAll() {
    var table = SubscriptionTable()
    for index in 0..<SubscriptionTable.maximumPrefixes { apply(&table, 1, "x\(index)") }
    #expect(!table.wants(Array("assessment/".utf8)))
    apply(&table, 1, "one more")
    #expect(table.wants(Array("assessment/".utf8)))
  }
}

@Suite struct LineReaderTests {
  /// Lines of any length, with and without a last newline, in chunks that a pipe hands over.
  @Test(arguments: [UInt64(1), 2, 3]) func linesAreWhole(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let limit = 3 << 20
    var lines: [String] = []
    for _ in 0..<30 {
      let length = [0, 1, 50, 3_000, 1 << 20, limit, limit + 1, 2 * limit].randomElement(using: &random)!
      lines.append(length > 4_000 && Bool.random(using: &random) ? "" : String(repeating: "x", count: length))
    }
    lines.append("last")
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("tm-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    let text = lines.joined(separator: "\n") + (seed % 2 == 0 ? "\n" : "")
    try Data(text.utf8).write(to: file)
    let handle = try FileHandle(forReadingFrom: file)
    var reader = LineReader(descriptor: handle.fileDescriptor, maximumBytes: limit)
    for (number, line) in lines.enumerated() {
      let found = try reader.next()
      #expect(found == (line.utf8.count > limit ? .tooLong : .line), "line \(number) of \(line.utf8.count)")
      if found == .line { #expect(reader.bytes.count == line.utf8.count, "line \(number)") }
    }
    #expect(try reader.next() == .end)
    #expect(reader.consumed == text.utf8.count)
  }
}

@Suite struct AccountTests {
  @Test func figuresAddUp() {
    var account = Account(log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    for _ in 0..<3 { account.countReceived() }
    account.enter(Remark(.malformed, "x"), at: Timestamp(nanoseconds: 0))
    account.enter(Remark(.gap, count: 40, "x"), at: Timestamp(nanoseconds: 0))
    account.enter(Remark(.late), at: Timestamp(nanoseconds: 0))
    let metadata = account.metadata.mapValues(\.description)
    #expect(metadata["received"] == "3" && metadata["rejected"] == "1")
    #expect(metadata["gap"] == "40" && metadata["late"] == "1" && metadata["malformed"] == "1")
    #expect(metadata["duplicate"] == nil)
  }

  /// A peer says how large a gap is, as often as it likes.
  @Test func hugeGapsSaturate() {
    var account = Account(log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    for _ in 0..<4 { account.enter(Remark(.gap, count: .max, "x"), at: Timestamp(nanoseconds: 0)) }
    #expect(account.metadata["gap"]?.description == "\(UInt64.max)")
  }
}

@Suite struct BaselineTableTests {
  @Test(arguments: ["a,b\n1,2\n3,\n", "a,b\r\n1,2\r\n3,NA\r\n", "\"a\", b\n\n1 , 2\n3,null", "1,2\n3,nan\n"])
  func tablesAreRead(text: String) throws {
    let batch = try BaselineTable.parseCSV(text)
    #expect(batch.blocks[0].rows == 2 && batch.blocks[0].columns == 2)
    #expect(Array(batch.blocks[0].values.prefix(3)) == [1, 2, 3] && batch.blocks[0].values[3].isNaN)
    #expect(batch.names == (text.hasPrefix("1") ? nil : FeatureNames(["a", "b"])))
  }

  @Test(arguments: [("", 1), ("a,b\r\n", 1), ("a,b\n1,2\n3\n", 3), ("1,2\n3,x\n", 2), ("a,a\n1,2\n", 1)])
  func mistakesHaveTheirLine(text: String, line: Int) {
    do {
      _ = try BaselineTable.parseCSV(text)
      Issue.record("taken: \(text)")
    } catch {
      #expect((error as? BaselineTable.CSVProblem)?.line == line)
    }
  }
}
