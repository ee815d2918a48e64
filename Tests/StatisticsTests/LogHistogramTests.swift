import Statistics
import TestSupport
import Testing

@Suite struct LogHistogramTests {
  private func taken(
    _ values: some Sequence<Double>, accuracy: Double = LogHistogram.defaultAccuracy,
    limit: Int = LogHistogram.defaultBucketLimit
  ) -> LogHistogram {
    var histogram = LogHistogram(accuracy: accuracy, bucketLimit: limit)
    for value in values { histogram.add(value) }
    return histogram
  }

  /// The value that has this rank among all.
  private func exact(_ sorted: [Double], _ fraction: Double) -> Double {
    sorted[min(max(Int((fraction * Double(sorted.count)).rounded(.up)) - 1, 0), sorted.count - 1)]
  }

  /// Exact quantiles by numpy, and Datadog's DDSketch of the same values at the same accuracy.
  @Test func agreesWithNumpyAndDDSketch() throws {
    let cases = try SketchCases.part("latencies")
    #expect(cases.count == 5)
    for golden in cases {
      let values = try SketchCases.drawn(golden)
      let histogram = taken(values)
      let answers = zip(zip(golden.numbers("fractions"), golden.numbers("exact")), golden.numbers("ddsketch"))
      for ((fraction, exact), other) in answers {
        let (fraction, exact) = (try #require(fraction), try #require(exact))
        let own = histogram.quantile(fraction)
        let context = "\(golden["kind"].text ?? "") \(values.count) at \(fraction): \(own), \(exact)"
        #expect(abs(own - exact) <= 0.01 * abs(exact) * (1 + 1e-9), "\(context)")
        if let other { #expect(abs(own - other) <= 0.0203 * abs(exact), "\(context), \(other)") }
      }
      #expect(histogram.minimum == values.min() && histogram.maximum == values.max())
      #expect(histogram.quantile(0) == values.min() && histogram.quantile(1) == values.max())
    }
  }

  /// Every magnitude there is, at several accuracies: no value is answered beyond the stated error.
  @Test(arguments: [0.0005, 0.01, 0.05, 0.5]) func everyMagnitude(accuracy: Double) {
    var random = SeededGenerator(seed: 3)
    var values: [Double] = [.leastNormalMagnitude, .greatestFiniteMagnitude, 1, 0x1p-1000, 0x1p1000]
    values += [Double(1).nextDown, Double(1).nextUp, Double(2).nextDown, Double(2).nextUp]
    for _ in 0..<3_000 {
      let exponent = UInt64.random(in: 1...2_046, using: &random)
      values.append(Double(bitPattern: exponent << 52 | random.next() >> 12))
    }
    for value in values {
      for sign in [1.0, -1.0] {
        // Between two others, so that neither the minimum nor the maximum lends its exactness.
        var histogram = LogHistogram(accuracy: accuracy, bucketLimit: 65_536)
        for other in [value, -Double.greatestFiniteMagnitude, Double.greatestFiniteMagnitude] {
          histogram.add(sign * other)
        }
        guard histogram.accurateFrom(.plus) <= value, histogram.accurateFrom(.minus) <= value else {
          continue
        }
        let own = histogram.quantile(0.5)
        #expect(abs(own - sign * value) <= accuracy * value * (1 + 1e-9), "\(sign * value): \(own)")
      }
    }
  }

  @Test func zerosAndSigns() {
    let histogram = taken([-4, -2, 0, -0.0, Double.leastNonzeroMagnitude, 3, 7])
    #expect(histogram.zeros == 3 && histogram.count == 7)
    let wanted = [-4.0, -2, 0, 0, 0, 3, 7]
    for (index, want) in wanted.enumerated() {
      let own = histogram.quantile((Double(index) + 0.5) / 7)
      #expect(abs(own - want) <= 0.01 * abs(want), "\(index): \(own)")
    }
  }

  /// Beyond the limit the lowest are given up: no more memory, the top exact to the accuracy as before.
  @Test func collapsesTheLowest() throws {
    let values = try SketchCases.drawn("heavy", seed: 4, count: 20_000)
    let histogram = taken(values, limit: 512)
    #expect(histogram.bytes <= (512 + 2 * 64) * 8)
    let from = histogram.accurateFrom(.plus)
    #expect(from > 0 && taken(values).accurateFrom(.plus) == 0)
    let sorted = values.sorted()
    var held = 0
    for step in 1..<1_000 {
      let want = exact(sorted, Double(step) / 1_000)
      let own = histogram.quantile(Double(step) / 1_000)
      if want >= from {
        held += 1
        #expect(abs(own - want) <= 0.01 * want * (1 + 1e-9))
      } else {
        #expect(own <= from)
      }
    }
    #expect(held > 100 && held < 900)
  }

  /// Parts merged in any order, and values taken in any order, are the very same histogram.
  @Test(arguments: [UInt64(1), 2, 3, 4]) func mergeIsExact(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for limit in [64, 512, 2_048] {
      let kind = ["heavy", "signed", "steps"][Int(seed) % 3]
      let values = try SketchCases.drawn(kind, seed: seed, count: 4_000).map { $0 * abs($0) }
      let whole = taken(values, limit: limit)
      var parts: [LogHistogram] = []
      var start = 0
      while start < values.count {
        let end = min(values.count, start + Int.random(in: 1...900, using: &random))
        parts.append(taken(values[start..<end], limit: limit))
        start = end
      }
      var merged = LogHistogram(bucketLimit: limit)
      for part in parts.shuffled(using: &random) { merged.merge(part) }
      #expect(merged == whole, "seed \(seed), limit \(limit)")
      #expect(taken(values.shuffled(using: &random), limit: limit) == whole, "seed \(seed), limit \(limit)")
      #expect(LogHistogram(bucketLimit: limit, state: whole.state) == whole, "seed \(seed), limit \(limit)")
    }
  }

  @Test func emptyAndNotFinite() {
    var histogram = LogHistogram()
    #expect(histogram.quantile(0.5).isNaN && histogram.count == 0 && histogram.bytes == 0)
    #expect(!histogram.add(.nan) && !histogram.add(.infinity) && !histogram.add(-.infinity))
    #expect(LogHistogram(state: histogram.state) == histogram && histogram == LogHistogram())
    histogram.add(12)
    #expect(histogram.quantile(0.5) == 12 && histogram.quantile(.nan).isNaN)
  }

  @Test func garbageIsRefusedOrHarmless() throws {
    for (kind, limit) in [("heavy", 64), ("signed", 256), ("steps", 2_048)] {
      let histogram = taken(try SketchCases.drawn(kind, seed: 6, count: 2_000), limit: limit)
      let state = histogram.state
      #expect(LogHistogram(bucketLimit: limit, state: state) == histogram)
      #expect(LogHistogram(accuracy: 0.02, bucketLimit: limit, state: state) == nil)
      #expect(LogHistogram(bucketLimit: limit + 1, state: state) == nil)
      for broken in SketchCases.broken(state) {
        #expect(LogHistogram(bucketLimit: limit, state: broken) == nil, "\(kind) \(broken.count)")
      }
      for index in state.indices {
        for odd in [Double.nan, .infinity, -1e300, 0.7] {
          var garbled = state
          garbled[index] = odd
          // A minimum among what was given up, which nothing that is kept can gainsay.
          if index == 3 && odd == 0.7 && histogram.accurateFrom(.plus) > 1 { continue }
          #expect(LogHistogram(bucketLimit: limit, state: garbled) == nil, "\(kind): \(odd) at \(index)")
        }
      }
      for garbled in SketchCases.garbled(state, seed: 3, count: 2_000) {
        guard var odd = LogHistogram(bucketLimit: limit, state: garbled) else { continue }
        for value in [0, 1e-300, -1e300, 4, 1e300] { odd.add(value) }
        odd.merge(histogram)
        #expect(!odd.quantile(0.5).isNaN)
      }
    }
  }
}
