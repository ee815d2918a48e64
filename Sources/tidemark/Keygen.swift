import ArgumentParser
import Daemon

struct KeygenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keygen",
    abstract: "Make a CURVE key pair, for a daemon or for one of its clients.",
    discussion: """
      Writes PREFIX.key_secret, which only you can read, and PREFIX.key, which is no secret, and prints the \
      entry for a daemon's file of clients. Files that are there are never overwritten. Both are CZMQ \
      certificates, which pyzmq reads as well.

        tidemark keygen --out server
        tidemark keygen --out serving-a --role publish --source-prefix serving-a/
      """)

  @Option(help: "Where the files go, without their endings.")
  var out = "tidemark"

  @Option(help: "What the client is called; by default the last part of PREFIX.")
  var name: String?

  @Option(name: .customLong("role"), help: "publish, consume or acknowledge; may be given again.")
  var roles: [Role] = [.publish]

  @Option(help: "Where the client's sources lie; by default its name and a slash.")
  var sourcePrefix: String?

  enum Role: String, ExpressibleByArgument, CaseIterable {
    case publish, consume, acknowledge
  }

  func run() throws {
    let name = name ?? String(out.split(separator: "/").last ?? "tidemark")
    let keygen = Keygen(
      prefix: out, name: name, roles: roles.map(\.rawValue), sourcePrefix: sourcePrefix ?? name + "/")
    try keygen.run().end()
  }
}
