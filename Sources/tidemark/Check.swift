import ArgumentParser
import Daemon

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say whether a configuration is right.",
    discussion: """
      Reads the file as 'serve' would, with every file it names, and binds nothing. Everything that is \
      wrong is printed at once, as FILE:LINE: KEY: what is wrong, what is allowed; the status is then 78.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Flag(help: "Also look at this machine: endpoints, state directory, limits.")
  var online = false

  func run() throws {
    let configuration = try options.load()
    print(configuration.summary(of: options.config))
    guard online else { return }
    let findings = OnlineCheck(configuration).run()
    for finding in findings { print(finding.line) }
    try OnlineCheck.status(of: findings).end()
  }
}
