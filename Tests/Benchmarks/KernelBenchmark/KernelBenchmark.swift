import Events
import Monitoring
import Statistics

/// Times the drift rule, the column kernels and the summaries, a line of JSON for each: medians in nanoseconds.
///
///     kernel-benchmark rule     a value of batches of 1000 × 1000 and 1000 × 5000, FP64 and FP32
///     kernel-benchmark checks   one drift check of 10 to 1000 features and 100 to 10,000 rows of FP64
///     kernel-benchmark summaries   a value taken by each of the mergeable summaries
///     kernel-benchmark cycle    a batch of 1000 × 5000 for each of 100 models, by preset `standard`
///     kernel-benchmark bins     the detector of bins on batches of 1000 × 5000, FP64 and FP32
@main struct KernelBenchmark {
  static let repetitions = 31

  static func main() throws {
    switch CommandLine.arguments.dropFirst() {
    case ["rule"]:
      for columns in [1_000, 5_000] {
        for format in [Matrix.Format.float64, .float32] {
          Shape(rows: 1_000, columns: columns, format: format).timeRule()
        }
      }
    case ["checks"]:
      for columns in [10, 100, 1_000] {
        for rows in [100, 1_000, 10_000] {
          Shape(rows: rows, columns: columns, format: .float64).timeCheck()
        }
      }
    case ["summaries"]: Summaries.time()
    case ["cycle"]: try CycleBenchmark(models: 100, columns: 5_000, rows: 1_000).time()
    case ["bins"]:
      for format in [NumberFormat.float64, .float32] {
        BinsBenchmark(rows: 1_000, columns: 5_000, format: format).time()
      }
    default: throw Misuse()
    }
  }
}

struct Misuse: Error, CustomStringConvertible {
  var description: String { "usage: kernel-benchmark rule|checks|summaries|bins|cycle" }
}

/// The size of a batch and how its values are stored.
struct Shape {
  let rows: Int
  let columns: Int
  let format: Matrix.Format

  func timeRule() {
    withMatter { monitor, batch, bytes in
      var sink = 0.0
      report("the rule and its report of every feature") { sink += Self.check(&monitor, batch) }
      var means = ColumnMeans(origin: [Double](repeating: 0, count: columns))
      report("column means and counts") {
        means.reset()
        means.fold(bytes, number, rows: rows, columns: columns)
        sink += means.mean(of: 7)
      }
      var moments = ColumnMoments(columns: columns)
      report("mean, std, min, max and missing of every column") {
        moments.reset()
        moments.fold(bytes, number)
        sink += moments.mean(of: 7)
      }
      // The results are used, or the optimiser would be free to leave the work out.
      precondition(sink.isFinite)
    }
  }

  func timeCheck() {
    withMatter { monitor, batch, _ in
      var sink = 0.0
      let time = Self.median { sink += Self.check(&monitor, batch) }
      precondition(sink.isFinite)
      print(#"{"rows": \#(rows), "columns": \#(columns), "ns": \#(time)}"#)
    }
  }

  private static func check(_ monitor: inout DriftMonitor, _ batch: FeatureBatch) -> Double {
    guard let assessment = try? monitor.observe(batch, at: Timestamp(nanoseconds: 0)) else { return .nan }
    return assessment.maximumScore ?? 0
  }

  private func report(_ work: String, _ body: () -> Void) {
    let time = Self.median(body) / Double(rows * columns)
    let type = format == .float64 ? "FP64" : "FP32"
    print(
      #"{"work": "\#(work)", "rows": \#(rows), "columns": \#(columns), "datatype": "\#(type)", "#
        + #""ns_per_value": \#(time)}"#)
  }

  static func median(_ body: () -> Void) -> Double {
    let clock = ContinuousClock()
    let times = (0..<KernelBenchmark.repetitions).map { _ in clock.measure(body) }.sorted()
    let (seconds, attoseconds) = times[times.count / 2].components
    return Double(seconds) * 1e9 + Double(attoseconds) / 1e9
  }

  private var number: NumberFormat { format == .float64 ? .float64 : .float32 }

  /// A monitor that has its baseline, and a batch that stands in memory as it would have been received.
  private func withMatter(
    _ body: (inout DriftMonitor, FeatureBatch, UnsafeRawBufferPointer) -> Void
  ) {
    var random = SplitMix(state: 1)
    let baseline = (0..<min(rows, 1_000) * columns).map { _ in random.normal() }
    let values = (0..<rows * columns).map { _ in random.normal() }
    var monitor = DriftMonitor(settings: DriftSettings())
    let matrix = Matrix(rows: min(rows, 1_000), columns: columns, values: baseline)
    monitor.setBaseline(FeatureBaseline(FeatureBatch(names: nil, matrix: matrix)))
    let use = { (bytes: UnsafeRawBufferPointer) in
      let received = Matrix(rows: rows, columns: columns, format: format, received: bytes)
      body(&monitor, FeatureBatch(names: nil, matrix: received), bytes)
    }
    if format == .float64 {
      values.withUnsafeBytes(use)
    } else {
      values.map(Float.init).withUnsafeBytes(use)
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix {
  var state: UInt64

  mutating func normal() -> Double {
    (0..<12).reduce(-6.0) { sum, _ in sum + unit() }
  }

  mutating func unit() -> Double {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
  }
}
