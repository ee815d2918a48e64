import Events
import Foundation
import Logging
import Synchronization

/// The thread of one sink: takes what was left for it, does what the sink asks, remembers how far it came.
final class SinkThread: Sendable {
  /// How often at most the cursor is written while much is delivered; so much comes twice after a kill.
  static let cursorInterval = Duration.seconds(1)
  /// Turns of the feed between two requests.
  private static let turnsPerStep = 16
  /// Of a snapshot of what is open.
  private static let openPerRead = 512
  private static let longestWait = Duration.seconds(3_600)

  /// What a sink's thread is made of.
  struct Parts: Sendable {
    var sink: any Sink
    /// Of the bell in the exchange.
    var index: Int
    var exchange: SinkExchange
    var backlog: SinkBacklog?
    /// Nil without a journal.
    var file: SinkCursorFile?
    var transport: any Transport
    var clock: @Sendable () -> SinkMoment
    var log: Logger
  }

  private let parts: Parts
  private let latest: Mutex<(counts: SinkCounts, end: UInt64)>
  private let done = DispatchSemaphore(value: 0)
  let name: String

  init(_ parts: Parts) {
    self.parts = parts
    name = parts.sink.name
    latest = Mutex((parts.sink.counts, parts.exchange.start))
  }

  /// As of its last turn; what waits, as of now.
  var counts: SinkCounts {
    var (counts, end) = latest.withLock { $0 }
    // What it has not taken yet, whether or not it wants all of it.
    let head = parts.exchange.head
    if head > end { counts.waiting += Int(clamping: head - end) }
    return counts
  }

  func start() {
    let thread = Thread { [self] in
      run()
      done.signal()
    }
    thread.name = "tidemark-sink"
    thread.start()
  }

  /// Waits for its end until `deadline`, then ends the request under way. What hangs even so, as the
  /// look-up of a name can, is left to the end of the process.
  func finish(by deadline: DispatchTime) {
    guard done.wait(timeout: deadline) == .timedOut else { return }
    parts.transport.cancel()
    _ = done.wait(timeout: .now() + .milliseconds(200))
  }

  // MARK: On the thread

  /// What changes while it runs.
  private struct Course {
    var sink: any Sink
    var feed: SinkFeed
    var written: UInt64?
    var writtenAt: Timestamp
  }

  private func run() {
    guard var course = begin() else { return }
    while !isOver {
      fill(&course)
      tell(&course)
      let moment = parts.clock()
      switch course.sink.step(at: moment) {
      case .post(let request):
        let answer = parts.transport.post(request)
        course.sink.take(answer, at: parts.clock())
        if moment.now >= course.writtenAt.advanced(by: Self.cursorInterval) { remember(&course) }
      case .rest(let until):
        remember(&course)
        // At the end nothing is waited for: what failed comes after the restart.
        if parts.exchange.isEnded && !(course.sink.takes && course.feed.isBehind) { return }
        rest(until, course)
      }
    }
    remember(&course)
    tell(&course)
  }

  private var isOver: Bool {
    parts.exchange.closesAt.map { parts.clock().now >= $0 } ?? false
  }

  private func fill(_ course: inout Course) {
    for _ in 0..<Self.turnsPerStep where course.sink.takes {
      let moment = parts.clock()
      let before = course.feed.end
      let batch = course.feed.next(at: moment.now)
      guard course.feed.end > before || !batch.messages.isEmpty else { return }
      course.sink.take(batch, at: moment)
    }
  }

  private func rest(_ until: Timestamp?, _ course: Course) {
    let now = parts.clock().now
    let reading = course.sink.takes ? course.feed.nextReading(at: now) : nil
    let due = [until, reading, parts.exchange.closesAt].compactMap { $0 }.min()
    let wait = due.map { now.duration(to: $0) } ?? Self.longestWait
    // A millisecond more, so that it is due when the wait is over.
    parts.exchange.wait(sink: parts.index, for: min(wait, Self.longestWait) + .milliseconds(1))
  }

  private func tell(_ course: inout Course) {
    let (counts, end) = (course.sink.counts, course.feed.end)
    latest.withLock { $0 = (counts, end) }
    for remark in course.sink.takeRemarks() {
      parts.log.log(
        level: remark.level == .warning ? .warning : .notice, "\(remark.words)",
        metadata: ["sink": .string(name)])
    }
  }

  // MARK: Where it was

  /// What was open and how far it had come; nil when the daemon ends before that can be read.
  private func begin() -> Course? {
    var sink = parts.sink
    guard let backlog = parts.backlog else {
      // Without a journal what is left is all there is, and it was left since this process began.
      let feed = SinkFeed(parts.exchange, nil, after: parts.exchange.start)
      sink.restore([], delivered: nil, end: feed.end, at: parts.clock())
      return Course(sink: sink, feed: feed, writtenAt: .min)
    }
    let start = parts.exchange.start
    let delivered = parts.file?.read()?.place(inEpoch: backlog.epoch, head: start)
    let place = delivered ?? start
    guard let open = readOpen(backlog, upTo: place) else { return nil }
    sink.restore(open, delivered: delivered, end: place, at: parts.clock())
    var course = Course(
      sink: sink, feed: SinkFeed(parts.exchange, backlog, after: place), writtenAt: .min)
    // From here on it is known where it began, whatever happens before the first delivery.
    if delivered == nil { remember(&course) }
    return course
  }

  private func readOpen(_ backlog: SinkBacklog, upTo end: UInt64) -> [SinkMessage]? {
    var open: [SinkMessage] = []
    var after: UInt64? = 0
    while let place = after, place < end {
      if isOver || parts.exchange.isEnded { return nil }
      do throws(SinkBacklog.Failure) {
        let (messages, next) = try backlog.readOpen(place, Self.openPerRead)
        open += messages.filter { $0.number <= end }
        after = next
      } catch {
        parts.log.warning("the journal cannot be read: \(error)", metadata: ["sink": .string(name)])
        parts.exchange.wait(sink: parts.index, for: SinkFeed.readingPause)
      }
    }
    return open
  }

  private func remember(_ course: inout Course) {
    guard let file = parts.file, let backlog = parts.backlog, course.sink.finished != course.written else {
      return
    }
    let finished = course.sink.finished
    course.writtenAt = parts.clock().now
    if let words = file.write(SinkCursor(epoch: backlog.epoch, number: finished)) {
      parts.log.warning("how far it came cannot be written: \(words)", metadata: ["sink": .string(name)])
    } else {
      course.written = finished
    }
  }
}
