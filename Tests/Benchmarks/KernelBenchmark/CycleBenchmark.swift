import Events
import Foundation
import Monitoring
import Statistics

/// One batch for each of many models, by preset `standard`: what a fleet's cycle costs.
struct CycleBenchmark {
  let models: Int
  let columns: Int
  let rows: Int
  private static let cycles = 5

  func time() throws {
    var random = SplitMix(state: 1)
    // A few tables that go round, far larger together than the processor's caches.
    let tables = (0..<4).map { _ in
      FeatureBatch(
        names: nil,
        matrix: Matrix(
          rows: rows, columns: columns, values: (0..<rows * columns).map { _ in random.normal() }))
    }
    let baseline = FeatureBaseline(tables[0], isDetailed: true)
    var monitors = (0..<models).map { _ in
      var monitor = DriftMonitor(settings: DriftSettings(), standard: StandardSettings())
      monitor.setBaseline(baseline)
      return monitor
    }
    let before = Self.residentBytes
    let clock = ContinuousClock()
    var spent: [Duration] = []
    var drifted = 0
    for cycle in 0..<Self.cycles {
      spent.append(
        try clock.measure {
          for model in monitors.indices {
            let outcome = try monitors[model].observeStandard(
              tables[(model + cycle) % tables.count], at: Timestamp(nanoseconds: Int64(cycle)),
              tested: models * columns, driftedElsewhere: 0)
            drifted += outcome.assessment?.driftedCount ?? 0
          }
        })
    }
    precondition(drifted == 0, "the population did not change")
    spent.sort()
    let seconds = spent[spent.count / 2] / .seconds(1)
    print(
      #"{"work": "cycle", "models": \#(models), "columns": \#(columns), "rows": \#(rows), "#
        + #""seconds": \#(seconds), "ns_per_value": \#(seconds * 1e9 / Double(models * columns * rows)), "#
        + #""resident_bytes_per_feature": \#(Double(before) / Double(models * columns))}"#)
  }

  /// Of this process, by the kernel.
  private static var residentBytes: Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 4_096 } ?? 0
  }
}
