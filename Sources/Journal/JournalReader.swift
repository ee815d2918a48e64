import Events
import Foundation
import GRDB

/// Reads a journal on a connection of its own, beside the thread that writes it and in any process.
///
/// Every call sees one state of the journal, the last committed when it began, and takes its turn when
/// several threads call.
package final class JournalReader: Sendable {
  /// Stored messages that one `fetch` looks at: with headers and topics alone about 20 ms.
  static let numbersPerFetch: UInt64 = 100_000
  /// As many prefixes as are taken; more are as if none were given.
  package static let prefixes = 16

  let queue: DatabaseQueue
  /// Nil for one in memory.
  private let path: String?

  /// Opens the journal in a directory, whether or not a daemon has it.
  ///
  /// - Throws: `absent` when there is none; `newer`, `corrupt`, `busy`, `io`.
  package init(directory: String) throws(JournalError) {
    let path = JournalDirectory.databasePath(in: directory)
    guard FileManager.default.fileExists(atPath: path) else { throw .absent(directory) }
    self.path = path
    queue = try journaled {
      let queue = try DatabaseQueue(path: path, configuration: JournalSchema.configuration(isReadOnly: true))
      // A file that was made and not yet filled is no journal either.
      guard try queue.read(JournalSchema.requireKnown) else { throw JournalError.absent(directory) }
      return queue
    }
  }

  /// Reads a journal in memory, by turns with its writer.
  package init(sharing database: JournalDatabase) {
    queue = database.queue
    path = nil
  }

  /// Bytes on disk, or of the pages in memory.
  var size: Int64 {
    path.map(JournalDirectory.size) ?? (try? queue.read(JournalSchema.pageBytes)) ?? 0
  }

  // MARK: Messages

  /// Stored messages in the order of their numbers.
  ///
  /// Looks at no more than 100,000 stored messages, or numbers between; then the status is `more`, perhaps
  /// with no message at all.
  package func fetch(_ request: FetchRequest) throws(JournalError) -> FetchedMessages {
    try journaled {
      try queue.read { database in
        let journal = try JournalRow(database)
        let (first, head) = (UInt64(journal.pruned) + 1, UInt64(journal.last))
        var answer = FetchedMessages(
          messages: [], status: .complete, epoch: journal.epoch, first: first,
          next: head + 1, head: head)
        if let epoch = request.epoch, epoch != answer.epoch {
          (answer.status, answer.next) = (.epochMismatch, first)
        } else if !request.onlyOpen && request.from < first {
          (answer.status, answer.next) = (.truncated, first)
        } else if request.from <= head {
          try read(request, from: database, into: &answer)
        }
        return answer
      }
    }
  }

  private func read(
    _ request: FetchRequest, from database: Database, into answer: inout FetchedMessages
  ) throws {
    let last = try lastOfTurn(request, head: answer.head, database)
    let (sql, arguments) = selection(request, last: last)
    let rows = try Row.fetchCursor(
      try database.cachedStatement(sql: sql), arguments: StatementArguments(arguments))
    let limit = min(max(1, request.limit), FetchRequest.messages)
    var bytes = 0
    while let row = try rows.next() {
      let message = try StoredMessage(
        number: UInt64(bitPattern: row.value(0)), topic: row.bytes(4), header: row.bytes(5),
        body: row.bytes(6), time: Timestamp(nanoseconds: row.value(1)), subject: row.value(2),
        closesSubject: row.value(3))
      bytes += message.byteCount
      if answer.messages.count == limit || (bytes > request.byteLimit && !answer.messages.isEmpty) {
        (answer.status, answer.next) = (.more, message.number)
        return
      }
      answer.messages.append(message)
    }
    if last < answer.head { (answer.status, answer.next) = (.more, last + 1) }
  }

  /// The last number that is looked at in one call.
  private func lastOfTurn(_ request: FetchRequest, head: UInt64, _ database: Database) throws -> UInt64 {
    guard request.onlyOpen else {
      let (end, overflow) = request.from.addingReportingOverflow(Self.numbersPerFetch - 1)
      return overflow ? head : min(head, end)
    }
    // Open messages are at most as many, and far apart.
    let end = try Int64.fetchOne(
      try database.cachedStatement(
        sql: "SELECT number FROM open_messages WHERE number >= ? ORDER BY number LIMIT 1 OFFSET ?"),
      arguments: [Int64(clamping: request.from), Int64(Self.numbersPerFetch - 1)])
    return end.map { UInt64(clamping: $0) } ?? head
  }

  /// Prefixes are compared as ranges: from the prefix on, below the first text that is greater than all that
  /// begin with it.
  private func selection(_ request: FetchRequest, last: UInt64) -> (String, [any DatabaseValueConvertible]) {
    var arguments: [any DatabaseValueConvertible] = [Int64(clamping: request.from), Int64(clamping: last)]
    // The cross join keeps SQLite to this order: the open messages are few.
    let tables = request.onlyOpen ? "open_messages AS o CROSS JOIN messages AS m" : "messages AS m"
    var sql = "SELECT m.number, m.time, m.subject, closes, topic, header, body FROM \(tables) "
    sql += request.onlyOpen ? "ON m.number = o.number WHERE o.number" : "WHERE m.number"
    sql += " BETWEEN ? AND ?"
    let prefixes = request.prefixes.count <= Self.prefixes ? request.prefixes : []
    if !prefixes.isEmpty {
      let ranges = prefixes.map { prefix in
        arguments.append(Data(prefix))
        guard let end = Self.end(of: prefix) else { return "topic >= ?" }
        arguments.append(Data(end))
        return "(topic >= ? AND topic < ?)"
      }
      sql += " AND (" + ranges.joined(separator: " OR ") + ")"
    }
    return (sql + " ORDER BY \(request.onlyOpen ? "o" : "m").number", arguments)
  }

  /// The first bytes greater than all that begin with `prefix`; nil when there are none.
  static func end(of prefix: [UInt8]) -> [UInt8]? {
    guard let last = prefix.lastIndex(where: { $0 < 0xff }) else { return nil }
    return Array(prefix[..<last]) + [prefix[last] + 1]
  }
}
