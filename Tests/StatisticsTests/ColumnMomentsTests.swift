import Statistics
import TestSupport
import Testing

@Suite struct ColumnMomentsTests {
  /// Mean, variance, extremes and count by the book, two passes, one value at a time.
  private struct Naive {
    var count = 0
    var mean = Double.nan
    var deviation = Double.nan
    var minimum = Double.infinity
    var maximum = -Double.infinity

    init(_ values: [Double]) {
      let present = values.filter(\.isFinite)
      count = present.count
      guard count > 0 else { return }
      mean = present.reduce(0, +) / Double(count)
      let mean = mean
      deviation = (present.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)).squareRoot()
      minimum = present.min()!
      maximum = present.max()!
    }
  }

  private func expectAgreement(
    _ moments: ColumnMoments, _ values: [Double], columns: Int, _ context: String, scale: Double = 1
  ) {
    for column in 0..<columns {
      let own = stride(from: column, to: values.count, by: columns).map { values[$0] }
      let naive = Naive(own)
      #expect(moments.present(in: column) == naive.count, "\(context) column \(column)")
      #expect(moments.missing(in: column) == own.count - naive.count, "\(context) column \(column)")
      #expect(moments.minimum(of: column) == naive.minimum, "\(context) column \(column)")
      #expect(moments.maximum(of: column) == naive.maximum, "\(context) column \(column)")
      guard naive.count > 0 else {
        #expect(moments.mean(of: column).isNaN && moments.standardDeviation(of: column).isNaN)
        continue
      }
      #expect(abs(moments.mean(of: column) - naive.mean) <= 1e-12 * scale, "\(context) column \(column)")
      #expect(
        abs(moments.standardDeviation(of: column) - naive.deviation) <= 1e-9 * scale,
        "\(context) column \(column)")
    }
  }

  /// Every shape around the kernel's blocks and tiles, with and without missing values.
  @Test(arguments: [UInt64(1), 2, 3]) func agreesWithTheNaiveOracle(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      let rows = Int.random(in: 1...40, using: &random)
      let columns = Int.random(in: 1...40, using: &random)
      let missing = [0, 0.1, 0.9][Int.random(in: 0..<3, using: &random)]
      let values = (0..<rows * columns).map { _ in
        Double.random(in: 0..<1, using: &random) < missing
          ? [Double.nan, .infinity, -.infinity].randomElement(using: &random)! : random.normal()
      }
      var moments = ColumnMoments(columns: columns)
      moments.fold(values)
      expectAgreement(
        moments, values, columns: columns, "seed \(seed), \(rows) × \(columns), missing \(missing)")
      // The kernel for means alone sees the same columns, whatever it measures from.
      let origin = (0..<columns).map { _ in [0, .nan, random.normal()].randomElement(using: &random)! }
      var means = ColumnMeans(origin: origin)
      means.replace(with: [Double](repeating: 9, count: columns))
      means.replace(with: values)
      for column in 0..<columns {
        #expect(means.present(in: column) == moments.present(in: column))
        guard means.present(in: column) > 0 else {
          #expect(means.mean(of: column).isNaN)
          continue
        }
        #expect(abs(means.mean(of: column) - moments.mean(of: column)) < 1e-12)
      }
    }
  }

  /// Batches folded one after another are the whole.
  @Test func foldsInPieces() {
    var random = SeededGenerator(seed: 4)
    let columns = 11
    let values = (0..<1_000 * columns).map { _ in random.normal() }
    var moments = ColumnMoments(columns: columns)
    var start = 0
    while start < 1_000 {
      let rows = min(Int.random(in: 1...70, using: &random), 1_000 - start)
      moments.fold(Array(values[start * columns..<(start + rows) * columns]))
      start += rows
    }
    #expect(moments.rows == 1_000)
    expectAgreement(moments, values, columns: columns, "in pieces")
  }

  /// A mean of 1e15 keeps a deviation of 1; sums of squares would have lost it.
  @Test func largeMeanKeepsItsDeviation() {
    let values = (0..<999).map { 1e15 + Double($0 % 3) - 1 }
    var moments = ColumnMoments(columns: 1)
    moments.fold(values)
    #expect(abs(moments.standardDeviation(of: 0) - (2.0 / 3).squareRoot()) < 0.01)
  }

  /// An outlier in the first row costs the others no digits.
  @Test func outlierInTheFirstRow() {
    var random = SeededGenerator(seed: 5)
    let values = [1e9] + (0..<1_000).map { _ in random.normal() }
    var moments = ColumnMoments(columns: 1)
    moments.fold(values)
    expectAgreement(moments, values, columns: 1, "outlier", scale: 1e3)
  }

  @Test func unalignedMemory() {
    let columns = 19
    let values = (0..<columns * 17).map { Double($0 * 7 % 31) }
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: values.count * 8 + 3, alignment: 64)
    defer { bytes.deallocate() }
    values.withUnsafeBytes { (bytes + 3).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    var moments = ColumnMoments(columns: columns)
    moments.fold(UnsafeRawPointer(bytes + 3).assumingMemoryBound(to: Double.self), rows: 17)
    expectAgreement(moments, values, columns: columns, "unaligned")
  }

  /// ∞ · 0 must not stand in for a deviation, however large the mean.
  @Test func hugeConstantColumnHasNoDeviation() {
    var moments = ColumnMoments(columns: 1)
    moments.fold([Double](repeating: 1e160, count: 100))
    #expect(moments.mean(of: 0) == 1e160 && moments.standardDeviation(of: 0) == 0)
  }

  @Test func resetForgets() {
    var moments = ColumnMoments(columns: 3)
    moments.fold([1, 2, 3, 4, 5, 6])
    moments.reset()
    #expect(moments == ColumnMoments(columns: 3))
  }
}
