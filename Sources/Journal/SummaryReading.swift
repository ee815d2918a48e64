package import Events
import GRDB

/// What a journal holds: for `tidemark history` without a model.
extension JournalReader {
  /// Rows by table, oldest times, and the growth a day.
  ///
  /// Growth is what the rows of the last 24 hours take; for a table whose retention takes away as much as
  /// comes it is 0. Rows of messages and of raw samples are counted by their numbers; the others are counted
  /// one by one, a few million in a second.
  package func summary(at now: Timestamp) throws(JournalError) -> JournalSummary {
    let bytes = size
    return try journaled {
      try queue.read { database in
        let journal = try JournalRow(database)
        let tables = try [
          self.messages(database, journal, now), self.states(database),
          self.decisions(database, journal, now),
          self.samples(database, "metrics_raw", journal, now, columns: 36),
          self.slots(
            database, "metrics_minutes", journal, now, "length(entries) + 18"),
          self.slots(
            database, "metrics_hours", journal, now,
            "coalesce(length(CAST(accuracy AS BLOB)), 0) + coalesce(length(CAST(latency AS BLOB)), 0) + 15"),
          self.samples(database, "drift_raw", journal, now, columns: 36),
          self.slots(database, "drift_hours", journal, now, "30"),
        ]
        return JournalSummary(
          name: journal.name, epoch: journal.epoch, first: UInt64(journal.pruned) + 1,
          head: UInt64(journal.last), tables: tables, bytes: bytes)
      }
    }
  }

  private static let day: Int64 = 86_400_000_000_000

  /// Whether rows go as they come: the oldest has nearly the age at which rows go. Two hours are what whole
  /// hours and the turns of maintenance may add.
  private func isFull(_ oldest: Timestamp?, _ now: Timestamp, age: Int64) -> Bool {
    guard let oldest else { return false }
    return oldest.nanoseconds(to: now) >= age - 2 * HistoryTime.hour
  }

  private func messages(_ database: Database, _ journal: JournalRow, _ now: Timestamp) throws
    -> JournalSummary.Table
  {
    let (last, pruned) = (journal.last, journal.pruned)
    let kept = try Int64.fetchOne(
      database, sql: "SELECT count(*) FROM open_messages WHERE number <= ?", arguments: [pruned])
    let oldest = try time(database, "SELECT time FROM messages ORDER BY number LIMIT 1")
    let first = try time(
      database, "SELECT time FROM messages WHERE number > \(pruned) ORDER BY number LIMIT 1")
    let since = now.advanced(byNanoseconds: -Self.day)
    let recent =
      last - (try boundary(database, "messages", "number", from: pruned + 1, to: last, since: since)) + 1
    // The bytes of a row from the last thousand: frames, and 60 for numbers and the topic's entry.
    let width = try Double.fetchOne(
      database,
      sql: """
        SELECT avg(length(topic) + length(header) + length(body) + 60) FROM
          (SELECT topic, header, body FROM messages ORDER BY number DESC LIMIT 1000)
        """)
    let isFull =
      isFull(first, now, age: journal.outboxAge) || last - pruned >= journal.outboxMessages
    return JournalSummary.Table(
      name: "messages", rows: UInt64(clamping: last - pruned + (kept ?? 0)), oldest: oldest,
      growth: isFull ? 0 : Double(max(0, recent)) * (width ?? 0))
  }

  private func states(_ database: Database) throws -> JournalSummary.Table {
    let rows = try Int64.fetchOne(database, sql: "SELECT count(*) FROM states") ?? 0
    return JournalSummary.Table(name: "states", rows: UInt64(clamping: rows), oldest: nil, growth: 0)
  }

  private func decisions(_ database: Database, _ journal: JournalRow, _ now: Timestamp) throws
    -> JournalSummary.Table
  {
    let rows = try Int64.fetchOne(database, sql: "SELECT count(*) FROM decisions") ?? 0
    let oldest = try time(database, "SELECT min(issued) FROM decisions")
    let recent = try Int64.fetchOne(
      database, sql: "SELECT count(*) FROM decisions WHERE issued >= ?",
      arguments: [now.advanced(byNanoseconds: -Self.day).nanoseconds])
    let isFull = isFull(oldest, now, age: journal.hourAge)
    // 300 bytes a decision with its two index entries.
    return JournalSummary.Table(
      name: "decisions", rows: UInt64(clamping: rows), oldest: oldest,
      growth: isFull ? 0 : Double(recent ?? 0) * 300)
  }

  private func samples(
    _ database: Database, _ table: String, _ journal: JournalRow, _ now: Timestamp, columns width: Double
  ) throws -> JournalSummary.Table {
    let ends = try Row.fetchOne(
      database, sql: "SELECT (SELECT min(sequence) FROM \(table)), (SELECT max(sequence) FROM \(table))")
    guard let ends, let first = try ends.value(0) as Int64?, let last = try ends.value(1) as Int64? else {
      return JournalSummary.Table(name: table, rows: 0, oldest: nil, growth: 0)
    }
    let oldest = try time(database, "SELECT time FROM \(table) ORDER BY sequence LIMIT 1")
    let since = now.advanced(byNanoseconds: -Self.day)
    let recent = last - (try boundary(database, table, "sequence", from: first, to: last, since: since)) + 1
    // Above the bound a sixteenth goes at once.
    let bound: Int64 = journal.historyRows
    let isFull = isFull(oldest, now, age: journal.rawAge) || last - first >= bound - bound / 16
    return JournalSummary.Table(
      name: table, rows: UInt64(clamping: last - first + 1), oldest: oldest,
      growth: isFull ? 0 : Double(max(0, recent)) * width)
  }

  private func slots(
    _ database: Database, _ table: String, _ journal: JournalRow, _ now: Timestamp, _ width: String
  ) throws -> JournalSummary.Table {
    let rows = try Int64.fetchOne(database, sql: "SELECT count(*) FROM \(table)") ?? 0
    guard let first = try Int64.fetchOne(database, sql: "SELECT min(slot) FROM \(table)"),
      let last = try Int64.fetchOne(database, sql: "SELECT max(slot) FROM \(table)")
    else { return JournalSummary.Table(name: table, rows: 0, oldest: nil, growth: 0) }
    // A day of it is what the last hour has, 24 times.
    let hour = HistoryTime.hour(ofSlot: last)
    let bytes = try Double.fetchOne(
      database, sql: "SELECT sum(\(width)) FROM \(table) WHERE slot >= ?",
      arguments: [HistoryTime.slot(hour: hour, model: 0)])
    let oldest = HistoryTime.time(ofSlot: first)
    let age: Int64 = table == "metrics_minutes" ? journal.minuteAge : journal.hourAge
    return JournalSummary.Table(
      name: table, rows: UInt64(clamping: rows), oldest: oldest,
      growth: isFull(oldest, now, age: age) ? 0 : (bytes ?? 0) * 24)
  }

  private func time(_ database: Database, _ sql: String) throws -> Timestamp? {
    try Int64.fetchOne(database, sql: sql).map(Timestamp.init(nanoseconds:))
  }

  /// The first number in a range whose row is not older than `since`, or one past it: times grow with
  /// numbers.
  private func boundary(
    _ database: Database, _ table: String, _ key: String, from first: Int64, to last: Int64, since: Timestamp
  ) throws -> Int64 {
    let statement = try database.cachedStatement(
      sql: "SELECT time FROM \(table) WHERE \(key) >= ? ORDER BY \(key) LIMIT 1")
    var (low, high) = (first, last + 1)
    while low < high {
      let middle = low + (high - low) / 2
      let time = try Int64.fetchOne(statement, arguments: [middle]) ?? .max
      if time < since.nanoseconds { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
