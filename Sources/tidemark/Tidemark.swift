import ArgumentParser
import Daemon

@main
struct Tidemark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tidemark",
    abstract: "Model monitoring on the wire.",
    discussion: """
      Serving processes publish metrics and features over ZeroMQ; tidemark watches each model for \
      falling accuracy, slow answers and drifting inputs, and publishes alerts and retrain decisions \
      for whatever acts on them.

      To begin:
        tidemark demo                      see it work, all in one process
        tidemark serve                     run with defaults: events in on tcp://127.0.0.1:7410,
                                           alerts and decisions out on tcp://127.0.0.1:7411
        tidemark check --config my.yaml    is this configuration right?
        tidemark replay events.ndjson      what would have been decided?
        tidemark record today.tmrec        everything that is published, written down
        tidemark replay --against other.yaml today.tmrec
                                           where would another configuration decide differently?
        tidemark publish data.csv …        a file into a running daemon
        tidemark tail                      alerts and decisions as they come
        tidemark sources                   what was received, rejected and lost, by source
        tidemark top                       every model, live, the most urgent first
        tidemark explain MODEL             why it is retrained, or why not; or a decision's id
        tidemark doctor                    what is wrong with a running daemon, and what to do
        tidemark detect series.csv         where did this series change?
        tidemark baseline build training.csv -o my.baseline
                                           what a model was trained on, as figures to hold it against
        tidemark history --state DIR       what the journal in DIR holds
        tidemark keygen --out server       a key pair, for encryption and for saying who may connect
        tidemark ack DECISION --owner ME   this retrain is mine; then report how it goes
        tidemark silence add --model M --for 2h --by ME
                                           nobody is to be notified of its alerts; list, expire
        tidemark resolve ALERT_KEY         this alert is over

      Exit codes: 0 done, 64 wrong command line, 65 rejected input under --strict, 66 no such file, \
      69 no socket or no daemon, 71 a failure of the system, 73 a file that cannot be made, 78 wrong configuration.
      """,
    version: BuildVersion.current,
    subcommands: [
      Serve.self, Check.self, RecordCommand.self, ReplayCommand.self, PublishCommand.self, TailCommand.self,
      SourcesCommand.self, HistoryCommand.self, AckCommand.self, RejectCommand.self, ReportCommand.self,
      SilenceCommand.self, ResolveCommand.self,
      TopCommand.self, ExplainCommand.self, DoctorCommand.self, HealthcheckCommand.self,
      DecodeCommand.self, DetectCommand.self, BaselineCommand.self, KeygenCommand.self, Demo.self,
    ])
}

/// The options of every command that reads a configuration.
struct ConfigurationOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "A YAML file. Without one, everything has its default.")
  var config: String?

  @Flag(
    name: .customLong("insecure-plaintext"),
    help: "Allow endpoints that other machines can reach, though nothing on them is encrypted.")
  var isPlaintextAllowed = false

  /// Reads the file, or prints everything that is wrong with it and ends with status 78.
  func load() throws -> Configuration { try load(config) }

  /// The same for another file.
  ///
  /// - Parameter readsKeys: see `Configuration.load`.
  func load(_ file: String?, readsKeys: Bool = true) throws -> Configuration {
    do throws(ConfigurationProblems) {
      return try Configuration.load(file, allowsPlaintext: isPlaintextAllowed, readsKeys: readsKeys)
    } catch {
      Terminal(descriptor: 2).print(error.description)
      throw ExitCode(ExitStatus.configuration.rawValue)
    }
  }
}

extension ExitStatus {
  /// Ends the command with this status, unless it is success.
  func end() throws { if self != .success { throw ExitCode(rawValue) } }
}
