import ArgumentParser
import Daemon

struct DecodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Explain the frames of messages, field by field.",
    discussion: """
      Reads one frame a line in hexadecimal ('-' is an empty one; '#' begins a comment; an empty line ends \
      a message) and prints every field with its offset, the tensors' first values, and what a daemon makes \
      of the message. Ends with status 65 when one is refused.

        tidemark tail --frames --count 1 | tidemark decode -
      """)

  @Argument(help: "The dump; '-' reads standard input.")
  var dump: String

  func run() throws {
    var dump = FrameDump()
    try dump.run(self.dump).end()
  }
}
