import Foundation
import ZeroMQ

/// `tidemark sources`: the account of every source of a running daemon.
package struct SourcesTable {
  private let endpoint: ClientEndpoint
  private let isJSON: Bool
  private let patience: Duration
  private let notes = Terminal(descriptor: 2)

  /// - Parameter patience: how long the daemon may take to answer.
  package init(_ endpoint: ClientEndpoint, isJSON: Bool, patience: Duration) {
    self.endpoint = endpoint
    self.isJSON = isJSON
    self.patience = patience
  }

  package func run() -> ExitStatus {
    do throws(ZeroMQError) {
      guard let (sources, totals) = try Self.ask(endpoint, patience) else {
        notes.print(
          "tidemark: no daemon answered on \(endpoint) within \(Int(patience.secondsValue * 1_000)) ms")
        return .unavailable
      }
      Terminal(descriptor: 1).print(isJSON ? Self.json(sources) : Self.table(sources, totals))
      return .success
    } catch {
      notes.print("tidemark: \(error)")
      return .system
    }
  }

  /// One whole report; nil when none came in time.
  static func ask(
    _ endpoint: ClientEndpoint, _ patience: Duration
  ) throws(ZeroMQError) -> (sources: [[String: Any]], totals: [String: Any])? {
    var reader = try OutputReader(endpoint, prefixes: ["status/"])
    var report = Report()
    let end = ContinuousClock.now + patience
    while ContinuousClock.now < end {
      let left = Int(max(1, (end - .now) / .milliseconds(1)))
      guard let heard = try reader.next(milliseconds: left) else { return nil }
      guard let data = heard.object?["data"] as? [String: Any] else { continue }
      if report.take(data) { return (report.sources, data) }
    }
    return nil
  }

  /// Parts of one report, which come one after another.
  private struct Report {
    private(set) var sources: [[String: Any]] = []
    private var part = 0

    /// Returns whether the report is whole.
    mutating func take(_ data: [String: Any]) -> Bool {
      guard let number = data["part"] as? Int, let parts = data["parts"] as? Int,
        let list = data["sources"] as? [[String: Any]]
      else { return false }
      if number == 1 { (sources, part) = ([], 0) }
      // A report that was joined in its middle is passed over.
      guard number == part + 1 else { return false }
      sources += list
      part = number
      return number == parts
    }
  }

  private static func json(_ sources: [[String: Any]]) -> String {
    sources.compactMap { source in
      (try? JSONSerialization.data(withJSONObject: source, options: [.sortedKeys]))
        .map { String(decoding: $0, as: UTF8.self) }
    }.joined(separator: "\n")
  }

  private static let columns = [
    "received", "rejected", "lost", "duplicate", "stale", "late", "unsequenced", "restarts", "dropped",
  ]

  private static func table(_ sources: [[String: Any]], _ totals: [String: Any]) -> String {
    var rows = [["source", "state"] + columns + ["clock", "last heard"]]
    for source in sources {
      let clock = (source["clock_offset_ms"] as? Double).map { String(format: "%+.1f ms", $0) } ?? "-"
      rows.append(
        [source["source"] as? String ?? "?", source["state"] as? String ?? "?"]
          + columns.map { "\(source[$0] ?? "?")" } + [clock, source["last_heard"] as? String ?? "?"])
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      row.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return column < 2 || column == row.count - 1 ? row[column] + padding : padding + row[column]
      }.joined(separator: "  ")
    }
    let since = totals["since"] as? String ?? "?"
    return
      (lines + [
        "\(totals["received"] ?? 0) events received since \(since), of which \(totals["rejected"] ?? 0) were rejected"
      ]).joined(separator: "\n")
  }
}
