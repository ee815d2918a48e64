import Events
import Foundation
import Journal
import Testing

@testable import Daemon

/// What `tidemark history` prints.
@Suite struct HistoryTableTests {
  private let now = Timestamp(nanoseconds: 1_750_000_000_000_000_000)

  private func text(
    model: String? = nil, kind: HistoryTable.Kind? = nil, limit: Int = 50, isJSON: Bool = false
  ) throws -> String {
    let (journal, _) = try JournalDatabase.inMemory(name: "watch", now: now)
    var all = JournalTransaction()
    all.messages = [
      StoredMessage(
        number: 7, topic: [0x61], header: [UInt8](repeating: 0, count: 64), body: [], time: now, subject: nil)
    ]
    all.metrics = [
      MetricsSample(model: "fraud", version: "1", time: now, accuracy: SampleSummary(0.875), latency: nil),
      MetricsSample(
        model: "other", version: "2", time: now.advanced(by: .milliseconds(1_500)),
        accuracy: SampleSummary(count: 2, minimum: .nan, maximum: .infinity, mean: 1),
        latency: SampleSummary(42)),
    ]
    all.drift = [
      DriftSample(
        model: "fraud", version: "1", time: now, batches: 3, maximumScore: 4.25, drifted: 1, features: 5,
        severity: .high)
    ]
    all.decisions = [
      DecisionRecord(
        id: "rt-1", model: "fraud", version: "1", issuedAt: now, state: "acked", attempt: 1, revision: 2,
        owner: "air\u{1b}[2Jflow", reasons: "accuracy", coverage: nil, changedAt: now, isFinal: false)
    ]
    try journal.apply(all)
    let table = HistoryTable(directory: "", model: model, kind: kind, limit: limit, isJSON: isJSON)
    return try table.text(of: JournalReader(sharing: journal), at: now)
  }

  @Test func aModelHasItsMetrics() throws {
    let lines = try text(model: "fraud").split(separator: "\n").map {
      $0.split(separator: " ").map(String.init)
    }
    #expect(lines.count == 2)
    #expect(
      lines[1] == [
        "2025-06-15T15:06:40Z", "sample", "fraud", "1", "0.8750", "0.8750", "0.8750", "1", "-", "-", "-", "-",
      ])
    #expect(try text(model: "none") == "no metrics of none" && text(model: "none", isJSON: true) == "")
  }

  @Test func withoutAModelThereIsASummary() throws {
    let lines = try text().split(separator: "\n")
    #expect(lines.count == 11 && lines[1].hasPrefix("messages"))
    #expect(lines[9].contains("on disk, growing by about"))
    #expect(lines[10] == "outputs of watch: stored from 1, last 7, epoch 1750000000000000000")
  }

  @Test func aTerminalIsToldNothingByTexts() throws {
    let lines = try text(kind: .decisions).split(separator: "\n")
    #expect(lines.count == 2 && !lines[1].contains("\u{1b}") && lines[1].contains("air\u{fffd}[2Jflow"))
  }

  @Test func jsonIsAnObjectALine() throws {
    func objects(_ text: String) throws -> [NSDictionary] {
      try text.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? NSDictionary)
      }
    }
    let metrics = try objects(text(kind: .metrics, isJSON: true))
    #expect(metrics.count == 2 && metrics[0]["time"] as? String == "2025-06-15T15:06:41.5Z")
    let accuracy = try #require(metrics[0]["accuracy"] as? NSDictionary)
    #expect(accuracy["min"] is NSNull && accuracy["max"] is NSNull && accuracy["count"] as? Int == 2)
    #expect(metrics[1]["latency_ms"] is NSNull && metrics[1]["resolution"] as? String == "raw")
    #expect(try objects(text(kind: .metrics, limit: 1, isJSON: true)).count == 1)

    let drift = try objects(text(kind: .drift, isJSON: true))
    #expect(
      drift.count == 1 && drift[0]["max_score"] as? Double == 4.25
        && drift[0]["severity"] as? String == "high")
    let decisions = try objects(text(model: "fraud", kind: .decisions, isJSON: true))
    #expect(
      decisions.count == 1 && decisions[0]["coverage"] is NSNull && decisions[0]["final"] as? Bool == false)
    let summary = try objects(text(isJSON: true))
    #expect(summary.count == 1 && summary[0]["head"] as? String == "7")
    #expect((summary[0]["tables"] as? [Any])?.count == 8)
  }

  @Test func noJournalIsNoInput() {
    let table = HistoryTable(directory: "/nowhere/at/all", model: nil, kind: nil, limit: 1, isJSON: false)
    #expect(table.run() == .noInput)
  }
}
