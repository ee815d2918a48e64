import Statistics
import TestSupport
import Testing

@Suite struct QuantileSketchTests {
  private func taken(
    _ values: some Sequence<Double>, capacity: Int = QuantileSketch.defaultCapacity, seed: UInt64 = 1
  ) -> QuantileSketch {
    var sketch = QuantileSketch(capacity: capacity, seed: seed)
    for value in values { sketch.add(value) }
    return sketch
  }

  /// Exact ranks by numpy and estimates of DataSketches' KLL sketch of the same values.
  @Test func agreesWithNumpyAndDataSketches() throws {
    let cases = try SketchCases.part("quantiles")
    #expect(cases.count == 5)
    for golden in cases {
      let values = try SketchCases.drawn(golden)
      let sketch = taken(values)
      let ranked = sketch.ranked
      let error = values.count > sketch.capacity ? sketch.rankError : 0
      #expect(try abs(sketch.rankError - golden.value("error")) < 1e-5)
      let answers = zip(
        zip(golden.numbers("points"), golden.numbers("ranks")), golden.numbers("datasketches"))
      for ((point, rank), other) in answers {
        let (point, rank, other) = (try #require(point), try #require(rank), try #require(other))
        let context = "\(golden["kind"].text ?? "") \(values.count) at \(point)"
        #expect(abs(ranked.rank(point) - rank) <= error, "\(context): \(ranked.rank(point)), \(rank)")
        #expect(abs(ranked.rank(point) - other) <= 2 * error, "\(context): \(ranked.rank(point)), \(other)")
      }
      // A quantile's own rank, by counting: what is below is no more, what is up to it is no less.
      for step in 1..<20 {
        let value = ranked.quantile(Double(step) / 20)
        let below = Double(values.count { $0 < value }) / Double(values.count)
        let upTo = Double(values.count { $0 <= value }) / Double(values.count)
        #expect(below <= Double(step) / 20 + error && upTo >= Double(step) / 20 - error)
      }
      #expect(sketch.minimum == values.min() && sketch.maximum == values.max())
      #expect(ranked.quantile(0) == values.min() && ranked.quantile(1) == values.max())
    }
  }

  /// The stated error, over many sketches: at most 1 query in 100 beyond it; and the memory.
  @Test(arguments: [32, 128, 512]) func errorIsAsStated(capacity: Int) throws {
    var (beyond, queries) = (0, 0)
    for seed in 0..<(UInt64(40)) {
      let values = try SketchCases.drawn("uniform", seed: 1_000 + seed, count: 5_000)
      let sketch = taken(values, capacity: capacity, seed: seed)
      #expect(sketch.state.count < 3 * capacity + 8 * 16 + 24, "seed \(seed)")
      let ranked = sketch.ranked
      let sorted = values.sorted()
      for step in 1..<20 {
        let exact = Double(step) / 20
        queries += 1
        if abs(ranked.rank(sorted[5_000 * step / 20 - 1]) - exact) > sketch.rankError { beyond += 1 }
      }
    }
    #expect(beyond * 100 <= queries, "\(beyond) of \(queries)")
  }

  /// Sorted input, the hard case for sampling, ascending and descending.
  @Test func orderDoesNotMatterMuch() {
    for values in [(0..<20_000).map { Double($0) }, (0..<20_000).reversed().map { Double($0) }] {
      let ranked = taken(values).ranked
      for step in 1..<20 {
        #expect(abs(ranked.rank(Double(step * 1_000 - 1)) - Double(step) / 20) <= taken([]).rankError)
      }
    }
  }

  /// Parts of any lengths, merged, keep the error of the whole; and the weight of every value.
  @Test(arguments: [UInt64(1), 2, 3]) func mergedPartsKeepTheError(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let values = try SketchCases.drawn("heavy", seed: 2_000 + seed, count: 20_000)
    var merged = QuantileSketch(capacity: 256, seed: seed)
    var start = 0
    while start < values.count {
      let end = min(values.count, start + [1, 50, 700, 6_000][Int.random(in: 0..<4, using: &random)])
      merged.merge(taken(values[start..<end], capacity: 256, seed: random.next()))
      start = end
    }
    #expect(merged.count == values.count, "seed \(seed)")
    #expect(merged.minimum == values.min() && merged.maximum == values.max())
    #expect(merged.state.count < 3 * 256 + 8 * 16 + 24)
    let sorted = values.sorted()
    var worst = 0.0
    for step in 1..<20 {
      worst = max(worst, abs(merged.rank(sorted[20_000 * step / 20 - 1]) - Double(step) / 20))
    }
    #expect(worst <= 1.5 * merged.rankError, "seed \(seed): \(worst)")
    #expect(QuantileSketch(capacity: 256, state: merged.state) == merged)
  }

  @Test func sameSeedSameSketch() throws {
    let values = try SketchCases.drawn("signed", seed: 7, count: 10_000)
    #expect(taken(values, seed: 5) == taken(values, seed: 5))
    #expect(taken(values, seed: 5) != taken(values, seed: 6))
    // A copy from the state goes on as the original.
    var original = taken(values[..<6_001], seed: 5)
    var copy = try #require(QuantileSketch(state: original.state))
    #expect(copy == original)
    for value in values[6_001...] {
      original.add(value)
      copy.add(value)
    }
    #expect(copy == original && original == taken(values, seed: 5))
  }

  @Test func emptyAndNotFinite() {
    var sketch = QuantileSketch()
    #expect(sketch.quantile(0.5).isNaN && sketch.rank(1).isNaN)
    #expect(!sketch.add(.nan) && !sketch.add(.infinity) && !sketch.add(-.infinity))
    #expect(sketch == QuantileSketch() && QuantileSketch(state: sketch.state) == sketch)
    sketch.add(3)
    #expect(sketch.quantile(0) == 3 && sketch.quantile(0.5) == 3 && sketch.quantile(.nan).isNaN)
    #expect(sketch.rank(2) == 0 && sketch.rank(3) == 1 && sketch.rank(.nan).isNaN)
  }

  @Test func garbageIsRefusedOrHarmless() throws {
    let sketch = taken(try SketchCases.drawn("steps", seed: 8, count: 3_000), capacity: 16)
    let state = sketch.state
    #expect(QuantileSketch(capacity: 16, state: state) == sketch)
    #expect(QuantileSketch(capacity: 17, state: state) == nil)
    for broken in SketchCases.broken(state) { #expect(QuantileSketch(capacity: 16, state: broken) == nil) }
    for index in state.indices {
      for odd in [Double.nan, .infinity, 1e300] {
        var garbled = state
        garbled[index] = odd
        if index == 3 && odd == 1e300 { continue }  // A maximum that nobody can gainsay.
        #expect(QuantileSketch(capacity: 16, state: garbled) == nil, "\(odd) at \(index)")
      }
    }
    for garbled in SketchCases.garbled(state, seed: 2, count: 3_000) {
      guard var odd = QuantileSketch(capacity: 16, state: garbled) else { continue }
      for value in 0..<100 { odd.add(Double(value)) }
      odd.merge(sketch)
      #expect(!odd.quantile(0.5).isNaN)
    }
    // Counts at the limit: what would go beyond is refused.
    var full = try #require(
      QuantileSketch(
        capacity: 16, state: [16, 0x1p53, 5, 5, 0, 0, 54] + [Double](repeating: 0, count: 53) + [1, 5]))
    #expect(!full.add(5) && !full.merge(sketch) && full.count == 1 << 53 && full.quantile(0.3) == 5)
  }
}
