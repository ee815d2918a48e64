import Events
import Foundation
import Journal

/// What the journal costs, on the disk of the directory that it is given.
///
///     journal-benchmark commits DIR [SECONDS]     commits of one message, and rows of large transactions
///     journal-benchmark week DIR                  500 models that measure once a minute, for a week
///
/// DIR must not exist; it is made and left, for looking at.
@main struct JournalBenchmark {
  static func main() {
    do { try run() } catch {
      print("journal-benchmark: \(error)")
      exit(1)
    }
  }

  private static func run() throws {
    let arguments = CommandLine.arguments
    guard arguments.count >= 3 else { throw Misuse() }
    guard !FileManager.default.fileExists(atPath: arguments[2]) else { throw Misuse() }
    switch arguments[1] {
    case "commits": try commits(arguments[2], seconds: arguments.count > 3 ? Int(arguments[3]) ?? 2 : 2)
    case "week": try week(arguments[2])
    default: throw Misuse()
    }
  }

  static let clock = ContinuousClock()

  static func now() -> Timestamp {
    Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
  }

  static func message(_ number: UInt64, _ time: Timestamp) -> StoredMessage {
    StoredMessage(
      number: number, topic: Array("alert/model-\(number % 100)/1/benchmark".utf8),
      header: [UInt8](repeating: 7, count: 64), body: [UInt8](repeating: 0x61, count: 600), time: time,
      subject: "episode-\(number / 2)", closesSubject: number % 2 == 1)
  }

  // MARK: Commits

  static func commits(_ directory: String, seconds: Int) throws {
    for durability in JournalSettings.Durability.allCases {
      var settings = JournalSettings(directory: "\(directory)/\(durability.rawValue)")
      settings.durability = durability
      let (journal, _) = try JournalDatabase.open(settings, name: "benchmark", now: now())
      var number: UInt64 = 0
      var times: [Duration] = []
      let end = clock.now + .seconds(seconds)
      while clock.now < end {
        number += 1
        var transaction = JournalTransaction()
        transaction.messages = [message(number, now())]
        transaction.states = [
          StateRecord(kind: 1, key: Int64(number % 500), value: [UInt8](repeating: 1, count: 400))
        ]
        times.append(try clock.measure { try journal.apply(transaction) })
      }
      times.sort()
      func milliseconds(_ share: Double) -> String {
        String(format: "%.3f", times[Int(Double(times.count - 1) * share)] / .milliseconds(1))
      }
      print(
        "\(durability.rawValue): \(times.count / seconds) commits/s of a message and a state; ms p50 \(milliseconds(0.5)) "
          + "p99 \(milliseconds(0.99)) p99.9 \(milliseconds(0.999)) max \(milliseconds(1))")
      for (word, size) in [("messages", 1_000), ("metrics", 10_000), ("states of 4 KiB", 500)] {
        var count = 0
        let spent = try clock.measure {
          let end = clock.now + .seconds(seconds)
          while clock.now < end {
            var transaction = JournalTransaction()
            switch word {
            case "messages":
              for _ in 0..<size {
                number += 1
                transaction.messages.append(message(number, now()))
              }
            case "metrics": transaction.metrics = measurements(size, at: now())
            default:
              transaction.states = (0..<size).map {
                StateRecord(
                  kind: 2, key: Int64($0), value: [UInt8](repeating: UInt8(count & 0xff), count: 4_096))
              }
            }
            try journal.apply(transaction)
            count += size
          }
        }
        print(
          "\(durability.rawValue): \(Int(Double(count) / (spent / .seconds(1)))) \(word)/s in commits of \(size)"
        )
      }
      try fetch(settings.directory, through: number)
    }
  }

  /// Reads everything back as clients do, and looks for what is not there.
  static func fetch(_ directory: String, through number: UInt64) throws {
    let reader = try JournalReader(directory: directory)
    let nothing = try clock.measure {
      _ = try reader.fetch(FetchRequest(epoch: nil, from: 1, prefixes: [Array("x/".utf8)]))
    }
    var request = FetchRequest(epoch: nil, from: 1)
    var fetched = 0
    let all = try clock.measure {
      while request.from <= number {
        let answer = try reader.fetch(request)
        fetched += answer.messages.count
        request.from = answer.next
      }
    }
    print("\(fetched) messages fetched in \(all); a look at up to 100,000 without a match: \(nothing)")
  }

  static func measurements(_ count: Int, at time: Timestamp) -> [MetricsSample] {
    (0..<count).map { index in
      MetricsSample(
        model: "model-\(index % 500)", version: "1", time: time,
        accuracy: SampleSummary(.random(in: 0.8...1)),
        latency: SampleSummary(.random(in: 10...90)))
    }
  }

  // MARK: A week

  static func week(_ directory: String) throws {
    var settings = JournalSettings(directory: directory)
    settings.durability = .normal
    let start = Timestamp(nanoseconds: 1_750_000_000_000_000_000)
    let (journal, _) = try JournalDatabase.open(settings, name: "benchmark", now: start)
    var largest: Int64 = 0
    var turns: [Duration] = []
    var total = [String: SampleSummary]()
    var end = start
    let spent = try clock.measure {
      for minute in 0..<7 * 1_440 {
        end = start.advanced(by: .seconds(minute * 60))
        var transaction = JournalTransaction()
        transaction.metrics = measurements(500, at: end)
        for sample in transaction.metrics { add(sample.accuracy, to: &total[sample.model]) }
        try journal.apply(transaction)
        turns.append(try clock.measure { _ = try journal.maintain(at: end) })
        largest = max(largest, journal.size)
      }
    }
    turns.sort()
    let reader = try JournalReader(directory: directory)
    let summary = try reader.summary(at: end)
    for table in summary.tables where table.rows > 0 {
      print("\(table.name): \(table.rows) rows, \(Int(table.growth)) bytes a day more")
    }
    print(
      "files: at most \(largest) bytes, now \(summary.bytes), growing by \(Int(summary.growth)) a day; "
        + "\(spent) in all; a turn of maintenance: p99 \(turns[turns.count * 99 / 100]), longest \(turns[turns.count - 1])"
    )
    var stored = [String: SampleSummary]()
    let read = try clock.measure {
      for point in try reader.metrics(limit: .max) {
        add(point.sample.accuracy, to: &stored[point.sample.model])
      }
    }
    let one = try clock.measure { _ = try reader.metrics(of: "model-77", limit: 100_000) }
    let isExact = total.allSatisfy { model, wanted in
      guard let found = stored[model] else { return false }
      return found.count == wanted.count && found.minimum == wanted.minimum && found.maximum == wanted.maximum
        && abs(found.mean - wanted.mean) < 1e-9 * abs(wanted.mean)
    }
    print("totals of \(stored.count) models, read in \(read); one model in \(one)")
    guard isExact, stored.count == 500 else {
      throw Failure(description: "the totals differ from a plain sum")
    }
    guard largest < Int64(64) << 20 else { throw Failure(description: "the files are larger than 64 MiB") }
  }

  /// Sums, not the journal's own merging: the mean holds the sum.
  static func add(_ summary: SampleSummary?, to total: inout SampleSummary?) {
    guard let summary else { return }
    var sum = total ?? SampleSummary(count: 0, minimum: .infinity, maximum: -.infinity, mean: 0)
    sum.count += summary.count
    sum.minimum = min(sum.minimum, summary.minimum)
    sum.maximum = max(sum.maximum, summary.maximum)
    sum.mean += summary.mean * Double(summary.count)
    total = sum
  }
}

struct Failure: Error, CustomStringConvertible {
  let description: String
}

struct Misuse: Error, CustomStringConvertible {
  let description = "usage: journal-benchmark commits DIR [SECONDS] | week DIR; DIR must not exist"
}
