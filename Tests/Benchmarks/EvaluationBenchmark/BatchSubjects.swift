import Detection
import Statistics

extension Recipe {
  static func bins(rows: Int) -> Recipe {
    Recipe(
      name: "bins of \(rows)", referenceRows: 1_000, rowsPerObservation: rows, isMadeForRunLength: true
    ) { length, reference in Batches(reference, rows: rows, batchesPerFalseAlarm: length) }
  }
}

/// Batches of one feature against a reference.
struct Batches: Subject {
  private var detector: BinsDetector
  private var batch: [Double] = []
  private let rows: Int

  init(_ reference: [Double], rows: Int, batchesPerFalseAlarm: Double) {
    let correlations = reference.withUnsafeBytes { LagCorrelation.columns(of: $0, .float64, columns: 1) }
    detector = BinsDetector(
      [ReferenceBins(sample: reference)], dependence: correlations.map(LagCorrelation.dependence),
      settings: .init(batchesPerFalseAlarm: batchesPerFalseAlarm))
    self.rows = rows
    batch.reserveCapacity(rows)
  }

  mutating func next(_ row: UnsafeBufferPointer<Double>) -> Double {
    batch.append(row[0])
    guard batch.count == rows else { return -.infinity }
    batch.withUnsafeBytes { detector.bins.count($0, .float64, rows: rows, columns: 1) }
    batch.removeAll(keepingCapacity: true)
    detector.judge()
    return detector.verdicts[0].isDrifted ? .infinity : -.infinity
  }
}
