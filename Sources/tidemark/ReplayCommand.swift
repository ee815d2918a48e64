import ArgumentParser
import Daemon

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Run recorded events through the same engine, with the file's own clock.",
    discussion: """
      Reads one CloudEvents JSON object a line, or a recording of 'record' or 'serve --record', and writes \
      one object a line to standard output: every assessment, alert and decision, in order. The same input \
      gives the same bytes. A summary and each rejected line ('line N: reason') go to standard error; \
      rejected lines do not stop it.

      With --against, a second configuration is held against the first over the same input: a line for \
      each decision, and each alert opened or resolved, that only one of them (A, or B, the other) makes, \
      then a summary. Decisions are the same when the same event or deadline of the same model caused them.

        tidemark replay --config strict.yaml events.ndjson | jq 'select(.type | test("decision"))'
        tidemark replay --config today.yaml --against strict.yaml today.tmrec
      """)

  @OptionGroup var options: ConfigurationOptions

  @Option(help: "Another configuration; prints where the two decide differently.")
  var against: String?

  @Flag(help: "With --against: one JSON object a line, the summary last.")
  var json = false

  @Flag(help: "End with status 65 when any line was rejected, or a recording is torn.")
  var strict = false

  @Argument(help: "The events; '-' reads standard input.")
  var events: String

  func validate() throws {
    if json && against == nil { throw ValidationError("--json is for --against; outputs are JSON already") }
  }

  func run() throws {
    let configuration = try options.load(options.config, readsKeys: false)
    guard let against else { return try Replay(configuration).run(events, isStrict: strict).end() }
    let other = try options.load(against, readsKeys: false)
    let names = (options.config ?? "defaults", against)
    try Comparison(configuration, other, names: names, isJSON: json).run(events, isStrict: strict).end()
  }
}
