import ArgumentParser
import Daemon

struct PublishCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish",
    abstract: "Publish a file into a running daemon.",
    discussion: """
      CSV: the header names the columns. A table with a column accuracy or latency_ms is metrics, a row a \
      measurement; any other is feature batches of --rows rows. --kind baseline makes all of it the feature \
      baseline. NDJSON: CloudEvents, as 'replay' reads them, sent as they are. .npy: a matrix, sent as it is \
      stored. Waits where the daemon is slower, loses nothing, and ends when the daemon's account shows \
      that everything was read; else with status 69.

        tidemark publish reference.csv --model fraud --kind baseline
        tidemark publish today.npy --model fraud --names amount,age_days
        tidemark publish measured.csv --model fraud --time-column at
      """)

  @Option(help: "The daemon's ingest socket.")
  var to = "tcp://127.0.0.1:7410"

  @OptionGroup var output: OutputOption

  @Option(help: "csv, ndjson or npy; without it, by the file's name.")
  var format: PublishFile.Format?

  @Option(name: .shortAndLong, help: "metrics, features or baseline.")
  var kind: PublishFile.Kind?

  @Option(name: .shortAndLong, help: "The model; not for NDJSON.")
  var model: String?

  @Option(help: "Its version.")
  var modelVersion: String?

  @Option(help: "Who sends; by default tidemark-publish and the process's number.")
  var source: String?

  @Option(help: "Rows of a feature batch.")
  var rows = 1_000

  @Option(help: "The column that says when: RFC 3339, or seconds since 1970.")
  var timeColumn: String?

  @Option(help: "Names of an array's columns, separated by commas.")
  var names: String?

  @Option(help: "Seconds to wait for the daemon at any one point.")
  var timeout = 10.0

  @Argument(help: "The file; '-' reads standard input, with --format.")
  var file: String

  func validate() throws {
    try OutputOption.check(timeout)
    guard (1...1_000_000).contains(rows) else { throw ValidationError("--rows is 1 to 1000000") }
  }

  func run() throws {
    let publish = PublishFile(
      try request(), to: try output.keys.endpoint(to), confirming: try output.endpoint(),
      patience: .seconds(timeout))
    try publish.run().end()
  }

  private func request() throws -> PublishFile.Request {
    guard let format = format ?? PublishFile.Format(ofFile: file) else {
      throw ValidationError("what '\(file)' holds is not in its name, want --format csv, ndjson or npy")
    }
    guard var request = PublishFile.Request(path: file, format: format, source: source) else {
      throw ValidationError("--source is 1 to 180 bytes")
    }
    request.kind = kind
    request.batchRows = rows
    request.timeColumn = timeColumn
    request.names = names.map { $0.split(separator: ",").map(String.init) }
    if let model {
      guard request.setModel(model, version: modelVersion) else {
        throw ValidationError("--model (1 to 80 bytes) or --model-version (1 to 40) is empty or too long")
      }
    } else if format != .ndjson {
      throw ValidationError("--model is needed for \(format.rawValue)")
    }
    return request
  }
}

extension PublishFile.Format: ExpressibleByArgument {}
extension PublishFile.Kind: ExpressibleByArgument {}
