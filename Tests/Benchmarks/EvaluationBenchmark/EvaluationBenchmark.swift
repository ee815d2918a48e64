import Statistics

/// Simulations of the detectors, a line of JSON for each outcome; `evaluation.py` makes a page of them.
///
///     evaluation-benchmark runs SUBJECT SCENARIO SEED STREAMS LENGTH MULTIPLE LOG10…    to a false alarm
///     evaluation-benchmark delays SUBJECT SCENARIO SEED STREAMS SHIFT LOG10…     after a change
///     evaluation-benchmark cost SUBJECT     time of an observation and memory
///     evaluation-benchmark pairs SEED STREAMS ROWS   a correlation that flips, and one that stays
///     evaluation-benchmark errors           alarms of the preset's detector on a line of zeroes and ones
///     evaluation-benchmark gates SEED       batches in which nothing that matters has changed
///
/// LOG10 are logarithms of run lengths, ascending.
@main struct EvaluationBenchmark {
  static let changeAt = 1_000
  static let longestDelay = 3_000

  static func main() throws {
    let words = Array(CommandLine.arguments.dropFirst())
    switch words.first {
    case "runs" where words.count > 7:
      try trial(words, levelsFrom: 7).runs(length: try number(words[5]), multiple: try real(words[6]))
    case "delays" where words.count > 6:
      let shift = try real(words[5])
      try trial(words, levelsFrom: 6).delays(shift: shift, changeAt: changeAt, atMost: longestDelay)
    case "cost" where words.count == 2: Cost.report(try recipe(words[1]))
    case "pairs" where words.count == 4:
      Pairs.report(
        seed: UInt64(try number(words[1])), streams: try number(words[2]), rows: try number(words[3]))
    case "errors" where words.count == 1: Errors.report()
    case "gates" where words.count == 2: Gates.report(seed: UInt64(try number(words[1])))
    default: throw Misuse()
    }
  }

  private static func trial(_ words: [String], levelsFrom first: Int) throws -> Trial {
    guard let scenario = Scenario(rawValue: words[2]) else { throw Misuse() }
    return Trial(
      recipe: try recipe(words[1]), scenario: scenario, seed: UInt64(try number(words[3])),
      streams: try number(words[4]), levels: try words[first...].map { try real($0) * Elementary.ln(10) })
  }

  private static func recipe(_ name: String) throws -> Recipe {
    guard let found = Recipe.all.first(where: { $0.name == name }) else { throw Misuse() }
    return found
  }

  private static func number(_ word: String) throws -> Int {
    guard let number = Int(word), number >= 0 else { throw Misuse() }
    return number
  }

  private static func real(_ word: String) throws -> Double {
    guard let number = Double(word) else { throw Misuse() }
    return number
  }
}

struct Misuse: Error, CustomStringConvertible {
  var description: String {
    "usage: evaluation-benchmark runs|delays|cost|pairs|errors|gates …, see its source"
  }
}
