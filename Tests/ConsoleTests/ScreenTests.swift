import Events
import Foundation
import Testing

@testable import Console

/// What `top` and `explain` show, held to whole screens under `Tests/Golden/screens`.
///
///     TIDEMARK_SCREENS=write swift test --filter ScreenTests     writes them anew: read what changed before you commit
@Suite struct ScreenTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Golden/screens")

  private func hold(_ lines: [StyledLine], to name: String) throws {
    let text = lines.map(\.text).joined(separator: "\n") + "\n"
    let file = Self.folder.appendingPathComponent("\(name).txt")
    if ProcessInfo.processInfo.environment["TIDEMARK_SCREENS"] == "write" {
      try text.write(to: file, atomically: true, encoding: .utf8)
      return
    }
    let wanted = try String(contentsOf: file, encoding: .utf8)
    #expect(text == wanted, "\(name) is now:\n\(text)")
  }

  @Test(arguments: [(40, 16), (80, 24), (100, 20), (200, 20)])
  func fleet(columns: Int, rows: Int) throws {
    let lines = try Answers.state().screen(ScreenSize(columns: columns, rows: rows))
    #expect(lines.count == rows)
    #expect(lines.allSatisfy { $0.width <= columns })
    try hold(lines, to: "fleet-\(columns)")
  }

  @Test func modelPage() throws {
    var state = try Answers.state()
    _ = state.press(.enter, ScreenSize(columns: 100, rows: 46))
    #expect(state.page == .model(ModelName("fraud", "7")))
    state.take(.model(try Answers.model()))
    try hold(state.screen(ScreenSize(columns: 100, rows: 46)), to: "model-100")
    try hold(state.screen(ScreenSize(columns: 60, rows: 30)), to: "model-60")
  }

  @Test func decisionPage() throws {
    var state = try Answers.state()
    state.open(.decision(try Answers.decision().decision.id))
    state.take(.decision(try Answers.decision(), try Answers.model()))
    try hold(state.screen(ScreenSize(columns: 100, rows: 40)), to: "decision-100")
  }

  @Test func accountPage() throws {
    var state = try Answers.state()
    _ = state.press(.character("a"), ScreenSize(columns: 110, rows: 24))
    let list = try Answers.decoded(
      SourceList.self,
      """
      {"at":"2026-03-02T05:00:00Z","total":2,"offset":0,"sources":[\(Answers.source("pod-a", lost: 5)),\(Answers.source("pod-b", state: "stale"))]}
      """)
    state.take(.sources(list.sources, total: 2))
    try hold(state.screen(ScreenSize(columns: 110, rows: 24)), to: "account-110")
  }

  @Test func alertsPage() throws {
    var state = try Answers.state()
    _ = state.press(.character("A"), ScreenSize(columns: 100, rows: 12))
    state.take(
      .alerts(
        try Answers.decoded(
          AlertList.self, #"{"at":"2026-03-02T05:00:00Z","total":1,"alerts":[\#(Answers.alert)]}"#)))
    try hold(state.screen(ScreenSize(columns: 100, rows: 12)), to: "alerts-100")
  }

  @Test func helpPage() throws {
    var state = try Answers.state()
    _ = state.press(.character("?"), ScreenSize(columns: 80, rows: 30))
    try hold(state.screen(ScreenSize(columns: 80, rows: 30)), to: "help-80")
  }

  @Test func lostConnectionIsToldAndTheDataDimmed() throws {
    var state = try Answers.state()
    state.take(
      .link(
        .lost(why: "connection refused: nothing listens there", retry: Answers.now.advanced(by: .seconds(16)))
      ))
    state.now = Answers.now.advanced(by: .seconds(12))
    let lines = state.screen(ScreenSize(columns: 100, rows: 20))
    try hold(lines, to: "lost-100")
    let rows = lines[4..<13].flatMap(\.pieces)
    #expect(rows.allSatisfy { $0.style.isDim && $0.style.tone == .usual })
  }

  @Test func nothingYet() throws {
    var state = TopState(now: Answers.now)
    try hold(state.screen(ScreenSize(columns: 80, rows: 10)), to: "connecting-80")
    state.take(.link(.live))
    state.take(.fleet([], at: Answers.now, total: 0, byState: [:]))
    try hold(state.screen(ScreenSize(columns: 80, rows: 10)), to: "empty-80")
  }

  @Test func explanationOfAModel() throws {
    try hold(Explanation.of(try Answers.model(), width: 100), to: "explain-model")
  }

  @Test func explanationOfADecision() throws {
    try hold(
      Explanation.of(try Answers.decision(), model: try Answers.model(), width: 100), to: "explain-decision")
    try hold(
      Explanation.of(try Answers.decision(complete: false), model: nil, width: 60), to: "explain-alone-60")
  }

  @Test(arguments: [1, 2, 5, 19, 20, 39, 41, 79, 120, 400, 1_000])
  func everyWidthHoldsEveryLine(columns: Int) throws {
    var state = try Answers.state()
    let size = ScreenSize(columns: columns, rows: 12)
    for page: TopState.Page in [.fleet, .model(ModelName("fraud", "7")), .account, .alerts, .help] {
      state.open(page)
      state.take(.model(try Answers.model()))
      let lines = state.screen(size)
      #expect(lines.count == 12)
      #expect(lines.allSatisfy { $0.width <= columns }, "\(page)")
    }
  }
}
