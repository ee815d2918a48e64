package import Events

/// One sink's way through the messages: from the ring while it keeps up, otherwise from the journal.
package struct SinkFeed: Sendable {
  /// Messages taken at a time; what of them is not delivered yet waits in the sink, at about 2 KiB each.
  package static let messagesPerTurn = 64
  /// How long a journal that cannot be read is left alone.
  static let readingPause = Duration.seconds(1)

  private let exchange: SinkExchange
  /// Nil without a journal.
  private let backlog: SinkBacklog?
  /// Everything up to here was handed over.
  private(set) var end: UInt64
  private var readAgainAt = Timestamp.min

  package init(_ exchange: SinkExchange, _ backlog: SinkBacklog?, after end: UInt64) {
    (self.exchange, self.backlog, self.end) = (exchange, backlog, end)
  }

  /// What comes next; empty when nothing does. `lost` counts what neither ring nor journal has any more.
  package mutating func next(at now: Timestamp) -> SinkBatch {
    let batch = exchange.take(after: end, limit: Self.messagesPerTurn) ?? readBehind(at: now)
    end = max(end, batch.end)
    return batch
  }

  private mutating func readBehind(at now: Timestamp) -> SinkBatch {
    guard let backlog else {
      let first = exchange.first
      return SinkBatch(messages: [], end: first - 1, lost: first - 1 - end)
    }
    guard now >= readAgainAt else { return SinkBatch(messages: [], end: end) }
    do throws(SinkBacklog.Failure) {
      return try backlog.read(end, Self.messagesPerTurn)
    } catch {
      readAgainAt = now.advanced(by: Self.readingPause)
      return SinkBatch(messages: [], end: end)
    }
  }

  /// Whether there is more that could be taken.
  package var isBehind: Bool { end < exchange.head }

  /// When it is worth while to ask again although nothing was left; nil when it is not.
  func nextReading(at now: Timestamp) -> Timestamp? { isBehind ? max(now, readAgainAt) : nil }
}
