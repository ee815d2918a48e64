import ArgumentParser
import Daemon

struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "See it work: a publisher, the daemon and a subscriber in one process.",
    discussion: """
      Starts the daemon on free ports of 127.0.0.1, publishes 60 hours of a model whose inputs shift and \
      whose accuracy falls until it is retrained, and prints each alert and decision as it comes over \
      the socket. Nothing is left behind. For real data, see deploy/demo.sh in the source.
      """)

  @Option(help: "The seed of the made-up data; the same seed gives the same story.")
  var seed: UInt64 = 7

  func run() throws {
    var demonstration = Demonstration(seed: seed)
    try demonstration.run().end()
  }
}
