import Events
import Foundation
import GRDB

/// The rows of one transaction. Statements are prepared once a connection; blobs are lent to SQLite, not
/// copied by it.
extension JournalDatabase {
  func write(_ messages: [StoredMessage], to database: Database) throws {
    guard !messages.isEmpty else { return }
    let journal = try JournalRow(database)
    var last = journal.last
    let insert = try database.cachedStatement(sql: "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)")
    let follow = try database.cachedStatement(
      sql: """
        INSERT INTO topics VALUES (?, ?) ON CONFLICT (topic) DO UPDATE SET number = excluded.number
        """)
    for message in messages {
      guard let number = Int64(exactly: message.number), number > last else {
        throw JournalError.io("message \(message.number) was given after \(last)")
      }
      let topic = Data(message.topic)
      try insert.execute(arguments: [
        number, message.time.nanoseconds, message.subject, message.closesSubject, topic,
        Data(message.header), Data(message.body),
      ])
      try follow.execute(arguments: [topic, number])
      if let subject = message.subject {
        if message.closesSubject {
          try close(subject, pruned: journal.pruned, in: database)
        } else {
          try database.cachedStatement(sql: "INSERT INTO open_messages VALUES (?, ?)")
            .execute(arguments: [number, subject])
        }
      }
      last = number
    }
    try database.cachedStatement(sql: "UPDATE journal SET last = ?").execute(arguments: [last])
  }

  /// Messages that were kept only because their subject was open go with its end.
  private func close(_ subject: String, pruned: Int64, in database: Database) throws {
    try database.cachedStatement(
      sql: """
        DELETE FROM messages WHERE number <= ?
          AND number IN (SELECT number FROM open_messages WHERE subject = ?)
        """
    ).execute(arguments: [pruned, subject])
    try database.cachedStatement(sql: "DELETE FROM open_messages WHERE subject = ?")
      .execute(arguments: [subject])
  }

  func write(_ states: [StateRecord], to database: Database) throws {
    for state in states {
      if let value = state.value {
        try database.cachedStatement(
          sql: """
            INSERT INTO states VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value
            """
        ).execute(arguments: [state.kind, state.key, Data(value)])
      } else {
        try database.cachedStatement(sql: "DELETE FROM states WHERE kind = ? AND key = ?")
          .execute(arguments: [state.kind, state.key])
      }
    }
  }

  func write(_ decisions: [DecisionRecord], to database: Database) throws {
    guard !decisions.isEmpty else { return }
    // What became of a decision says nothing of why it was made, so that is kept.
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO decisions VALUES (?1, ?2, ?3, coalesce(?4, ?11), ?5, ?6, ?7, ?8, coalesce(?9, ''), ?10, ?11, ?12)
        ON CONFLICT (id) DO UPDATE SET issued = coalesce(?4, issued), state = ?5, attempt = ?6, revision = ?7,
          owner = ?8, reasons = coalesce(?9, reasons), coverage = coalesce(?10, coverage), changed = ?11,
          final = ?12
        """)
    for decision in decisions {
      try statement.execute(arguments: [
        decision.id, decision.model, decision.version, decision.issuedAt?.nanoseconds, decision.state,
        decision.attempt, Int64(clamping: decision.revision), decision.owner, decision.reasons,
        decision.coverage, decision.changedAt.nanoseconds, decision.isFinal,
      ])
    }
  }

  func write(_ samples: [MetricsSample], to database: Database) throws {
    guard !samples.isEmpty else { return }
    let insert = try database.cachedStatement(
      sql: "INSERT INTO metrics_raw (model, time, accuracy, latency) VALUES (?, ?, ?, ?)")
    for sample in samples {
      let model = try models.id(sample.model, sample.version, at: sample.time, in: database)
      try insert.execute(arguments: [
        model, sample.time.nanoseconds, PackedSummary.value(sample.accuracy),
        PackedSummary.value(sample.latency),
      ])
    }
  }

  func write(_ samples: [DriftSample], to database: Database) throws {
    guard !samples.isEmpty else { return }
    let insert = try database.cachedStatement(
      sql: """
        INSERT INTO drift_raw (model, time, batches, score, drifted, features, severity)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """)
    for sample in samples {
      let model = try models.id(sample.model, sample.version, at: sample.time, in: database)
      try insert.execute(arguments: [
        model, sample.time.nanoseconds, Int64(clamping: sample.batches), sample.maximumScore,
        sample.drifted, sample.features, SeverityRank.rank(of: sample.severity),
      ])
    }
  }
}

/// The ids of models in the histories, looked up once.
///
/// A row of `models` tells the last hour, give or take a day, in which the model was heard, so that it can
/// go when no sample is left.
struct ModelIDs {
  /// Hours by which what is written down may lag: one write a model and day.
  static let slack: Int64 = 24
  /// Models remembered, three times the default limit on models; beyond, all are looked up anew. About 150
  /// bytes each: 5 MiB.
  static let bound = 32_768

  private struct Key: Hashable {
    var model: String
    var version: String
  }

  private var known: [Key: (id: Int64, seen: Int64)] = [:]

  mutating func removeAll() { known.removeAll() }

  mutating func id(
    _ model: String, _ version: String, at time: Timestamp, in database: Database
  ) throws -> Int64 {
    let key = Key(model: model, version: version)
    let hour = HistoryTime.hour(of: time)
    if let (id, seen) = known[key], hour < seen + Self.slack { return id }
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO models (model, version, seen) VALUES (?, ?, ?)
        ON CONFLICT (model, version) DO UPDATE SET seen = max(seen, excluded.seen) RETURNING id, seen
        """)
    guard let row = try Row.fetchOne(statement, arguments: [model, version, hour]) else {
      throw JournalError.corrupt("a model has no id")
    }
    if known.count >= Self.bound { known.removeAll() }
    let id: Int64 = try row.value(0)
    known[key] = (id, try row.value(1))
    return id
  }
}

/// Severities as stored: their place in `Severity.allCases`, so that the largest is the worst.
enum SeverityRank {
  static func rank(of severity: Severity) -> Int { Severity.allCases.firstIndex(of: severity) ?? 0 }

  static func severity(_ rank: Int64) throws -> Severity {
    guard Severity.allCases.indices.contains(Int(rank)) else {
      throw JournalError.corrupt("a severity of rank \(rank)")
    }
    return Severity.allCases[Int(rank)]
  }
}
