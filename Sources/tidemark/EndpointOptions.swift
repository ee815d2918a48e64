import ArgumentParser
import Daemon

/// Where a daemon's outputs are read.
struct OutputOption: ParsableArguments {
  @Option(name: .shortAndLong, help: "The daemon's output socket.")
  var output = "tcp://127.0.0.1:7411"

  func endpoint() throws -> ClientEndpoint { try Self.endpoint(output) }

  /// - Throws: a `ValidationError` that says what is wrong with the text.
  static func endpoint(_ text: String) throws -> ClientEndpoint {
    do throws(InvalidEndpoint) { return try ClientEndpoint(ofDaemon: text) } catch {
      throw ValidationError(error.description)
    }
  }

  /// A day is more than anyone waits for.
  static func check(_ seconds: Double?) throws {
    guard let seconds, !(0...86_400).contains(seconds) || seconds == 0 else { return }
    throw ValidationError("--timeout is more than 0 and at most 86400 seconds")
  }
}
