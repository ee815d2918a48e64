import ArgumentParser
import Console

struct HealthcheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "healthcheck",
    abstract: "Does the daemon live? For probes of images without a shell.",
    discussion: """
      Asks /livez, or /readyz with --ready, and prints one line. Ends with status 0 when all is well, else with 1, \
      within 2 s. A daemon that is degraded, such as by a full disk, is ready: it goes on taking events.

        HEALTHCHECK CMD ["tidemark", "healthcheck"]
      """)

  @OptionGroup var options: HTTPOptions

  @Flag(help: "Are events taken, rather than: does the process live?")
  var ready = false

  func run() throws {
    let (line, isWell) = HealthCheck(try options.http(), asksReady: ready).run()
    print(line)
    if !isWell { throw ExitCode(1) }
  }
}
