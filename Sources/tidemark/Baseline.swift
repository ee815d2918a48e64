import ArgumentParser
import Daemon

struct BaselineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "baseline",
    abstract: "Make, show and compare baselines of features.",
    discussion: """
      A baseline file holds what is known of each column: its bins, mean, spread and categories. It holds no \
      rows. Name it in a configuration as baseline.features. Wherever a baseline is read, a CSV table or a \
      NumPy array may stand as well.

        tidemark baseline build training.csv -o fraud.baseline
        tidemark baseline show fraud.baseline
        tidemark baseline diff fraud.baseline yesterday.csv
      """,
    subcommands: [BuildBaseline.self, ShowBaseline.self, DiffBaselines.self])

  /// Reads a file, or prints what is wrong with it and ends.
  static func load(
    _ path: String, names: [String]? = nil, excluding excluded: [String] = [],
    countingAsIn other: BaselineData? = nil
  ) throws -> BaselineData {
    try perform(on: path) { () throws(BaselineData.Problem) in
      try BaselineData(reading: path, names: names, excluding: excluded, countingAsIn: other)
    }
  }

  static func perform<Result>(on path: String, _ body: () throws(BaselineData.Problem) -> Result) throws
    -> Result
  {
    do throws(BaselineData.Problem) { return try body() } catch {
      Terminal(descriptor: 2).print("\(path): \(error.description)")
      throw ExitCode(error.status.rawValue)
    }
  }
}

struct BuildBaseline: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Make a baseline file from a CSV table or a NumPy array.",
    discussion: """
      CSV: a first line with a cell that is no number names the columns. A column with a cell that is neither \
      a number nor missing (empty, NA, NaN, null) is one of text.
      """)

  @Option(name: .shortAndLong, help: "The file to write; one that is there is replaced.")
  var output: String

  @Option(help: "Names of the columns, separated by commas, where the data has none.")
  var names: String?

  @Option(help: "Columns of a table to leave out, such as times, separated by commas.")
  var without: String?

  @Argument(help: "A .csv or .npy file; told apart by what it holds.")
  var data: String

  func run() throws {
    let read = try BaselineCommand.load(
      data, names: names.map { $0.split(separator: ",").map(String.init) },
      excluding: without.map { $0.split(separator: ",").map(String.init) } ?? [])
    try BaselineCommand.perform(on: output) { () throws(BaselineData.Problem) in try read.write(to: output) }
  }
}

struct ShowBaseline: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print what a baseline says of each column.")

  @Flag(help: "As a JSON object.")
  var json = false

  @Argument(help: "A baseline file, or what one can be made from.")
  var file: String

  func run() throws {
    let read = try BaselineCommand.load(file)
    Terminal(descriptor: 1).print(json ? BaselineReport.showJSON(read) : BaselineReport.show(read))
  }
}

struct DiffBaselines: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Print where one baseline differs from another, column by column.",
    discussion: """
      psi: the population stability index, with what it is by chance for so many rows; w1/iqr: how far the \
      values moved, in interquartile ranges of the first. The largest index comes first. Rows of a table or an \
      array are counted in the first's bins; of a second baseline file that was cut into others, figures \
      marked ~ are estimated.
      """)

  @Flag(help: "As a JSON object.")
  var json = false

  @Argument(help: "The baseline to hold against.")
  var first: String

  @Argument(help: "The one that may differ.")
  var second: String

  func run() throws {
    let left = try BaselineCommand.load(first)
    let right = try BaselineCommand.load(second, countingAsIn: left)
    Terminal(descriptor: 1).print(
      json ? BaselineReport.diffJSON(left, right) : BaselineReport.diff(left, right))
  }
}
