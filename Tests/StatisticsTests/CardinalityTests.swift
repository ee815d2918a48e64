import Foundation
import Statistics
import TestSupport
import Testing

@Suite struct CardinalityTests {
  private func taken(
    _ values: some Sequence<Double>, precision: Int = Cardinality.defaultPrecision
  ) -> Cardinality {
    var cardinality = Cardinality(precision: precision)
    for value in values { cardinality.add(hash: StableHash.of(value)) }
    return cardinality
  }

  /// True numbers of distinct values by numpy, and the estimates of DataSketches' HyperLogLog.
  @Test func agreesWithNumpyAndDataSketches() throws {
    let cases = try SketchCases.part("cardinality")
    #expect(cases.count == 8)
    for golden in cases {
      let below = try golden.value("below")
      let values = try SketchCases.drawn(
        "uniform", seed: UInt64(golden.whole("seed")), count: golden.whole("n")
      )
      .map { ($0 * below).rounded(.down) }
      let cardinality = taken(values)
      let (distinct, other) = (try golden.value("distinct"), try golden.value("datasketches"))
      let own = cardinality.estimate
      // Three standard errors; theirs hashes otherwise, so the two errors add.
      let error = 3 * cardinality.standardError
      #expect(abs(own - distinct) <= error * distinct, "\(own), truly \(distinct)")
      #expect(abs(own - other) <= 2 * error * distinct, "\(own), other \(other)")
      if distinct <= 10 { #expect(abs(own - distinct) < 0.1, "\(own), truly \(distinct)") }
      #expect(cardinality.bytes <= min(4 * Int(distinct), 4_096))
    }
  }

  /// The stated standard error, over 300 streams at each of several sizes: the root of the mean square is
  /// at most a fifth above it, and the mean is not off by more than chance.
  @Test(arguments: [8, 50, 300, 2_000]) func errorIsAsStated(distinct: Int) {
    let precision = 6
    var (squares, sum) = (0.0, 0.0)
    var random = SeededGenerator(seed: UInt64(distinct))
    for _ in 0..<300 {
      var cardinality = Cardinality(precision: precision)
      for _ in 0..<distinct { cardinality.add(hash: random.next()) }
      let error = (cardinality.estimate - Double(distinct)) / Double(distinct)
      squares += error * error
      sum += error
    }
    let stated = Cardinality(precision: precision).standardError
    #expect((squares / 300).squareRoot() <= 1.2 * stated, "\((squares / 300).squareRoot()), stated \(stated)")
    #expect(abs(sum / 300) <= 4 * stated / 300.0.squareRoot(), "bias \(sum / 300)")
  }

  /// From a thousand values to more than there are hashes: registers set to the quantiles of the distribution
  /// that n values give them, P(register ≤ k) = exp(−n / (m · 2^k)), must be estimated as n.
  @Test func wholeRange() {
    let (precision, rest) = (10, 54)
    let registers = Double(1 << precision)
    for doubling in 0...rest + 1 {
      let values = registers * Double(sign: .plus, exponent: doubling, significand: 1)
      var cardinality = Cardinality(precision: precision)
      for register in 0..<1 << precision {
        let share = (Double(register) + 0.5) / registers
        let value = (0...rest).first {
          exp(-values / registers / Double(sign: .plus, exponent: $0, significand: 1)) >= share
        }
        if value == 0 { continue }
        let bit = value.map { UInt64(1) << UInt64(rest - $0) } ?? 0
        cardinality.add(hash: UInt64(register) << UInt64(rest) | bit)
      }
      #expect(agree(cardinality.estimate, values, tolerance: 0.005), "\(cardinality.estimate), \(values)")
    }
  }

  /// Parts give exactly the whole, in whatever order and form.
  @Test(arguments: [UInt64(1), 2, 3]) func mergeIsTheUnion(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for precision in [4, 8, 12] {
      for distinct in [3, 40, 900, 5_000] {
        let values = (0..<distinct).map { _ in Double(random.next() % UInt64(2 * distinct)) }
        let whole = taken(values, precision: precision)
        var merged = Cardinality(precision: precision)
        var start = 0
        while start < values.count {
          let end = min(values.count, start + Int.random(in: 1...2_000, using: &random))
          merged.merge(taken(values[start..<end].shuffled(using: &random), precision: precision))
          start = end
        }
        #expect(merged == whole, "seed \(seed), precision \(precision), \(distinct)")
        merged.merge(whole)
        #expect(merged == whole, "seed \(seed), precision \(precision), \(distinct), again")
        #expect(Cardinality(precision: precision, state: whole.state) == whole)
        #expect(whole.bytes <= 1 << precision)
      }
    }
  }

  @Test func endsOfTheHash() {
    for precision in [4, 12, 16] {
      var cardinality = Cardinality(precision: precision)
      #expect(cardinality.estimate == 0 && cardinality.bytes == 0)
      // The longest run of zeros in the first register and in the last.
      cardinality.add(hash: 0)
      cardinality.add(hash: UInt64.max << UInt64(64 - precision))
      #expect(abs(cardinality.estimate - 2) < 0.2, "\(cardinality.estimate)")
      #expect(Cardinality(precision: precision, state: cardinality.state) == cardinality)
      // Every register full: as many as can be told.
      for register in 0..<UInt64(1 << precision) { cardinality.add(hash: register << UInt64(64 - precision)) }
      #expect(cardinality.estimate > 1e18, "\(cardinality.estimate)")
      #expect(Cardinality(precision: precision, state: cardinality.state) == cardinality)
    }
  }

  @Test func garbageIsRefusedOrHarmless() {
    for distinct in [20, 3_000] {
      let cardinality = taken((0..<distinct).map { Double($0) }, precision: 8)
      let state = cardinality.state
      #expect(Cardinality(precision: 8, state: state) == cardinality)
      #expect(Cardinality(precision: 9, state: state) == nil && Cardinality(state: state) == nil)
      for broken in SketchCases.broken(state) { #expect(Cardinality(precision: 8, state: broken) == nil) }
      for index in state.indices {
        for odd in [Double.nan, .infinity, -1, 0.5, 0x1p54] {
          var garbled = state
          garbled[index] = odd
          #expect(Cardinality(precision: 8, state: garbled) == nil, "\(odd) at \(index)")
        }
      }
      for garbled in SketchCases.garbled(state, seed: 5, count: 3_000) {
        guard var odd = Cardinality(precision: 8, state: garbled) else { continue }
        odd.add(hash: 1)
        odd.merge(cardinality)
        #expect(odd.estimate > 0)
      }
    }
  }
}
