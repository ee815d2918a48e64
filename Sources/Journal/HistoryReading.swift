package import Events
import Foundation
import GRDB

/// Histories, newest first, at the resolution at which they are stored.
extension JournalReader {
  /// Samples of a model's versions, or of all models.
  ///
  /// - Parameter limit: at most so many.
  /// - Complexity: a pass over the samples kept raw (two million: about 0.2 s) and a look-up for each hour
  ///   and version until there are enough.
  package func metrics(
    of model: String? = nil, limit: Int
  ) throws(JournalError) -> [HistoryPoint<MetricsSample>] {
    let isFiltered = model != nil
    return try reading(model, limit) { database, names, points in
      try self.raw(
        database, "metrics_raw", "model, time, accuracy, latency", names, limit, isFiltered: isFiltered
      ) { row, name in
        points.append(
          HistoryPoint(try Self.metrics(row, from: 2, name, Timestamp(nanoseconds: try row.value(1))), .raw))
      }
      try self.slots(
        database, "metrics_minutes", "slot, entries", names, limit, isFiltered: isFiltered, have: points.count
      ) { row, name in
        for entry in try HourOfMinutes(packed: try row.bytes(1)).entries {
          let sample = MetricsSample(
            model: name.model, version: name.version,
            time: HistoryTime.time(ofSlot: try row.value(0), minute: entry.minute), accuracy: entry.accuracy,
            latency: entry.latency)
          points.append(HistoryPoint(sample, .minute))
        }
        return points.count
      }
      try self.slots(
        database, "metrics_hours", "slot, accuracy, latency", names, limit, isFiltered: isFiltered,
        have: points.count
      ) { row, name in
        points.append(
          HistoryPoint(
            try Self.metrics(row, from: 1, name, HistoryTime.time(ofSlot: try row.value(0))), .hour))
        return points.count
      }
    }
  }

  private static func metrics(
    _ row: Row, from column: Int, _ name: ModelName, _ time: Timestamp
  ) throws -> MetricsSample {
    MetricsSample(
      model: name.model, version: name.version, time: time,
      accuracy: try row.summary(column), latency: try row.summary(column + 1))
  }

  /// Drift likewise: batches as they came, then hours.
  package func drift(
    of model: String? = nil, limit: Int
  ) throws(JournalError) -> [HistoryPoint<DriftSample>] {
    let isFiltered = model != nil
    let columns = "batches, score, drifted, features, severity"
    return try reading(model, limit) { database, names, points in
      try self.raw(
        database, "drift_raw", "model, time, " + columns, names, limit, isFiltered: isFiltered
      ) { row, name in
        points.append(
          HistoryPoint(try Self.drift(row, from: 2, name, Timestamp(nanoseconds: try row.value(1))), .raw))
      }
      try self.slots(
        database, "drift_hours", "slot, " + columns, names, limit, isFiltered: isFiltered, have: points.count
      ) { row, name in
        points.append(
          HistoryPoint(try Self.drift(row, from: 1, name, HistoryTime.time(ofSlot: try row.value(0))), .hour))
        return points.count
      }
    }
  }

  private static func drift(
    _ row: Row, from column: Int, _ name: ModelName, _ time: Timestamp
  ) throws -> DriftSample {
    try DriftSample(
      model: name.model, version: name.version, time: time,
      batches: UInt64(clamping: row.value(column) as Int64), maximumScore: row.value(column + 1),
      drifted: row.value(column + 2), features: row.value(column + 3),
      severity: try SeverityRank.severity(row.value(column + 4)))
  }

  /// Decisions, those issued last first.
  package func decisions(of model: String? = nil, limit: Int) throws(JournalError) -> [DecisionRecord] {
    try journaled {
      try queue.read { database in
        let rows = try Row.fetchCursor(
          database,
          sql: """
            SELECT id, model, version, issued, state, attempt, revision, owner, reasons, coverage, changed,
              final
            FROM decisions WHERE model = ?1 OR ?1 IS NULL ORDER BY issued DESC, id LIMIT ?2
            """, arguments: [model, max(0, limit)])
        var decisions: [DecisionRecord] = []
        while let row = try rows.next() {
          decisions.append(
            try DecisionRecord(
              id: row.value(0), model: row.value(1), version: row.value(2),
              issuedAt: Timestamp(nanoseconds: try row.value(3)),
              state: row.value(4), attempt: row.value(5), revision: UInt64(clamping: row.value(6) as Int64),
              owner: row.value(7),
              reasons: row.value(8), coverage: row.value(9),
              changedAt: Timestamp(nanoseconds: try row.value(10)), isFinal: row.value(11))
          )
        }
        return decisions
      }
    }
  }

  // MARK: Samples

  private struct ModelName {
    var model: String
    var version: String
  }

  /// One reading transaction that collects points; they come out by time and cut to `limit`.
  private func reading<Sample: TimedSample>(
    _ model: String?, _ limit: Int,
    _ body: (Database, [Int64: ModelName], inout [HistoryPoint<Sample>]) throws -> Void
  ) throws(JournalError) -> [HistoryPoint<Sample>] {
    guard limit > 0 else { return [] }
    return try journaled {
      try queue.read { database in
        var names: [Int64: ModelName] = [:]
        let rows = try Row.fetchCursor(
          database, sql: "SELECT id, model, version FROM models WHERE model = ?1 OR ?1 IS NULL",
          arguments: [model])
        while let row = try rows.next() {
          names[try row.value(0)] = ModelName(model: try row.value(1), version: try row.value(2))
        }
        guard !names.isEmpty else { return [] }
        var points: [HistoryPoint<Sample>] = []
        try body(database, names, &points)
        // Nearly in order already: samples that came late are not where their time is.
        points.sort { $0.sample.time > $1.sample.time }
        return Array(points.prefix(limit))
      }
    }
  }

  /// The last samples of `names` by arrival.
  private func raw(
    _ database: Database, _ table: String, _ columns: String, _ names: [Int64: ModelName], _ limit: Int,
    isFiltered: Bool, _ take: (Row, ModelName) throws -> Void
  ) throws {
    // Ids are numbers of our own and a model has few versions; `isFiltered` is false for all models.
    let list = names.keys.map(String.init).joined(separator: ",")
    let filter = isFiltered ? "WHERE model IN (\(list))" : ""
    let rows = try Row.fetchCursor(
      database, sql: "SELECT \(columns) FROM \(table) \(filter) ORDER BY sequence DESC LIMIT ?",
      arguments: [limit])
    while let row = try rows.next() {
      if let name = names[try row.value(0)] { try take(row, name) }
    }
  }

  /// Rows of a table of slots, from the last hour on. Whole hours are read, since in one hour the rows are by
  /// model: after the hour that brings `take`'s count to `limit` it ends.
  ///
  /// - Parameter take: returns how many points there are with those of the row.
  private func slots(
    _ database: Database, _ table: String, _ columns: String, _ names: [Int64: ModelName], _ limit: Int,
    isFiltered: Bool, have: Int, _ take: (Row, ModelName) throws -> Int
  ) throws {
    let before = try database.cachedStatement(sql: "SELECT max(slot) FROM \(table) WHERE slot < ?")
    let one = try database.cachedStatement(sql: "SELECT \(columns) FROM \(table) WHERE slot = ?")
    let all = try database.cachedStatement(
      sql: "SELECT \(columns) FROM \(table) WHERE slot >= ? AND slot < ? ORDER BY slot DESC")
    var (count, end) = (have, Int64.max)
    // From hour to hour that has rows at all; the history's hours bound it.
    while count < limit, let last = try Int64.fetchOne(before, arguments: [end]) {
      let hour = HistoryTime.hour(ofSlot: last)
      let start = HistoryTime.slot(hour: hour, model: 0)
      if isFiltered {
        for (id, name) in names.sorted(by: { $0.key > $1.key }) {
          let row = try Row.fetchOne(one, arguments: [HistoryTime.slot(hour: hour, model: id)])
          if let row { count = try take(row, name) }
        }
      } else {
        let rows = try Row.fetchCursor(all, arguments: [start, end])
        while let row = try rows.next() {
          if let name = names[HistoryTime.model(ofSlot: try row.value(0))] { count = try take(row, name) }
        }
      }
      end = start
    }
  }
}

/// A sample that tells its time.
private protocol TimedSample: Sendable, Equatable { var time: Timestamp { get } }
extension MetricsSample: TimedSample {}
extension DriftSample: TimedSample {}
