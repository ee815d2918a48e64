import Events
import Foundation
import GRDB

/// The tables, and what a connection is told before it is used.
///
/// A `slot` is an hour and a model in one integer: hours since 1970 in the upper 32 bits, the id of the
/// model in the lower. As the rowid it keeps the rows of an hour together, in the order they come and go.
enum JournalSchema {
  /// `user_version`: counts the migrations below.
  static let version = 1
  /// "TDMK": tells a journal from any other SQLite database of the same file name.
  static let application = 0x5444_4d4b
  /// How long a connection waits for another; only `tidemark history` ever holds one, and never for writing.
  static let busyTimeout = 2.0
  /// The largest database that is checked whole at the start: 256 MiB read at 500 MB/s are half a second.
  static let largestChecked = Int64(256) << 20
  /// Pages of the write-ahead log after which a commit moves them into the database: 1,000 of 4 KiB are
  /// 4 MiB. A commit of one message and one state changes about 8, so that 125 such share the two syncs of a
  /// checkpoint; more would cost as much disk again.
  static let checkpointPages = 1_000
  /// What the log may keep on disk after a checkpoint: those 4 MiB and as much again for one large commit.
  static let logBytes = 8 << 20

  static let migrator: DatabaseMigrator = {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(
        sql: """
          CREATE TABLE journal (
            id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, name TEXT NOT NULL,
            last INTEGER NOT NULL, pruned INTEGER NOT NULL, forgotten INTEGER NOT NULL,
            outbox_messages INTEGER NOT NULL, outbox_age INTEGER NOT NULL, raw_age INTEGER NOT NULL,
            minute_age INTEGER NOT NULL, hour_age INTEGER NOT NULL, history_rows INTEGER NOT NULL);

          CREATE TABLE messages (
            number INTEGER PRIMARY KEY, time INTEGER NOT NULL, subject TEXT, closes INTEGER NOT NULL,
            topic BLOB NOT NULL, header BLOB NOT NULL, body BLOB NOT NULL);
          CREATE TABLE topics (topic BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
          CREATE TABLE open_messages (number INTEGER PRIMARY KEY, subject TEXT NOT NULL);
          CREATE INDEX open_subjects ON open_messages (subject);

          CREATE TABLE states (
            kind INTEGER NOT NULL, key INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key));

          CREATE TABLE decisions (
            id TEXT PRIMARY KEY, model TEXT NOT NULL, version TEXT NOT NULL, issued INTEGER NOT NULL,
            state TEXT NOT NULL, attempt INTEGER NOT NULL, revision INTEGER NOT NULL, owner TEXT,
            reasons TEXT NOT NULL, coverage REAL, changed INTEGER NOT NULL, final INTEGER NOT NULL);
          CREATE INDEX decisions_issued ON decisions (issued);
          CREATE INDEX decisions_over ON decisions (changed) WHERE final = 1;

          CREATE TABLE models (
            id INTEGER PRIMARY KEY, model TEXT NOT NULL, version TEXT NOT NULL, seen INTEGER NOT NULL,
            UNIQUE (model, version));
          CREATE TABLE metrics_raw (
            sequence INTEGER PRIMARY KEY, model INTEGER NOT NULL, time INTEGER NOT NULL,
            accuracy REAL, latency REAL);
          CREATE TABLE metrics_minutes (slot INTEGER PRIMARY KEY, entries BLOB NOT NULL);
          CREATE TABLE metrics_hours (slot INTEGER PRIMARY KEY, accuracy REAL, latency REAL);
          CREATE TABLE drift_raw (
            sequence INTEGER PRIMARY KEY, model INTEGER NOT NULL, time INTEGER NOT NULL,
            batches INTEGER NOT NULL, score REAL, drifted INTEGER NOT NULL, features INTEGER NOT NULL,
            severity INTEGER NOT NULL);
          CREATE TABLE drift_hours (
            slot INTEGER PRIMARY KEY, batches INTEGER NOT NULL, score REAL, drifted INTEGER NOT NULL,
            features INTEGER NOT NULL, severity INTEGER NOT NULL);

          PRAGMA user_version = 1;
          PRAGMA application_id = \(application);
          """)
    }
    return migrator
  }()

  static func configuration(isReadOnly: Bool = false) -> Configuration {
    var configuration = Configuration()
    configuration.readonly = isReadOnly
    configuration.busyMode = .timeout(busyTimeout)
    configuration.foreignKeysEnabled = false
    return configuration
  }

  /// Refuses what this version may not touch. Reads only.
  ///
  /// - Returns: whether there is a journal already; otherwise the database is empty.
  static func requireKnown(_ database: Database) throws -> Bool {
    let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
    guard tables > 0 else { return false }
    guard application == Self.application else {
      throw JournalError.io("the file is a database of another program; nothing was changed")
    }
    guard found <= version else { throw JournalError.newer(found: found, known: version) }
    return true
  }

  /// Sets how the one writing connection works, and reads back what must hold.
  static func prepare(_ database: Database, _ settings: JournalSettings, isNew: Bool) throws {
    // Only an empty database takes it: space of what retention removed is given back by the piece.
    if isNew { try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL") }
    let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
    guard mode == "wal" || (mode == "memory" && settings.directory.isEmpty) else {
      throw JournalError.io("SQLite works with journal mode '\(mode ?? "?")' here, not 'wal'")
    }
    let level = settings.durability == .full ? 2 : 1
    try database.execute(
      sql: """
        PRAGMA synchronous = \(level);
        PRAGMA fullfsync = \(level - 1);
        PRAGMA wal_autocheckpoint = \(checkpointPages);
        PRAGMA journal_size_limit = \(logBytes);
        PRAGMA temp_store = MEMORY;
        """)
    guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == level else {
      throw JournalError.io("SQLite did not take durability '\(settings.durability)'")
    }
    if let pages = settings.maximumPages { try limit(database, pages: pages) }
  }

  static func limit(_ database: Database, pages: Int) throws {
    try database.execute(sql: "PRAGMA max_page_count = \(pages)")
  }

  /// - Throws: `corrupt` with the first thing that is wrong.
  static func check(_ database: Database) throws {
    let words = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "no answer"
    guard words == "ok" else { throw JournalError.corrupt(words) }
  }

  /// Bytes of the database's pages.
  static func pageBytes(_ database: Database) throws -> Int64 {
    let pages = try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0
    return pages * (try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 0)
  }
}

/// The one row of `journal`.
struct JournalRow {
  let epoch: UInt64
  let name: String
  let last: Int64
  /// Numbers up to here are no longer stored, but for open subjects.
  let pruned: Int64
  let forgotten: Int64
  let outboxMessages: Int64
  /// In nanoseconds, as are the other ages.
  let outboxAge: Int64
  let rawAge: Int64
  let minuteAge: Int64
  let hourAge: Int64
  let historyRows: Int64

  /// - Throws: `corrupt` when it is not there or its numbers cannot be.
  init(_ database: Database) throws {
    let statement = try database.cachedStatement(
      sql: """
        SELECT epoch, name, last, pruned, forgotten, outbox_messages, outbox_age, raw_age, minute_age,
          hour_age, history_rows FROM journal
        """)
    guard let row = try Row.fetchOne(statement) else {
      throw JournalError.corrupt("the journal has no epoch")
    }
    epoch = UInt64(bitPattern: try row.value(0))
    name = try row.value(1)
    (last, pruned, forgotten) = try (row.value(2), row.value(3), row.value(4))
    (outboxMessages, outboxAge) = try (row.value(5), row.value(6))
    (rawAge, minuteAge, hourAge) = try (row.value(7), row.value(8), row.value(9))
    historyRows = try row.value(10)
    guard 0 <= pruned, pruned <= last, last < .max else {
      throw JournalError.corrupt("the journal's numbers are \(pruned) and \(last)")
    }
  }
}

extension Row {
  /// A column; GRDB's subscript would trap on what is not of the type.
  func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(_ index: Int) throws -> Value {
    try decode(atIndex: index)
  }

  /// A blob.
  func bytes(_ index: Int) throws -> [UInt8] {
    try withUnsafeData(atIndex: index) { data in data.map { [UInt8]($0) } ?? [] }
  }
}

/// Runs `body`; what SQLite refuses in it comes out as a `JournalError`.
func journaled<Result>(_ body: () throws -> Result) throws(JournalError) -> Result {
  do {
    return try body()
  } catch let error as JournalError {
    throw error
  } catch let error as DatabaseError {
    let words = error.message ?? "\(error.resultCode)"
    switch error.resultCode.primaryResultCode {
    case .SQLITE_FULL: throw .full
    case .SQLITE_BUSY, .SQLITE_LOCKED: throw .busy
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: throw .corrupt(words)
    default: throw .io("\(words) (SQLite \(error.extendedResultCode.rawValue))")
    }
  } catch let error as RowDecodingError {
    throw .corrupt("\(error)")
  } catch {
    throw .io("\(error)")
  }
}
