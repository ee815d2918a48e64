import Events
import Foundation
import Logging
import TestSupport
import Testing

@testable import Sinks

/// The ring, the journal behind it, the cursor, and the threads over a transport of the test's own.
@Suite struct SinkFeedTests {
  private static func message(_ number: UInt64) -> SinkMessage { Build.decision(number, "rt-\(number)") }

  /// A journal that holds the messages up to `head`, those below `first` no more.
  private static func backlog(head: UInt64, first: UInt64 = 1, open: [SinkMessage] = []) -> SinkBacklog {
    SinkBacklog(
      epoch: 42,
      read: { (after, limit) throws(SinkBacklog.Failure) in
        guard after + 1 >= first else {
          return SinkBatch(messages: [], end: first - 1, lost: first - 1 - after)
        }
        let end = min(head, after + UInt64(limit))
        return SinkBatch(messages: after < end ? (after + 1...end).map(message) : [], end: max(after, end))
      },
      readOpen: { (after, _) throws(SinkBacklog.Failure) in (open.filter { $0.number > after }, nil) })
  }

  private func numbers(_ feed: inout SinkFeed) -> [UInt64] {
    var numbers: [UInt64] = []
    while case let batch = feed.next(at: Build.start), !batch.messages.isEmpty {
      numbers += batch.messages.map(\.number)
    }
    return numbers
  }

  // MARK: The ring

  @Test func eachSinkTakesEverythingInItsOwnTime() {
    let exchange = SinkExchange(head: 7, sinks: 2)
    var one = SinkFeed(exchange, nil, after: 7)
    var other = SinkFeed(exchange, nil, after: 7)
    for number in 8...300 as ClosedRange<UInt64> { exchange.offer(Self.message(number)) }
    #expect(numbers(&one) == Array(8...300))
    for number in 301...400 as ClosedRange<UInt64> { exchange.offer(Self.message(number)) }
    #expect(numbers(&one) == Array(301...400) && numbers(&other) == Array(8...400))
    #expect(!one.isBehind && one.next(at: Build.start) == SinkBatch(messages: [], end: 400))
  }

  @Test func withoutAJournalWhatTheRingOvertookIsLostAndCounted() {
    let exchange = SinkExchange(head: 0, sinks: 1)
    var feed = SinkFeed(exchange, nil, after: 0)
    let count = UInt64(SinkExchange.capacity) + 100
    for number in 1...count { exchange.offer(Self.message(number)) }
    #expect(feed.next(at: Build.start) == SinkBatch(messages: [], end: 100, lost: 100))
    #expect(numbers(&feed) == Array(101...count))
  }

  @Test func withAJournalNothingIsLost() {
    let count = UInt64(3 * SinkExchange.capacity)
    let exchange = SinkExchange(head: 10, sinks: 1)
    var feed = SinkFeed(exchange, Self.backlog(head: count), after: 4)
    for number in 11...count { exchange.offer(Self.message(number)) }
    #expect(numbers(&feed) == Array(5...count))
  }

  @Test func whatTheJournalNoLongerHasIsCounted() {
    let exchange = SinkExchange(head: 500, sinks: 1)
    var feed = SinkFeed(exchange, Self.backlog(head: 500, first: 301), after: 100)
    #expect(feed.next(at: Build.start).lost == 200)
    #expect(numbers(&feed) == Array(301...500))
  }

  @Test func aJournalThatCannotBeReadIsAskedAgainASecondLater() {
    let exchange = SinkExchange(head: 5, sinks: 1)
    let broken = SinkBacklog(
      epoch: 42,
      read: { (_, _) throws(SinkBacklog.Failure) in throw .unreadable("busy") },
      readOpen: { (_, _) throws(SinkBacklog.Failure) in throw .unreadable("busy") })
    var feed = SinkFeed(exchange, broken, after: 0)
    #expect(feed.next(at: Build.start) == SinkBatch(messages: [], end: 0) && feed.isBehind)
    #expect(feed.nextReading(at: Build.start) == Build.moment(1).now)
  }

  // MARK: The cursor

  @Test func aCursorIsReadBackAndAnythingElseIsNone() throws {
    let folder = try Folder()
    let file = SinkCursorFile(directory: folder.url.path, sink: "webhook-a")
    #expect(file.read() == nil)
    #expect(file.write(SinkCursor(epoch: .max, number: 12)) == nil)
    #expect(file.read() == SinkCursor(epoch: .max, number: 12))
    let path = folder.url.appendingPathComponent("sink-webhook-a.cursor").path
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    for text in ["", "{", "12", #"{"epoch":1,"number":2}"#] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      #expect(file.read() == nil)
    }
    #expect(SinkCursorFile(directory: "/nowhere", sink: "a").write(SinkCursor(epoch: 1, number: 1)) != nil)
  }

  @Test(
    arguments: [
      (SinkCursor(epoch: 42, number: 7), 7), (SinkCursor(epoch: 42, number: 99), 10),
      (SinkCursor(epoch: 41, number: 7), 0),
    ] as [(SinkCursor, UInt64)])
  func aCursorIsAPlaceInItsOwnNumbering(cursor: SinkCursor, place: UInt64) {
    #expect(cursor.place(inEpoch: 42, head: 10) == place)
  }

  // MARK: Threads

  private func service(
    _ exchange: SinkExchange, _ transport: ScriptedTransport, _ backlog: SinkBacklog?, _ directory: String?
  ) -> SinkService {
    var settings = SinkSettings()
    settings.webhooks = [WebhookSettings(name: "a", url: "http://127.0.0.1:1/")]
    let begun = ContinuousClock.now
    return SinkService(
      .init(
        settings: settings, instance: "north", exchange: exchange, backlog: backlog, directory: directory,
        clock: {
          let now = Build.start.advanced(by: begun.duration(to: .now))
          return SinkMoment(now: now, wall: now)
        },
        log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
      transport: { transport }, random: { SeededGenerator(seed: 1) })
  }

  private func ids(_ transport: ScriptedTransport) -> [String] {
    transport.requests.compactMap { $0.header("webhook-id") }
  }

  /// The thread delivers what is left, and its cursor is where the next process begins.
  @Test func aRestartGoesOnWhereTheLastOneStood() throws {
    let folder = try Folder()
    let first = ScriptedTransport()
    let before = SinkExchange(head: 3, sinks: 1)
    // Without a cursor it begins with what comes.
    let running = service(before, first, Self.backlog(head: 3), folder.url.path)
    for number in 4...6 as ClosedRange<UInt64> { before.offer(Self.message(number)) }
    for _ in 4...6 { #expect(first.waitForRequest()) }
    running.stop()
    #expect(ids(first) == ["rt-4", "rt-5", "rt-6"])
    #expect(running.reports.first?.counts.delivered == 3)

    let second = ScriptedTransport()
    let after = SinkExchange(head: 9, sinks: 1)
    let again = service(after, second, Self.backlog(head: 9), folder.url.path)
    for _ in 7...9 { #expect(second.waitForRequest()) }
    again.stop()
    #expect(ids(second) == ["rt-7", "rt-8", "rt-9"])
  }

  /// What the receiver did not take before the end is sent after the restart.
  @Test func whatWasNotDeliveredComesAfterTheRestart() throws {
    let folder = try Folder()
    let dead = ScriptedTransport { _ in .failed("refused") }
    let before = SinkExchange(head: 0, sinks: 1)
    let running = service(before, dead, Self.backlog(head: 0), folder.url.path)
    before.offer(Self.message(1))
    #expect(dead.waitForRequest())
    running.stop()
    let alive = ScriptedTransport()
    let again = service(SinkExchange(head: 2, sinks: 1), alive, Self.backlog(head: 2), folder.url.path)
    for _ in 1...2 { #expect(alive.waitForRequest()) }
    again.stop()
    #expect(ids(alive) == ["rt-1", "rt-2"])
  }

  /// A receiver that hangs is never waited for: not by who leaves messages, and at the end no longer than promised.
  @Test func aReceiverThatHangsHoldsNothingUp() {
    let hanging = ScriptedTransport(hangs: true)
    let exchange = SinkExchange(head: 0, sinks: 1)
    let running = service(exchange, hanging, nil, nil)
    exchange.offer(Self.message(1))
    #expect(hanging.waitForRequest())
    for number in 2...10_000 as ClosedRange<UInt64> { exchange.offer(Self.message(number)) }
    #expect(exchange.head == 10_000 && hanging.requests.count == 1)
    #expect(running.reports.first?.counts.waiting == 10_000)
    let begun = ContinuousClock.now
    running.stop()
    #expect(hanging.isCancelled)
    #expect(begun.duration(to: .now) < .seconds(3))
  }

  @Test func theURLsOfSinksAreToldApart() {
    #expect(SinkURL.problem("https://example.org/a?b=c") == nil)
    let wrong = [
      "example.org", "ftp://example.org", "http://", "http://a b/", "https://u:p@x.org/", "http://x/#y",
    ]
    for url in wrong {
      #expect(SinkURL.problem(url) != nil, "\(url)")
    }
    let hidden = SinkURL.origin("https://hooks.example.org:8443/T0/secret?x=y")
    #expect(hidden == "https://hooks.example.org:8443")
    for url in ["http://127.0.0.1:9093", "http://localhost/", "http://[::1]:80/", "http://127.9.9.9/"] {
      #expect(SinkURL.isLocal(url) && !SinkURL.isExposed(url), "\(url)")
    }
    for url in ["http://127.example.org/", "http://10.0.0.1/", "http://127.0.0.1.example.org/"] {
      #expect(SinkURL.isExposed(url), "\(url)")
    }
    #expect(!SinkURL.isExposed("https://example.org/"))
  }
}
