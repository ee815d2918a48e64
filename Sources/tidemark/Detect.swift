import ArgumentParser
import Daemon

struct DetectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detect",
    abstract: "Find where a series changed, with the detectors that watch models.",
    discussion: """
      Reads a table, one row an observation. What is usual is learned from the first rows; each alarm is one \
      line of NDJSON, rows counted from 0, the evidence in nats, and after it the detector starts anew. No \
      alarm comes before row 30. A first line that is not all numbers is a header; several columns are \
      one multivariate series.

      Detectors: bernoulli (rates of zeroes and ones; the default for such a column), meanvar (level, slope, \
      season and spread of real values; the default for one column), mmd (also how columns hang together; \
      the default for several), glr (rates or means, of independent values), and, against the first 200 rows, \
      bounded (the mean of values between 0 and 1), bins (the distribution), quantile (rising median and tail).

        tidemark detect errors.csv
        tidemark detect sensors.csv --columns pressure,flow
        tidemark detect latency.csv --scores > scores.txt
      """)

  @Option(
    help: "\(SeriesRun.Choice.allCases.map(\.rawValue).joined(separator: ", ")); without it, by the data.")
  var detector: SeriesRun.Choice?

  @Option(help: "The columns to read, by name or number from 1, separated by commas; all by default.")
  var columns: String?

  @Flag(help: "Print the evidence after each row, in nats, and no alarms.")
  var scores = false

  @Argument(help: "The table; '-' reads standard input.")
  var series: String

  func run() throws {
    let errors = Terminal(descriptor: 2)
    do throws(SeriesTable.Problem) {
      let chosen = columns.map { $0.split(separator: ",").map(String.init) }
      let run = try SeriesRun(SeriesTable(reading: series, columns: chosen), detector: detector)
      print(run)
    } catch {
      errors.print("\(series): \(error.description)")
      throw ExitCode(error.status.rawValue)
    }
  }

  private func print(_ run: SeriesRun) {
    let output = Terminal(descriptor: 1)
    var lines: [String] = []
    run.forEachRow { _, step in
      if scores {
        lines.append(SeriesRun.score(step.evidence))
      } else if let alarm = step.alarm {
        lines.append(run.line(alarm))
      }
      guard lines.count >= 1_000 else { return }
      output.print(lines.joined(separator: "\n"))
      lines.removeAll(keepingCapacity: true)
    }
    if !lines.isEmpty { output.print(lines.joined(separator: "\n")) }
  }
}

extension SeriesRun.Choice: ExpressibleByArgument {}
