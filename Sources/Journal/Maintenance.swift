package import Events
import Foundation
import GRDB

/// What a turn of maintenance did that somebody should hear of.
package struct Maintenance: Sendable, Equatable {
  /// Ask again soon; otherwise within a minute.
  package var isMoreLeft = false
  /// Samples that lost their resolution before their time, since there were more than `historyRows`.
  package var thinned = 0
  /// Messages of subjects still open that were removed, since there were more than 100,000.
  package var forgotten = 0
  /// Packed summaries that could not be read and were removed: a damage that SQLite does not see.
  package var unreadable = 0

  package init() {}

  /// What `read` gives; nil, and counted, when it is no summary.
  fileprivate mutating func readable<Value>(_ read: () throws -> Value) throws -> Value? {
    do {
      return try read()
    } catch JournalError.corrupt {
      unreadable += 1
      return nil
    }
  }
}

/// Retention and the roll-up of histories, a bounded piece at a time.
extension JournalDatabase {
  /// Messages of open subjects that retention passes over: 100,000 of about 1 KB are 100 MB.
  static let openMessages = 100_000
  /// Messages removed in a turn; with their pages about 20 ms.
  static let messagesPerTurn = 10_000
  /// Rows of samples rolled up in a turn: the hour of 500 models that measure once a minute is 30,000, so
  /// that it is packed in one turn and its blobs are written once.
  static let samplesPerTurn = 40_000
  /// Hours of models whose minutes become one row in a turn, of 60 entries each.
  static let slotsPerTurn = 2_000
  /// Rows removed in a turn from the tables of hours and of decisions.
  static let rowsPerTurn = 20_000
  /// Decisions kept that are over; of about 300 bytes: 30 MB.
  static let decisions = 100_000
  /// Free pages that are kept for what comes: 4 MiB or an eighth of the database, whichever is more. Without
  /// them the file would shrink and grow each hour.
  static let freePages: Int64 = 1_024
  /// Pages given back in a turn, 8 MiB.
  static let freedPerTurn: Int64 = 2_048

  /// Removes what is too old or too much and rolls up histories. To be called once a minute, and again at
  /// once while more is left; a turn is one transaction of at most some 100 ms.
  package func maintain(at now: Timestamp) throws(JournalError) -> Maintenance {
    var done = try writing { database in
      var done = Maintenance()
      try pruneMessages(database, now, &done)
      try forgetOpenMessages(database, &done)
      try pruneDecisions(database, now, &done)
      var isBehind = try rollUpMetrics(database, now, &done)
      isBehind = try rollUpDrift(database, now, &done) || isBehind
      isBehind = try rollUpMinutes(database, now, &done) || isBehind
      isBehind = try pruneHours(database, now) || isBehind
      // While rows older than any model's last hour may be there, no model may go.
      if !isBehind { try pruneModels(database, now) }
      done.isMoreLeft = done.isMoreLeft || isBehind
      return done
    }
    if try giveBackPages() { done.isMoreLeft = true }
    return done
  }

  // MARK: Messages and decisions

  private func pruneMessages(_ database: Database, _ now: Timestamp, _ done: inout Maintenance) throws {
    let journal = try JournalRow(database)
    let (last, pruned) = (journal.last, journal.pruned)
    let cutoff = now.advanced(by: .zero - settings.outboxAge).nanoseconds
    let end = pruned + Int64(Self.messagesPerTurn)
    // By count, then by age as far as all before are too old.
    var target = max(pruned, min(end, last - Int64(settings.outboxMessages)))
    let rows = try Row.fetchCursor(
      try database.cachedStatement(
        sql: "SELECT number, time FROM messages WHERE number > ? AND number <= ? ORDER BY number"),
      arguments: [target, end])
    while let row = try rows.next(), try row.value(1) < cutoff { target = try row.value(0) }
    guard target > pruned else { return }
    try database.execute(
      sql: """
        DELETE FROM messages WHERE number > ? AND number <= ?
          AND NOT EXISTS (SELECT 1 FROM open_messages WHERE open_messages.number = messages.number)
        """, arguments: [pruned, target])
    try database.execute(sql: "UPDATE journal SET pruned = ?", arguments: [target])
    if target == end { done.isMoreLeft = true }
  }

  private func forgetOpenMessages(_ database: Database, _ done: inout Maintenance) throws {
    let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM open_messages") ?? 0
    let excess = min(count - Self.openMessages, Self.messagesPerTurn)
    guard excess > 0 else { return }
    let oldest = "(SELECT number FROM open_messages ORDER BY number LIMIT \(excess))"
    try database.execute(
      sql: """
        DELETE FROM messages WHERE number <= (SELECT pruned FROM journal) AND number IN \(oldest);
        DELETE FROM open_messages WHERE number IN \(oldest);
        UPDATE journal SET forgotten = forgotten + \(excess);
        """)
    done.forgotten = excess
    if count - excess > Self.openMessages { done.isMoreLeft = true }
  }

  private func pruneDecisions(_ database: Database, _ now: Timestamp, _ done: inout Maintenance) throws {
    let cutoff = now.advanced(by: .zero - settings.hourHistory).nanoseconds
    try database.execute(
      sql: """
        DELETE FROM decisions WHERE id IN (SELECT id FROM decisions
          WHERE final = 1 AND changed < ? ORDER BY changed LIMIT \(Self.rowsPerTurn))
        """, arguments: [cutoff])
    if database.changesCount == Self.rowsPerTurn { done.isMoreLeft = true }
    let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM decisions WHERE final = 1") ?? 0
    guard count > Self.decisions else { return }
    try database.execute(
      sql: """
        DELETE FROM decisions WHERE id IN (SELECT id FROM decisions
          WHERE final = 1 ORDER BY changed LIMIT \(min(count - Self.decisions, Self.rowsPerTurn)))
        """)
  }

  // MARK: Histories

  /// The first hour that is not wholly older than `age`.
  private func firstHour(_ now: Timestamp, _ age: Duration) -> Int64 {
    HistoryTime.hour(of: now.advanced(by: .zero - age))
  }

  /// Whether samples of an hour are to lose their resolution: they are old, or of a future that a clock set
  /// back has left, where they would stand before all that come.
  private func isDue(_ hour: Int64, first: Int64, _ now: Timestamp) -> Bool {
    hour < first || hour > HistoryTime.hour(of: now) + 1
  }

  /// How many of the oldest samples of a table must go whatever their age: those above the bound and a
  /// sixteenth more, so that this is not to be done each turn.
  private func excess(_ database: Database, of table: String) throws -> Int {
    guard
      let row = try Row.fetchOne(
        database,
        sql: "SELECT (SELECT min(sequence) FROM \(table)), (SELECT max(sequence) FROM \(table))"),
      let first = try row.value(0) as Int64?, let last = try row.value(1) as Int64?
    else { return 0 }
    // Rows go only from the front, so that their numbers have no gaps.
    let count = Int(last - first) + 1
    return count > settings.historyRows ? count - settings.historyRows + settings.historyRows / 16 : 0
  }

  /// Samples whose hour is old enough become minutes, from the oldest on.
  ///
  /// - Returns: whether more is due.
  private func rollUpMetrics(_ database: Database, _ now: Timestamp, _ done: inout Maintenance) throws -> Bool
  {
    let first = firstHour(now, settings.rawHistory)
    let excess = try excess(database, of: "metrics_raw")
    let rows = try Row.fetchCursor(
      try database.cachedStatement(
        sql: "SELECT sequence, model, time, accuracy, latency FROM metrics_raw ORDER BY sequence LIMIT ?"),
      arguments: [Self.samplesPerTurn])
    var hours: [Int64: HourOfMinutes] = [:]
    var (taken, last) = (0, Int64(0))
    while let row = try rows.next() {
      let time = Timestamp(nanoseconds: try row.value(2))
      let hour = HistoryTime.hour(of: time)
      if !isDue(hour, first: first, now) {
        guard taken < excess else { break }
        done.thinned += 1
      }
      let entry = try done.readable {
        HourOfMinutes.Entry(
          minute: HistoryTime.minute(of: time), accuracy: try row.summary(3),
          latency: try row.summary(4))
      }
      if let entry {
        hours[HistoryTime.slot(hour: hour, model: try row.value(1)), default: HourOfMinutes()].add(entry)
      }
      (taken, last) = (taken + 1, try row.value(0))
    }
    guard taken > 0 else { return false }
    for (slot, hour) in hours.sorted(by: { $0.key < $1.key }) {
      try store(hour, in: slot, database, &done)
    }
    try database.execute(sql: "DELETE FROM metrics_raw WHERE sequence <= ?", arguments: [last])
    return taken == Self.samplesPerTurn
  }

  /// Writes the minutes of one hour; a part that is there already (an hour that took several turns, or
  /// samples out of order) is merged.
  private func store(
    _ hour: HourOfMinutes, in slot: Int64, _ database: Database, _ done: inout Maintenance
  ) throws {
    var hour = hour
    let read = try database.cachedStatement(sql: "SELECT entries FROM metrics_minutes WHERE slot = ?")
    if let row = try Row.fetchOne(read, arguments: [slot]),
      var stored = try done.readable({ try HourOfMinutes(packed: try row.bytes(0)) })
    {
      for entry in hour.entries { stored.add(entry) }
      hour = stored
    }
    try database.cachedStatement(sql: "INSERT OR REPLACE INTO metrics_minutes VALUES (?, ?)")
      .execute(arguments: [slot, Data(hour.packed)])
  }

  /// - Returns: whether more is due.
  private func rollUpMinutes(
    _ database: Database, _ now: Timestamp, _ done: inout Maintenance
  ) throws -> Bool {
    let end = HistoryTime.slot(hour: firstHour(now, settings.minuteHistory), model: 0)
    let rows = try Row.fetchCursor(
      try database.cachedStatement(
        sql: "SELECT slot, entries FROM metrics_minutes WHERE slot < ? ORDER BY slot LIMIT ?"),
      arguments: [end, Self.slotsPerTurn])
    var totals: [(slot: Int64, entry: HourOfMinutes.Entry)] = []
    var (taken, last) = (0, Int64(0))
    while let row = try rows.next() {
      (taken, last) = (taken + 1, try row.value(0))
      let total = try done.readable { try HourOfMinutes(packed: try row.bytes(1)).total }
      if let total { totals.append((last, total)) }
    }
    guard taken > 0 else { return false }
    let read = try database.cachedStatement(
      sql: "SELECT accuracy, latency FROM metrics_hours WHERE slot = ?")
    let write = try database.cachedStatement(sql: "INSERT OR REPLACE INTO metrics_hours VALUES (?, ?, ?)")
    for (slot, entry) in totals {
      var entry = entry
      if let row = try Row.fetchOne(read, arguments: [slot]) {
        let accuracy = try done.readable { try row.summary(0) } ?? nil
        let latency = try done.readable { try row.summary(1) } ?? nil
        entry.accuracy = merged(accuracy, entry.accuracy)
        entry.latency = merged(latency, entry.latency)
      }
      try write.execute(arguments: [
        slot, PackedSummary.value(entry.accuracy), PackedSummary.value(entry.latency),
      ])
    }
    try database.execute(sql: "DELETE FROM metrics_minutes WHERE slot <= ?", arguments: [last])
    return taken == Self.slotsPerTurn
  }

  /// Drift is told by a few numbers a batch, so that its samples become hours at once: batches add up, and of
  /// the rest the worst is kept.
  ///
  /// - Returns: whether more is due.
  private func rollUpDrift(_ database: Database, _ now: Timestamp, _ done: inout Maintenance) throws -> Bool {
    let first = firstHour(now, settings.rawHistory)
    let excess = try excess(database, of: "drift_raw")
    let rows = try Row.fetchCursor(
      try database.cachedStatement(
        sql: """
          SELECT sequence, model, time, batches, score, drifted, features, severity FROM drift_raw
          ORDER BY sequence LIMIT ?
          """), arguments: [Self.samplesPerTurn])
    var hours: [Int64: HourOfDrift] = [:]
    var (taken, last) = (0, Int64(0))
    while let row = try rows.next() {
      let hour = HistoryTime.hour(of: Timestamp(nanoseconds: try row.value(2)))
      if !isDue(hour, first: first, now) {
        guard taken < excess else { break }
        done.thinned += 1
      }
      hours[HistoryTime.slot(hour: hour, model: try row.value(1)), default: HourOfDrift()].merge(
        try HourOfDrift(
          batches: row.value(3), score: row.value(4), drifted: row.value(5), features: row.value(6),
          severity: row.value(7)))
      (taken, last) = (taken + 1, try row.value(0))
    }
    guard taken > 0 else { return false }
    let read = try database.cachedStatement(
      sql: "SELECT batches, score, drifted, features, severity FROM drift_hours WHERE slot = ?")
    let write = try database.cachedStatement(
      sql: "INSERT OR REPLACE INTO drift_hours VALUES (?, ?, ?, ?, ?, ?)")
    for (slot, hour) in hours.sorted(by: { $0.key < $1.key }) {
      var hour = hour
      if let row = try Row.fetchOne(read, arguments: [slot]) {
        hour.merge(
          try HourOfDrift(
            batches: row.value(0), score: row.value(1), drifted: row.value(2), features: row.value(3),
            severity: row.value(4)))
      }
      try write.execute(arguments: [
        slot, hour.batches, hour.score, hour.drifted, hour.features, hour.severity,
      ])
    }
    try database.execute(sql: "DELETE FROM drift_raw WHERE sequence <= ?", arguments: [last])
    return taken == Self.samplesPerTurn
  }

  private func pruneHours(_ database: Database, _ now: Timestamp) throws -> Bool {
    let end = HistoryTime.slot(hour: firstHour(now, settings.hourHistory), model: 0)
    var isMoreLeft = false
    for table in ["metrics_hours", "drift_hours"] {
      try database.execute(
        sql: """
          DELETE FROM \(table) WHERE slot IN
            (SELECT slot FROM \(table) WHERE slot < ? ORDER BY slot LIMIT \(Self.rowsPerTurn))
          """, arguments: [end])
      if database.changesCount == Self.rowsPerTurn { isMoreLeft = true }
    }
    return isMoreLeft
  }

  /// Removes models of which no sample is left. Those not heard for the whole history can only have samples
  /// that came out of order behind younger ones, so that the samples are read through when there is such a
  /// model at all.
  private func pruneModels(_ database: Database, _ now: Timestamp) throws {
    let seen = firstHour(now, settings.hourHistory) - ModelIDs.slack
    guard
      try Int.fetchOne(database, sql: "SELECT 1 FROM models WHERE seen < ? LIMIT 1", arguments: [seen]) != nil
    else { return }
    try database.execute(
      sql: """
        DELETE FROM models WHERE seen < ?1 AND id NOT IN (SELECT model FROM metrics_raw)
          AND id NOT IN (SELECT model FROM drift_raw)
        """, arguments: [seen])
    if database.changesCount > 0 { models.removeAll() }
  }

  // MARK: Space

  /// - Returns: whether more can be given back.
  private func giveBackPages() throws(JournalError) -> Bool {
    try journaled {
      try queue.writeWithoutTransaction { database in
        let free = try Int64.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
        let pages = try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0
        let spare = free - max(Self.freePages, (pages - free) / 8)
        guard spare > 0 else { return false }
        try database.execute(sql: "PRAGMA incremental_vacuum(\(min(spare, Self.freedPerTurn)))")
        return spare > Self.freedPerTurn
      }
    }
  }
}

/// The drift of one model in one hour, as stored.
struct HourOfDrift {
  var batches: Int64 = 0
  var score: Double?
  var drifted: Int64 = 0
  var features: Int64 = 0
  var severity: Int64 = 0

  mutating func merge(_ other: HourOfDrift) {
    let (sum, overflow) = batches.addingReportingOverflow(other.batches)
    batches = overflow ? .max : sum
    score = [score, other.score].compactMap(\.self).max()
    drifted = max(drifted, other.drifted)
    features = max(features, other.features)
    severity = max(severity, other.severity)
  }
}
