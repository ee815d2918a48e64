import ArgumentParser
import Daemon

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Run recorded events through the same engine, with the file's own clock.",
    discussion: """
      Reads one CloudEvents JSON object a line and writes one a line to standard output: every \
      assessment, alert and decision, in order. The same input gives the same bytes. A summary and each \
      rejected line ('line N: reason') go to standard error; rejected lines do not stop it.

        tidemark replay --config strict.yaml events.ndjson | jq 'select(.type | test("decision"))'
      """)

  @OptionGroup var options: ConfigurationOptions

  @Flag(help: "End with status 65 when any line was rejected.")
  var strict = false

  @Argument(help: "The events; '-' reads standard input.")
  var events: String

  func run() throws {
    try Replay(try options.load()).run(events, isStrict: strict).end()
  }
}
