package import Events
import Foundation
import GRDB

/// The journal: what was published, the daemon's state and the histories, in SQLite with a write-ahead log.
///
/// One thread at a time owns it: it applies transactions and, between them, does the maintenance. Readers
/// have connections of their own (`JournalReader`). Unchecked, since everything that changes here is
/// touched only inside GRDB's queue, which takes one caller at a time.
package final class JournalDatabase: @unchecked Sendable {
  let queue: DatabaseQueue
  let settings: JournalSettings
  /// Nil in memory.
  private let directory: JournalDirectory?
  /// What is known of the tables without asking; emptied when a transaction fails.
  var models = ModelIDs()
  private var notes: [String]

  private init(
    _ queue: DatabaseQueue, _ settings: JournalSettings, _ directory: JournalDirectory?, _ notes: [String]
  ) {
    self.queue = queue
    self.settings = settings
    self.directory = directory
    self.notes = notes
  }

  /// Opens the journal in a directory, or begins one there; a damaged database is set aside.
  ///
  /// Checks every page of a database of at most 256 MiB, and reads all states and topics.
  ///
  /// - Parameters:
  ///   - name: the daemon's, under which its messages are numbered.
  ///   - now: gives a new journal its epoch.
  ///   - restore: makes of it what its caller needs; what it calls `corrupt` is damaged.
  /// - Throws: `locked`, `newer`, `io`; `corrupt` when too many damaged databases were set aside before;
  ///   `full` and `busy`.
  package static func open(
    _ settings: JournalSettings, name: String, now: Timestamp,
    restore: (RecoveredJournal) throws(JournalError) -> Void = { _ in }
  ) throws(JournalError) -> (JournalDatabase, RecoveredJournal) {
    let directory = try JournalDirectory(settings.directory)
    var notes = directory.notes
    do throws(JournalError) {
      return try begin(settings, directory, name: name, now: now, notes: notes, restore)
    } catch {
      guard case .corrupt(let words) = error else { throw error }
      let aside = try directory.setDatabaseAside(at: now, because: words)
      notes.append(
        "the journal was damaged (\(words)); it was set aside as \(aside) and a new one begun: the outputs "
          + "are numbered anew, and what the daemon knew is lost")
      return try begin(settings, directory, name: name, now: now, notes: notes, restore)
    }
  }

  /// A journal that ends with the process, with the same tables and code; `settings.directory` is not used.
  package static func inMemory(
    _ settings: JournalSettings = JournalSettings(directory: ""), name: String, now: Timestamp
  ) throws(JournalError) -> (JournalDatabase, RecoveredJournal) {
    var settings = settings
    settings.directory = ""
    return try begin(settings, nil, name: name, now: now, notes: []) { _ in }
  }

  private static func begin(
    _ settings: JournalSettings, _ directory: JournalDirectory?, name: String, now: Timestamp,
    notes: [String],
    _ restore: (RecoveredJournal) throws(JournalError) -> Void
  ) throws(JournalError) -> (JournalDatabase, RecoveredJournal) {
    var settings = settings
    // A finer resolution that is kept longer than the next would leave nothing to become that.
    settings.minuteHistory = max(settings.minuteHistory, settings.rawHistory)
    settings.hourHistory = max(settings.hourHistory, settings.minuteHistory)
    let made = try directory?.makeDatabaseFile() ?? []
    let database = try journaled {
      let configuration = JournalSchema.configuration()
      let queue =
        try directory.map { try DatabaseQueue(path: $0.databasePath, configuration: configuration) }
        ?? DatabaseQueue(configuration: configuration)
      return JournalDatabase(queue, settings, directory, notes + made)
    }
    do throws(JournalError) {
      let isNew = try database.prepare(name: name, now: now)
      var recovered = try database.recover()
      recovered.isNew = isNew
      try restore(recovered)
      return (database, recovered)
    } catch {
      // Its files may be renamed next.
      try? database.queue.close()
      throw error
    }
  }

  /// - Returns: whether the journal is new: one that was begun and not finished is.
  private func prepare(name: String, now: Timestamp) throws(JournalError) -> Bool {
    try journaled {
      try queue.writeWithoutTransaction { database in
        let isNew = try !JournalSchema.requireKnown(database)
        if let directory, !isNew,
          JournalDirectory.size(of: directory.databasePath) <= JournalSchema.largestChecked
        {
          try JournalSchema.check(database)
        }
        try JournalSchema.prepare(database, settings, isNew: isNew)
      }
      try JournalSchema.migrator.migrate(queue)
      return try queue.write { try begin($0, name: name, now: now) }
    }
  }

  /// Makes the one row of `journal`, or writes down what may have changed: the name and the retention, by
  /// which a reader tells what still grows.
  ///
  /// - Returns: whether the row is new.
  private func begin(_ database: Database, name: String, now: Timestamp) throws -> Bool {
    let before = try String.fetchOne(database, sql: "SELECT name FROM journal")
    if let before {
      if before != name {
        notes.append(
          "the journal was written under the name '\(before)'; the numbers go on under '\(name)', and "
            + "messages from before keep their topics")
      }
    } else {
      try database.execute(
        sql: "INSERT INTO journal VALUES (1, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
        arguments: [max(1, now.nanoseconds), name])
    }
    try database.execute(
      sql: """
        UPDATE journal SET name = ?, outbox_messages = ?, outbox_age = ?, raw_age = ?, minute_age = ?,
          hour_age = ?, history_rows = ?
        """,
      arguments: [
        name, settings.outboxMessages, settings.outboxAge.clampedNanoseconds,
        settings.rawHistory.clampedNanoseconds, settings.minuteHistory.clampedNanoseconds,
        settings.hourHistory.clampedNanoseconds, settings.historyRows,
      ])
    return before == nil
  }

  /// Reads back what `open` gave, from what is stored now. For tests of a restart; `isNew` is false.
  package func recover() throws(JournalError) -> RecoveredJournal {
    try journaled {
      try queue.read { database in
        let journal = try JournalRow(database)
        var recovered = RecoveredJournal(
          epoch: journal.epoch, lastNumber: UInt64(journal.last),
          lastOfTopic: [:], states: [], notes: notes, isNew: false)
        if journal.forgotten > 0 {
          recovered.notes.append(
            "\(journal.forgotten) messages of open alerts and decisions were removed, since more than "
              + "\(Self.openMessages) were stored")
        }
        let topics = try Row.fetchCursor(database, sql: "SELECT topic, number FROM topics")
        while let row = try topics.next() {
          recovered.lastOfTopic[try row.bytes(0)] = UInt64(bitPattern: try row.value(1))
        }
        let states = try Row.fetchCursor(
          database, sql: "SELECT kind, key, value FROM states ORDER BY kind, key")
        while let row = try states.next() {
          recovered.states.append(
            StateRecord(
              kind: UInt8(clamping: try row.value(0) as Int64), key: try row.value(1),
              value: try row.bytes(2)))
        }
        return recovered
      }
    }
  }

  /// Commits a transaction: all of it, or nothing and an error. One sync of the disk with durability `full`.
  package func apply(_ transaction: JournalTransaction) throws(JournalError) {
    guard !transaction.isEmpty else { return }
    try writing { database in
      try write(transaction.messages, to: database)
      try write(transaction.states, to: database)
      try write(transaction.decisions, to: database)
      try write(transaction.metrics, to: database)
      try write(transaction.drift, to: database)
    }
  }

  /// One transaction; when it fails, what was known of it is forgotten.
  func writing<Result>(_ body: (Database) throws -> Result) throws(JournalError) -> Result {
    try journaled {
      do {
        return try queue.write(body)
      } catch {
        models.removeAll()
        throw error
      }
    }
  }

  /// Sets the limit of pages anew, as when a disk has got room again.
  package func setMaximumPages(_ pages: Int) throws(JournalError) {
    try journaled { try queue.writeWithoutTransaction { try JournalSchema.limit($0, pages: pages) } }
  }

  /// Bytes on disk: the database and its write-ahead log; in memory, of the pages.
  package var size: Int64 {
    if let directory { return JournalDirectory.size(of: directory.databasePath) }
    return (try? queue.read(JournalSchema.pageBytes)) ?? 0
  }
}
