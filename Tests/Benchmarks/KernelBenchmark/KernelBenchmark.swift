import Events
import Monitoring
import Statistics

/// Times the drift rule and the column kernels on 1000 × 1000 FP64 and prints a line of JSON for each:
/// the median of 31 repetitions, in nanoseconds a value.
@main struct KernelBenchmark {
  static let rows = 1_000
  static let columns = 1_000
  static let repetitions = 31

  static func main() throws {
    var random = SplitMix(state: 1)
    let baseline = matrix(&random)
    let batch = matrix(&random)
    let features = FeatureBatch(names: nil, matrix: batch)

    var monitor = DriftMonitor(settings: DriftSettings())
    monitor.setBaseline(FeatureBaseline(FeatureBatch(names: nil, matrix: baseline)))
    var sink = 0.0
    report("the rule and its report of every feature") {
      if let assessment = try? monitor.observe(features, at: Timestamp(nanoseconds: 0)) {
        sink += assessment.maximumScore ?? 0
      }
    }
    var means = ColumnMeans(origin: [Double](repeating: 0, count: columns))
    report("column means and counts") {
      means.replace(with: batch.values)
      sink += means.mean(of: 7)
    }
    var moments = ColumnMoments(columns: columns)
    report("mean, std, min, max and missing of every column") {
      moments.reset()
      moments.fold(batch.values)
      sink += moments.mean(of: 7)
    }
    // The results are used, or the optimiser would be free to leave the work out.
    precondition(sink.isFinite)
  }

  private static func matrix(_ random: inout SplitMix) -> Matrix {
    Matrix(rows: rows, columns: columns, values: (0..<rows * columns).map { _ in random.normal() })
  }

  private static func report(_ work: String, _ body: () -> Void) {
    let clock = ContinuousClock()
    let times = (0..<repetitions).map { _ in clock.measure(body) }.sorted()
    let (seconds, attoseconds) = times[repetitions / 2].components
    let nanoseconds = Double(seconds) * 1e9 + Double(attoseconds) / 1e9
    print(#"{"work": "\#(work)", "ns_per_value": \#(nanoseconds / Double(rows * columns))}"#)
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix {
  var state: UInt64

  mutating func normal() -> Double {
    (0..<12).reduce(-6.0) { sum, _ in
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return sum + Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
    }
  }
}
