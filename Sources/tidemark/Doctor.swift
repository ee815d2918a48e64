import ArgumentParser
import Console

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "What is wrong with a running daemon, and what to do about it?",
    discussion: """
      Asks the daemon for its health, status, metrics, sources and decisions and prints what is not as it should be, \
      the worst first, each with what it means and what to do. Changes nothing. Ends with status 0 when all is right, \
      1 with warnings, 2 with errors.
      """)

  @OptionGroup var options: HTTPOptions

  @Option(help: "The journal's directory, when it is on this machine: is there room on its disk?")
  var state: String?

  @Flag(help: "One JSON object.")
  var json = false

  func run() throws {
    let diagnosis = Doctor(try options.http(), ownVersion: Tidemark.configuration.version, directory: state)
      .run()
    let output = LineOutput(environment: Surroundings.variables)
    if json { print(diagnosis.json) } else { output.print(diagnosis.lines(width: output.width)) }
    if diagnosis.exitCode != 0 { throw ExitCode(diagnosis.exitCode) }
  }
}
