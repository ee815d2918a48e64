import ArgumentParser
import Daemon
import Logging

struct RecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Write down everything that is published, for 'replay'.",
    discussion: """
      Binds the ingest sockets of the configuration as 'serve' would, and writes every message to FILE \
      with its time of arrival, until SIGTERM or SIGINT. Watches nothing and publishes nothing; to do both, \
      use 'serve --record FILE'. FILE must not be there yet; only its owner may read it.

        tidemark record today.tmrec
        tidemark replay --config today.yaml --against strict.yaml today.tmrec
      """)

  @OptionGroup var options: ConfigurationOptions

  @Argument(help: "The recording to make.")
  var file: String

  func run() throws {
    let configuration = try options.load()
    try RecordServer(configuration, path: file, log: Logger(label: "tidemark") { _ in DaemonLog() }).run()
      .end()
  }
}
