import ArgumentParser
import Daemon

/// The keys for a daemon whose configuration has `security`.
struct KeyOptions: ParsableArguments {
  @Option(help: "Your secret key, a file of 'keygen' that only you can read; for a daemon with security.")
  var keyFile: String?

  @Option(help: "The daemon's public key, or the file that holds it.")
  var serverKey: String?

  func validate() throws {
    guard (keyFile == nil) == (serverKey == nil) else {
      throw ValidationError("--key-file and --server-key belong together")
    }
  }

  /// An endpoint with these keys.
  ///
  /// - Throws: a `ValidationError` that says what is wrong with the text or the keys.
  func endpoint(_ text: String) throws -> ClientEndpoint {
    do throws(InvalidEndpoint) {
      guard let keyFile, let serverKey else { return try ClientEndpoint(ofDaemon: text) }
      return try ClientEndpoint(ofDaemon: text, keys: ClientKeys(secretFile: keyFile, server: serverKey))
    } catch {
      throw ValidationError(error.description)
    }
  }
}

/// Where a daemon's outputs are read.
struct OutputOption: ParsableArguments {
  @Option(name: .shortAndLong, help: "The daemon's output socket.")
  var output = "tcp://127.0.0.1:7411"

  @OptionGroup var keys: KeyOptions

  func endpoint() throws -> ClientEndpoint { try keys.endpoint(output) }

  /// A day is more than anyone waits for.
  static func check(_ seconds: Double?) throws {
    guard let seconds, !(0...86_400).contains(seconds) || seconds == 0 else { return }
    throw ValidationError("--timeout is more than 0 and at most 86400 seconds")
  }
}
