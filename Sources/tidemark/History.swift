import ArgumentParser
import Daemon

struct HistoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "What a journal holds: metrics, drift and decisions, newest first.",
    discussion: """
      Reads the directory that a configuration names as 'state', while a daemon runs on it and without \
      one. Without a model: rows by table, the size on disk and the growth a day. Samples are shown as they \
      are stored: for a day as they came, then by the minute, after two days by the hour. Ends with status \
      66 when there is no journal.

        tidemark history --state state
        tidemark history fraud --state state --limit 100
        tidemark history fraud --state state --kind decisions --json
      """)

  @Argument(help: "A model's name.")
  var model: String?

  @Option(help: "The journal's directory.")
  var state: String

  @Option(help: "Rows to show.")
  var limit = 50

  @Option(help: "Metrics when a model is named; without a model, a summary.")
  var kind: HistoryTable.Kind?

  @Flag(help: "One JSON object a row and line.")
  var json = false

  func validate() throws {
    guard limit >= 1 else { throw ValidationError("--limit is at least 1") }
  }

  func run() throws {
    let table = HistoryTable(directory: state, model: model, kind: kind, limit: limit, isJSON: json)
    try table.run().end()
  }
}

extension HistoryTable.Kind: ExpressibleByArgument {}
