import ArgumentParser
import Daemon
import Events

struct SilenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "silence",
    abstract:
      "Mark alerts as silenced for a while, so that nobody is notified; decisions are made as before.",
    subcommands: [Add.self, List.self, Expire.self])

  /// What every one of them has.
  struct Options: ParsableArguments {
    @Option(help: "The daemon's control socket.")
    var control = "tcp://127.0.0.1:7412"

    @OptionGroup var keys: KeyOptions

    @Flag(help: "The answer as a JSON object.")
    var json = false

    @Option(help: "Seconds to wait for an answer.")
    var timeout = 5.0

    func validate() throws { try OutputOption.check(timeout) }

    func say(_ request: SilenceRequest) throws {
      let endpoint = try keys.endpoint(control)
      try SayOfAlerts(request, to: endpoint, isJSON: json, patience: .seconds(timeout)).run().end()
    }
  }

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Silence what matches all that is given; prints its id.",
      discussion: """
        A `*` at the end of a value matches whatever follows:

          tidemark silence add --model 'fraud*' --monitor drift --for 2h --by ana --comment "new region"
        """)

    @OptionGroup var options: Options
    @Option(help: "The model.") var model: String?
    @Option(help: "Its version.") var version: String?
    @Option(help: "accuracy, latency, drift, metric, schema, orchestrator or no_data.") var monitor: String?
    @Option(help: "low, medium or high.") var severity: String?
    @Option(help: "The alert's type, such as data_drift.") var type: String?
    @Option(name: .customLong("for"), help: "For how long, such as 90m or 2d.") var duration: String
    @Option(help: "Who says so.") var by: String
    @Option(help: "Why.") var comment = ""
    @Option(help: "An id of your own; the same again replaces it.") var id: String?

    func run() throws {
      guard let duration = DurationText.parse(duration), duration > .zero, duration <= Silence.longest else {
        throw ValidationError("--for is such as 90m or 2d, at most 366d")
      }
      let given: [(Silence.Matcher.Field, String?)] = [
        (.model, model), (.version, version), (.monitor, monitor), (.severity, severity), (.type, type),
      ]
      let matchers = try given.compactMap { field, pattern -> Silence.Matcher? in
        guard let pattern else { return nil }
        guard let matcher = Silence.Matcher(field, pattern) else {
          throw ValidationError("--\(field.rawValue) is 1 to \(Silence.maximumPatternBytes) bytes")
        }
        return matcher
      }
      guard !matchers.isEmpty else {
        throw ValidationError("want at least one of --model, --version, --monitor, --severity and --type")
      }
      try options.say(
        .create(
          id: id, .init(matchers: matchers, end: .after(duration), createdBy: by, comment: comment)))
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The silences in force.")
    @OptionGroup var options: Options
    func run() throws { try options.say(.list) }
  }

  struct Expire: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "End a silence.")
    @OptionGroup var options: Options
    @Argument(help: "Its id, as in the list.") var id: String
    func run() throws { try options.say(.expire(id: id)) }
  }
}

struct ResolveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "End an alert by hand, with reason manual; what is still wrong opens it anew.",
    discussion: "  tidemark resolve fraud/7/drift")

  @OptionGroup var options: SilenceCommand.Options
  @Argument(help: "The alert, as in `alert_key`.") var alertKey: String

  func run() throws { try options.say(.resolve(alertKey: alertKey)) }
}
