import ArgumentParser
import Console

/// The options of every command that asks a running daemon over HTTP.
struct HTTPOptions: ParsableArguments {
  @Option(help: "The daemon's HTTP address; else TIDEMARK_URL, else http://127.0.0.1:7414.")
  var url: String?

  @Option(
    name: .customLong("token-file"), help: "A file that holds the bearer token, where one is asked for.")
  var tokenFile: String?

  func http() throws -> HTTPClient {
    do throws(InvalidAddress) {
      return try DaemonAddress(url: url, tokenFile: tokenFile, environment: Surroundings.variables).http
    } catch { throw ValidationError(error.description) }
  }

  func validate() throws { _ = try http() }
}
