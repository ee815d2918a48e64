import ArgumentParser
import Console
import Daemon

struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "What a running daemon watches, live, in this terminal.",
    discussion: """
      Every model, the most urgent first; enter opens one, d its decision, a the account of what came and was lost, \
      A the open alerts, / filters, ? shows all keys, q quits. Without a connection it shows how old the data is and \
      tries again. Colours are left out where NO_COLOR is set.

      For a daemon on another machine: ssh -L 7414:127.0.0.1:7414 HOST
      """)

  @OptionGroup var options: HTTPOptions

  func run() throws {
    let http = try options.http()
    do throws(TopFailure) {
      try Top(DaemonClient(http), environment: Surroundings.variables).run()
    } catch {
      Terminal(descriptor: 2).print("tidemark: \(error.description)")
      try ExitStatus.unavailable.end()
    }
  }
}
