import Events
import Foundation
import Journal
import Sinks

// What joins the sinks to the daemon.

extension SinkMessage {
  /// The bytes are shared, not copied.
  init(_ message: StoredMessage) {
    self.init(number: message.number, time: message.time, topic: message.topic, body: message.body)
  }
}

extension SinkExchange {
  /// Nil when nobody is notified.
  convenience init?(_ settings: SinkSettings, head: UInt64) {
    guard settings.count > 0 else { return nil }
    self.init(head: head, sinks: settings.count)
  }
}

extension SinkService {
  /// Starts the sinks; nil when nobody is notified.
  ///
  /// - Parameter reader: nil without a journal.
  convenience init?(
    _ configuration: Configuration, _ parts: borrowing ServeLoop.Parts, reader: JournalReader?, epoch: UInt64
  ) {
    guard let exchange = parts.sinks else { return nil }
    let clock = parts.clock
    self.init(
      .init(
        settings: configuration.sinks, instance: configuration.name.text, exchange: exchange,
        backlog: reader.map { SinkBacklog($0, epoch: epoch) }, directory: configuration.journal?.directory,
        clock: { SinkMoment(now: clock.now, wall: .wall) }, log: parts.log))
  }
}

extension Timestamp {
  fileprivate static var wall: Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}

extension SinkBacklog {
  /// The journal of the numbering `epoch`.
  init(_ reader: JournalReader, epoch: UInt64) {
    self.init(
      epoch: epoch,
      read: { (after, limit) throws(Failure) in
        let found = try Self.fetch(reader, FetchRequest(epoch: epoch, from: after + 1, limit: limit))
        let messages = found.messages.map(SinkMessage.init)
        switch found.status {
        case .complete, .more: return SinkBatch(messages: messages, end: found.next - 1)
        // What was stored between is gone.
        case .truncated:
          return SinkBatch(messages: [], end: found.first - 1, lost: found.first - 1 - after)
        case .epochMismatch: throw Failure.unreadable("the journal has another epoch")
        }
      },
      readOpen: { (after, limit) throws(Failure) in
        let found = try Self.fetch(
          reader, FetchRequest(epoch: epoch, from: after + 1, limit: limit, onlyOpen: true))
        return (found.messages.map(SinkMessage.init), found.status == .more ? found.next - 1 : nil)
      })
  }

  private static func fetch(
    _ reader: JournalReader, _ request: FetchRequest
  ) throws(Failure) -> FetchedMessages {
    do throws(JournalError) { return try reader.fetch(request) } catch {
      throw .unreadable(error.description)
    }
  }
}
