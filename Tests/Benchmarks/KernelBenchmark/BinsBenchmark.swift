import Detection
import Statistics

/// Times the detector of bins on a table of features: counting, and judging with all starts in use.
struct BinsBenchmark {
  let rows: Int
  let columns: Int
  let format: NumberFormat

  func time() {
    var random = SplitMix(state: 1)
    let reference = (0..<1_000 * columns).map { _ in random.normal() }
    let values = (0..<rows * columns).map { _ in random.normal() }
    let references = reference.withUnsafeBytes { ReferenceBins.columns(of: $0, .float64, columns: columns) }
    let use = { (bytes: UnsafeRawBufferPointer) in
      report(references, bytes)
    }
    if format == .float64 {
      values.withUnsafeBytes(use)
    } else {
      values.map(Float.init).withUnsafeBytes(use)
    }
  }

  private func report(_ references: [ReferenceBins], _ bytes: UnsafeRawBufferPointer) {
    var detector = BinsDetector(references)
    let counting = Shape.median {
      detector.bins.reset()
      detector.bins.count(bytes, format, rows: rows, columns: columns)
    }
    // After 64 batches a feature has all its starts.
    for _ in 0..<64 {
      detector.bins.reset()
      detector.bins.count(bytes, format, rows: rows, columns: columns)
      detector.judge()
    }
    let both = Shape.median {
      detector.bins.reset()
      detector.bins.count(bytes, format, rows: rows, columns: columns)
      detector.judge()
    }
    precondition(detector.verdicts.allSatisfy { $0.score.isFinite })
    let type = format == .float64 ? "FP64" : "FP32"
    print(
      #"{"work": "bins", "rows": \#(rows), "columns": \#(columns), "datatype": "\#(type)", "#
        + #""ns_per_value": \#(counting / Double(rows * columns)), "#
        + #""us_per_feature": \#((both - counting) / Double(columns) / 1e3), "#
        + #""bytes_per_feature": \#(detector.bytesPerFeature), "#
        // Of what a checkpoint writes.
        + #""state_bytes_per_feature": \#(detector.state(of: 0).count)}"#)
  }
}
