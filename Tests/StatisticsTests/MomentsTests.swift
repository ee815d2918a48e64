import Statistics
import TestSupport
import Testing

@Suite struct MomentsTests {
  private func taken(_ values: some Sequence<Double>) -> Moments {
    var moments = Moments()
    for value in values { moments.add(value) }
    return moments
  }

  /// numpy's moments of the same values: whole, in merged parts of uneven lengths, and by columns.
  @Test func agreesWithNumpy() throws {
    let cases = try SketchCases.part("moments")
    #expect(cases.count == 5)
    for golden in cases {
      let values = try SketchCases.drawn(golden)
      var parts = Moments()
      var columns = ColumnMoments(columns: 1)
      var start = 0
      while start < values.count {
        let end = min(values.count, start + 1 + start / 3)
        parts.merge(taken(values[start..<end]))
        var piece = ColumnMoments(columns: 1)
        piece.fold(Array(values[start..<end]))
        columns.merge(piece)
        start = end
      }
      // Variances of numbers near 1e9 keep half of their digits, whoever computes them.
      let (mean, deviation) = (try golden.value("mean"), try golden.value("std"))
      for (way, moments) in [
        ("whole", taken(values)), ("parts", parts), ("columns", Moments(columns, column: 0)),
      ] {
        let context = "\(golden["kind"].text ?? "") \(way)"
        #expect(moments.count == values.count, "\(context)")
        #expect(agree(moments.mean, mean, tolerance: 1e-13), "\(context): \(moments.mean), \(mean)")
        #expect(
          abs(moments.standardDeviation - deviation) <= 1e-12 * deviation + 1e-16 * abs(mean),
          "\(context): \(moments.standardDeviation), \(deviation)")
        #expect(try moments.minimum == golden.value("min") && moments.maximum == golden.value("max"))
      }
    }
  }

  /// Random parts with missing values and empty columns, merged in random order, are the whole to rounding.
  @Test(arguments: [UInt64(1), 2, 3]) func mergedColumnsAreTheWhole(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<50 {
      let columns = Int.random(in: 1...7, using: &random)
      let gap = Int.random(in: 0..<columns, using: &random)
      var whole = ColumnMoments(columns: columns)
      var parts: [ColumnMoments] = []
      for _ in 0..<Int.random(in: 1...9, using: &random) {
        let rows = Int.random(in: 0...50, using: &random)
        let isGapped = Bool.random(using: &random)
        let values = (0..<rows * columns).map { index in
          isGapped && index % columns == gap || random.next() % 10 == 0 ? Double.nan : 100 + random.normal()
        }
        var part = ColumnMoments(columns: columns)
        part.fold(values)
        whole.fold(values)
        parts.append(part)
      }
      var merged = ColumnMoments(columns: columns)
      for part in parts.shuffled(using: &random) { merged.merge(part) }
      #expect(merged.rows == whole.rows, "seed \(seed)")
      for column in 0..<columns {
        #expect(merged.present(in: column) == whole.present(in: column), "seed \(seed)")
        #expect(merged.missing(in: column) == whole.missing(in: column), "seed \(seed)")
        #expect(merged.minimum(of: column) == whole.minimum(of: column), "seed \(seed)")
        #expect(merged.maximum(of: column) == whole.maximum(of: column), "seed \(seed)")
        guard whole.present(in: column) > 0 else {
          #expect(merged.mean(of: column).isNaN, "seed \(seed)")
          continue
        }
        #expect(abs(merged.mean(of: column) - whole.mean(of: column)) < 1e-12, "seed \(seed)")
        #expect(
          abs(merged.standardDeviation(of: column) - whole.standardDeviation(of: column)) < 1e-12,
          "seed \(seed)")
      }
    }
  }

  @Test func onlyFiniteValuesAreTaken() {
    var moments = Moments()
    #expect(!moments.add(.nan) && !moments.add(.infinity) && !moments.add(-.infinity))
    #expect(moments == Moments() && moments.mean.isNaN && moments.standardDeviation.isNaN)
    #expect(moments.add(3) && moments.mean == 3 && moments.standardDeviation == 0)
  }

  /// The ends of the doubles: a mean that is finite, a deviation that is not a NaN.
  @Test func hugeValuesAreNoNaN() {
    let huge = Double.greatestFiniteMagnitude
    var moments = taken([huge, -huge, huge, -huge])
    #expect(abs(moments.mean) <= huge * 1e-15 && moments.standardDeviation == .infinity)
    moments.merge(taken([huge]))
    #expect(moments.mean.isFinite && moments.standardDeviation == .infinity)
    #expect(Moments(state: moments.state) == moments)
    #expect(taken([1e160, 1e160]).standardDeviation == 0)
  }

  @Test func stateGoesRoundAndGarbageIsRefused() {
    let moments = taken((0..<100).map { Double($0 * $0 % 17) })
    #expect(Moments(state: moments.state) == moments)
    #expect(Moments(state: Moments().state) == Moments())
    for state in SketchCases.broken(moments.state) { #expect(Moments(state: state) == nil, "\(state)") }
    #expect(Moments(state: [2, 1, -1, 0, 2]) == nil && Moments(state: [2, 1, 1, 2, 0]) == nil)
    for state in SketchCases.garbled(moments.state, seed: 1, count: 2_000) {
      guard var odd = Moments(state: state) else { continue }
      odd.add(1)
      odd.merge(moments)
      #expect(!odd.mean.isNaN || odd.count == 0, "\(state)")
    }
  }

  @Test func columnStateWithCountsOfNoRowsIsRefused() {
    #expect(ColumnMoments(columns: 1, rows: 2, state: [2, 1, 1, 0, 2]) != nil)
    for count in [Double.nan, -1, 0.5, 3, 1e300, .infinity] {
      #expect(ColumnMoments(columns: 1, rows: 2, state: [count, 1, 1, 0, 2]) == nil, "\(count)")
    }
    #expect(ColumnMoments(columns: 1, rows: .max, state: [2, 1, 1, 0, 2]) == nil)
  }
}
