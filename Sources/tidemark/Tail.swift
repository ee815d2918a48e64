import ArgumentParser
import Daemon

struct TailCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tail",
    abstract: "Show what a daemon publishes, as it comes.",
    discussion: """
      Subscribes to the output socket and prints a line for each alert and decision until it is \
      interrupted. Gaps in the numbers, and the daemon's end, are told on standard error.

        tidemark tail --model fraud --kind assessment --json | jq .data
        tidemark tail --frames --count 1 | tidemark decode -
      """)

  @OptionGroup var output: OutputOption

  @Option(name: .shortAndLong, help: "One model alone; all without it.")
  var model: String?

  @Option(name: .shortAndLong, help: "alert, decision, assessment, status or head; may be given again.")
  var kind: [Kind] = []

  @Flag(help: "The CloudEvents objects, one a line.")
  var json = false

  @Flag(help: "Every frame in hexadecimal, as 'decode' reads them.")
  var frames = false

  @Option(name: [.customShort("n"), .long], help: "End after this many messages.")
  var count: Int?

  @Option(help: "End with status 69 when nothing was heard for this many seconds, heads included.")
  var timeout: Double?

  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case alert, decision, assessment, status, head
  }

  func validate() throws {
    if json && frames { throw ValidationError("--json and --frames exclude each other") }
    if let count, count < 1 { throw ValidationError("--count is at least 1") }
    try OutputOption.check(timeout)
  }

  func run() throws {
    let tail = Tail(
      try output.endpoint(), kinds: kind.map(\.rawValue), model: model,
      format: json ? .json : frames ? .frames : .text, count: count, patience: timeout.map(Duration.seconds))
    try tail.run().end()
  }
}
