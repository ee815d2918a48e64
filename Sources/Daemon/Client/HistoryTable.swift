import Events
import Foundation
import Journal
import Wire

/// `tidemark history`: what a journal holds, whether or not a daemon has it.
package struct HistoryTable {
  package enum Kind: String, CaseIterable, Sendable {
    case metrics
    case drift
    case decisions
  }

  private let directory: String
  private let model: String?
  private let kind: Kind?
  private let limit: Int
  private let isJSON: Bool

  /// - Parameters:
  ///   - model: nil for all models.
  ///   - kind: nil for the metrics of `model`; without a model, for the summary.
  ///   - limit: rows, from 1; the summary has them all.
  package init(directory: String, model: String?, kind: Kind?, limit: Int, isJSON: Bool) {
    self.directory = directory
    self.model = model
    self.kind = kind
    self.limit = limit
    self.isJSON = isJSON
  }

  /// - Returns: `noInput` when there is no journal, `data` when it is newer or damaged.
  package func run() -> ExitStatus {
    do throws(JournalError) {
      let text = try text(of: try JournalReader(directory: directory), at: ServeClock().now)
      if !text.isEmpty { Terminal(descriptor: 1).print(text) }
      return .success
    } catch {
      Terminal(descriptor: 2).print("tidemark: \(error)")
      return switch error {
      case .absent: .noInput
      case .newer, .corrupt: .data
      case .full, .busy, .locked, .io: .system
      }
    }
  }

  /// What is printed, without the last line's end. In JSON, no rows are no lines.
  func text(of reader: JournalReader, at now: Timestamp) throws(JournalError) -> String {
    switch kind ?? model.map({ _ in .metrics }) {
    case nil:
      let summary = try reader.summary(at: now)
      return isJSON ? Self.json([Self.object(summary)]) : Self.table(summary)
    case .metrics:
      let points = try reader.metrics(of: model, limit: limit)
      return isJSON ? Self.json(points.map(Self.object)) : table(Self.metricsHeader, points.map(Self.row))
    case .drift:
      let points = try reader.drift(of: model, limit: limit)
      return isJSON ? Self.json(points.map(Self.object)) : table(Self.driftHeader, points.map(Self.row))
    case .decisions:
      let decisions = try reader.decisions(of: model, limit: limit)
      return isJSON
        ? Self.json(decisions.map(Self.object)) : table(Self.decisionHeader, decisions.map(Self.row))
    }
  }

  private func table(_ header: [String], _ rows: [[String]]) -> String {
    guard !rows.isEmpty else {
      let word = (kind ?? .metrics).rawValue
      return "no \(word)" + (model.map { " of \(TextTable.plain($0))" } ?? "")
    }
    let words = Set(header.indices.filter { Self.wordColumns.contains(header[$0]) })
    return TextTable(rows: [header] + rows, words: words).text
  }

  // MARK: Tables

  private static let wordColumns: Set = [
    "time", "of a", "model", "version", "severity", "decision", "issued", "state", "owner", "changed",
    "reasons",
  ]
  private static let metricsHeader = [
    "time", "of a", "model", "version", "accuracy", "least", "most", "count", "latency ms", "least", "most",
    "count",
  ]
  private static let driftHeader = [
    "time", "of a", "model", "version", "batches", "largest score", "drifted", "features", "severity",
  ]
  private static let decisionHeader = [
    "decision", "model", "version", "issued", "state", "attempt", "owner", "coverage", "changed", "reasons",
  ]

  private static func row(_ point: HistoryPoint<MetricsSample>) -> [String] {
    let sample = point.sample
    return [
      time(sample.time), word(point.resolution), TextTable.plain(sample.model),
      TextTable.plain(sample.version),
    ] + cells(sample.accuracy, "%.4f") + cells(sample.latency, "%.1f")
  }

  private static func cells(_ summary: SampleSummary?, _ format: String) -> [String] {
    guard let summary else { return ["-", "-", "-", "-"] }
    return [summary.mean, summary.minimum, summary.maximum].map { String(format: format, $0) } + [
      "\(summary.count)"
    ]
  }

  private static func row(_ point: HistoryPoint<DriftSample>) -> [String] {
    let sample = point.sample
    return [
      time(sample.time), word(point.resolution), TextTable.plain(sample.model),
      TextTable.plain(sample.version),
      "\(sample.batches)", sample.maximumScore.map { String(format: "%.2f", $0) } ?? "-", "\(sample.drifted)",
      "\(sample.features)", sample.severity.rawValue,
    ]
  }

  private static func row(_ decision: DecisionRecord) -> [String] {
    [
      TextTable.plain(decision.id), TextTable.plain(decision.model), TextTable.plain(decision.version),
      time(decision.issuedAt ?? decision.changedAt),
      TextTable.plain(decision.state) + (decision.isFinal ? " (final)" : ""),
      "\(decision.attempt)", decision.owner.map(TextTable.plain) ?? "-",
      decision.coverage.map { String(format: "%.4f", $0) } ?? "-", time(decision.changedAt),
      TextTable.plain(decision.reasons ?? ""),
    ]
  }

  private static func word(_ resolution: HistoryResolution) -> String {
    switch resolution {
    case .raw: "sample"
    case .minute: "minute"
    case .hour: "hour"
    }
  }

  /// To the second; what is finer is in the JSON.
  private static func time(_ time: Timestamp) -> String {
    let second: Int64 = 1_000_000_000
    return RFC3339.string(Timestamp(nanoseconds: time.nanoseconds / second * second))
  }

  private static let tableWords = [
    "metrics_raw": "metrics, as they came", "metrics_minutes": "metrics by the minute",
    "metrics_hours": "metrics by the hour", "drift_raw": "drift, as it came",
    "drift_hours": "drift by the hour",
  ]

  private static func table(_ summary: JournalSummary) -> String {
    let rows = summary.tables.map { table in
      [
        tableWords[table.name] ?? table.name, "\(table.rows)", table.oldest.map(time) ?? "-",
        "\(Self.bytes(table.growth))",
      ]
    }
    let table = TextTable(rows: [["table", "rows", "oldest", "growth a day"]] + rows, words: [0, 2]).text
    return """
      \(table)
      \(bytes(Double(summary.bytes))) on disk, growing by about \(bytes(summary.growth)) a day
      outputs of \(TextTable.plain(summary.name)): stored from \(summary.first), last \(summary.head), \
      epoch \(summary.epoch)
      """
  }

  private static func bytes(_ count: Double) -> String {
    switch count {
    case ..<1e3: "\(Int(count)) B"
    case ..<1e6: String(format: "%.1f kB", count / 1e3)
    case ..<1e9: String(format: "%.1f MB", count / 1e6)
    default: String(format: "%.2f GB", count / 1e9)
    }
  }

  // MARK: JSON

  private static func json(_ objects: [[String: Any]]) -> String {
    objects.compactMap { object in
      (try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes]))
        .map { String(decoding: $0, as: UTF8.self) }
    }.joined(separator: "\n")
  }

  /// JSON has no NaN and no infinity.
  private static func number(_ value: Double?) -> Any { value.flatMap { $0.isFinite ? $0 : nil } ?? NSNull() }

  private static func object(_ summary: SampleSummary?) -> Any {
    guard let summary else { return NSNull() }
    return [
      "count": summary.count, "min": number(summary.minimum), "max": number(summary.maximum),
      "mean": number(summary.mean),
    ] as [String: Any]
  }

  private static func object(_ point: HistoryPoint<MetricsSample>) -> [String: Any] {
    [
      "time": RFC3339.string(point.sample.time), "resolution": point.resolution.rawValue,
      "model": point.sample.model, "version": point.sample.version, "accuracy": object(point.sample.accuracy),
      "latency_ms": object(point.sample.latency),
    ]
  }

  private static func object(_ point: HistoryPoint<DriftSample>) -> [String: Any] {
    [
      "time": RFC3339.string(point.sample.time), "resolution": point.resolution.rawValue,
      "model": point.sample.model, "version": point.sample.version, "batches": point.sample.batches,
      "max_score": number(point.sample.maximumScore), "drifted": point.sample.drifted,
      "features": point.sample.features, "severity": point.sample.severity.rawValue,
    ]
  }

  private static func object(_ decision: DecisionRecord) -> [String: Any] {
    [
      "decision_id": decision.id, "model": decision.model, "version": decision.version,
      "issued": RFC3339.string(decision.issuedAt ?? decision.changedAt), "state": decision.state,
      "attempt": decision.attempt,
      "rev": decision.revision, "owner": decision.owner ?? NSNull(), "reasons": decision.reasons ?? "",
      "coverage": number(decision.coverage), "changed": RFC3339.string(decision.changedAt),
      "final": decision.isFinal,
    ]
  }

  private static func object(_ summary: JournalSummary) -> [String: Any] {
    [
      "name": summary.name, "epoch": "\(summary.epoch)", "first": "\(summary.first)",
      "head": "\(summary.head)",
      "bytes": summary.bytes, "growth_per_day": number(summary.growth),
      "tables": summary.tables.map { table in
        [
          "name": table.name, "rows": table.rows, "oldest": table.oldest.map(RFC3339.string) ?? NSNull(),
          "growth_per_day": number(table.growth),
        ] as [String: Any]
      },
    ]
  }
}
