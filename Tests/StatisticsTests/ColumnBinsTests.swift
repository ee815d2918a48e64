import TestSupport
import Testing

@testable import Statistics

@Suite struct ColumnBinsTests {
  private static func append(_ value: Double, _ format: NumberFormat, to bytes: inout [UInt8]) {
    func append(_ value: some Any) { withUnsafeBytes(of: value) { bytes += $0 } }
    switch format {
    case .float64: append(value)
    case .float32: append(Float(value))
    case .int64: append(Int64(value))
    case .int32: append(Int32(value))
    case .bool: append(value == 0 ? UInt8(0) : UInt8(Int.random(in: 1...255)))
    }
  }

  /// A value that the format can hold.
  private static func draw(_ format: NumberFormat, _ random: inout SeededGenerator) -> Double {
    let missing = [Double.nan, .infinity, -.infinity].randomElement(using: &random)!
    let isMissing = Int.random(in: 0..<9, using: &random) == 0
    switch format {
    case .float64: return isMissing ? missing : random.normal()
    case .float32: return isMissing ? missing : Double(Float(random.normal()))
    case .int64, .int32: return Double(Int.random(in: -30...30, using: &random))
    case .bool: return Double(Int.random(in: 0...1, using: &random))
    }
  }

  /// Any shape around the kernel's blocks and tiles, in any format, anywhere in the table, at any address,
  /// value by value against comparisons.
  @Test(arguments: NumberFormat.allCases) func countsAgreeWithTheNaiveOracle(format: NumberFormat) {
    for seed in UInt64(1)...20 {
      var random = SeededGenerator(seed: seed)
      let columns = Int.random(in: 1...40, using: &random)
      let references = (0..<columns).map { _ in
        let rows = [0, 1, 5, 100].randomElement(using: &random)!
        return ReferenceBins(sample: (0..<rows).map { _ in Self.draw(format, &random) })
      }
      var bins = ColumnBins(references)
      var expected = references.map { [UInt32](repeating: 0, count: $0.counts.count) }
      let cut = Int.random(in: 0..<columns, using: &random)
      for (first, width) in [(0, cut), (cut, columns - cut)] where width > 0 {
        let rows = Int.random(in: 0...150, using: &random)
        var bytes = [UInt8](repeating: 0, count: 3)
        for _ in 0..<rows {
          for column in first..<first + width {
            let value = Self.draw(format, &random)
            Self.append(value, format, to: &bytes)
            let bin = value.isFinite ? 1 + references[column].edges.count { value >= $0 } : 0
            expected[column][bin] += 1
          }
        }
        bytes.withUnsafeBytes {
          bins.count(.init(rebasing: $0[3...]), format, rows: rows, columns: width, at: first)
        }
      }
      for column in 0..<columns {
        #expect(bins.counts(of: column) == expected[column], "seed \(seed), column \(column) of \(columns)")
        #expect(bins.referenceCounts(of: column) == references[column].counts)
        #expect(bins.isEmpty(column) == expected[column].allSatisfy { $0 == 0 })
      }
      bins.reset()
      #expect(bins == ColumnBins(references))
    }
  }

  @Test func quantilesAreEquallyLikely() {
    var random = SeededGenerator(seed: 1)
    let bins = ReferenceBins(sample: (0..<1_000).map { _ in random.normal() } + [.nan, .infinity])
    #expect(bins.counts == [2] + [UInt32](repeating: 50, count: 20))
  }

  /// However the sample is tied: edges ascend, are few, and counts are those of the values.
  @Test func edgesOfAnySampleAreEdges() throws {
    for seed in UInt64(1)...100 {
      var random = SeededGenerator(seed: seed)
      let spread = Int.random(in: 1...60, using: &random)
      let scale = [1, 1e-300, 1e307, 0.1].randomElement(using: &random)!
      let sample = (0..<Int.random(in: 0...300, using: &random)).map { _ in
        (Double(Int.random(in: 0...spread, using: &random)) * scale)
          * (Bool.random(using: &random) ? 1 : Double(Int.random(in: 0...1, using: &random)))
      }
      let bins = ReferenceBins(sample: sample)
      #expect(ReferenceBins(edges: bins.edges, counts: bins.counts) == bins, "seed \(seed): \(bins)")
      #expect(bins.count(sample) == bins.counts, "seed \(seed)")
      let distinct = Set(sample.filter(\.isFinite))
      if distinct.count <= 20 {
        let places = distinct.map { bins.count([$0]) }
        #expect(Set(places).count == distinct.count, "seed \(seed): a bin for each of \(distinct)")
      }
    }
  }

  /// However near, another value is elsewhere than the constant.
  @Test(arguments: [3.0, 0, -1e300, Double.leastNonzeroMagnitude, .greatestFiniteMagnitude])
  func constantHasABinOfItsOwn(constant: Double) {
    let bins = ReferenceBins(sample: [Double](repeating: constant, count: 100))
    let own = bins.counts.firstIndex(of: 100)
    #expect(own.map { bins.count([constant])[$0] } == 1)
    for other in [constant.nextUp, constant.nextDown] where other.isFinite {
      #expect(own.map { bins.count([other])[$0] } == 0, "\(other) beside \(constant)")
    }
  }

  /// A column that is mostly one value, beside many others.
  @Test func heavyValueHasABinOfItsOwn() {
    var random = SeededGenerator(seed: 2)
    let sample = (0..<1_000).map { $0 % 2 == 0 ? 0 : random.normal() }
    let bins = ReferenceBins(sample: sample)
    #expect(bins.counts.contains(500))
    #expect(bins.counts.dropFirst().max() == 500)
    #expect(bins.edges.count > 10 && bins.edges.count <= 19)
  }

  @Test func columnsOfAMatrixAreItsColumns() {
    var random = SeededGenerator(seed: 3)
    let (rows, columns) = (57, 70)
    let values = (0..<rows * columns).map { _ in Float(random.normal()) }
    let bins = values.withUnsafeBytes { ReferenceBins.columns(of: $0, .float32, columns: columns) }
    #expect(bins.count == columns)
    for column in 0..<columns {
      let own = (0..<rows).map { Double(values[$0 * columns + column]) }
      #expect(bins[column] == ReferenceBins(sample: own))
    }
  }

  @Test func whatIsNoReferenceIsRefused() {
    let edges = (0..<20).map(Double.init)
    let counts = [UInt32](repeating: 1, count: 22)
    #expect(ReferenceBins(edges: Array(edges[..<19]), counts: Array(counts[..<21])) != nil)
    #expect(ReferenceBins(edges: edges, counts: counts) == nil, "too many")
    #expect(ReferenceBins(edges: [1, 1], counts: [0, 0, 0, 0]) == nil, "not ascending")
    #expect(ReferenceBins(edges: [.nan], counts: [0, 0, 0]) == nil)
    #expect(ReferenceBins(edges: [.infinity], counts: [0, 0, 0]) == nil)
    #expect(ReferenceBins(edges: [1], counts: [0, 0]) == nil)
    #expect(ReferenceBins(edges: [], counts: [.max, .max]) == nil, "too many rows")
    #expect(ReferenceBins(categories: [1]) == nil)
    #expect(ReferenceBins(categories: counts) != nil)
    #expect(ReferenceBins(categories: counts + [1]) == nil)
  }

  @Test func countsBeyondTheBoundAreHalved() {
    var bins = ColumnBins([ReferenceBins(categories: [1, 1, 1])!])
    bins.replaceCounts(of: 0, with: [.max, 4, .max])
    #expect(bins.counts(of: 0) == [.max >> 3, 0, .max >> 3])
  }

  /// A shift of one deviation is 1/1.349 interquartile ranges, and half a deviation half of it.
  @Test func distanceIsInInterquartileRanges() throws {
    var random = SeededGenerator(seed: 4)
    let bins = ReferenceBins(sample: (0..<5_000).map { _ in random.normal() })
    #expect(bins.distance(of: bins.counts) == 0)
    for shift in [0.2, 0.5] {
      let batch = bins.count((0..<5_000).map { _ in shift + random.normal() })
      #expect(abs(bins.distance(of: batch) - shift / 1.349) < 0.15 * shift + 0.02, "shift \(shift)")
    }
    #expect(ReferenceBins(sample: []).distance(of: [1, 2]).isNaN)
  }

  /// A first-order autoregression has its own coefficient, and its factor.
  @Test func lagCorrelationOfColumns() {
    var random = SeededGenerator(seed: 5)
    let coefficients = [0, 0.5, 0.9, -0.5]
    var row = [Double](repeating: 0, count: 6)
    var values: [Double] = []
    for index in 0..<5_000 {
      for column in 0..<4 { row[column] = coefficients[column] * row[column] + random.normal() }
      row[4] = 3
      row[5] = index % 7 == 0 ? .nan : Double(index)
      values += row
    }
    let found = values.withUnsafeBytes { LagCorrelation.columns(of: $0, .float64, columns: 6) }
    for column in 0..<4 { #expect(abs(found[column] - coefficients[column]) < 0.05, "\(found)") }
    #expect(found[4] == 0, "no deviation")
    #expect(found[5] > 0.8, "pairs beside a missing value are left out")
    #expect(LagCorrelation.dependence(0.5) == 3)
    #expect(LagCorrelation.dependence(0.04) == 1 && LagCorrelation.dependence(-0.5) == 1)
    #expect(LagCorrelation.dependence(1) == LagCorrelation.dependence(0.98))
  }
}
