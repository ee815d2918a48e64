import ArgumentParser
import Daemon

struct SourcesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sources",
    abstract: "The account of every source of a running daemon: received, rejected, lost.",
    discussion: """
      Asks the output socket for the account and prints a line a source. 'lost' is exact for sources \
      that number their messages and send heads; 'dropped' says how many of these the source itself \
      did not send. State: live, stale (three heads missed), ended (it said bye), silent (no heads).
      """)

  @OptionGroup var output: OutputOption

  @Flag(help: "One JSON object a source and line.")
  var json = false

  @Option(help: "Seconds to wait for the daemon.")
  var timeout = 5.0

  func validate() throws { try OutputOption.check(timeout) }

  func run() throws {
    let table = SourcesTable(try output.endpoint(), isJSON: json, patience: .seconds(timeout))
    try table.run().end()
  }
}
