import Statistics

/// Times a value's way into each of the mergeable summaries, a line of JSON for each.
enum Summaries {
  static let values = 1_000_000

  static func time() {
    var random = SplitMix(state: 1)
    let units = (0..<values).map { _ in random.unit() }
    let tailed = units.map { $0 / (1 - $0) }
    let few = units.map { ($0 * 20).rounded(.down) }
    let many = units.map { ($0 * 1e6).rounded(.down) }
    report("moments", tailed, Moments()) { $0.add($1) }
    report("quantile sketch", tailed, QuantileSketch()) { $0.add($1) }
    report("log histogram", tailed, LogHistogram()) { $0.add($1) }
    report("heavy hitters, 20 categories", few, HeavyHitters()) { $0.add($1) }
    report("heavy hitters, 1,000,000 categories", many, HeavyHitters()) { $0.add($1) }
    report("cardinality with the hash, 20 categories", few, Cardinality()) {
      $0.add(hash: StableHash.of($1))
    }
    report("cardinality with the hash, 1,000,000 categories", many, Cardinality()) {
      $0.add(hash: StableHash.of($1))
    }
  }

  @inline(__always)
  private static func report<Summary: Equatable>(
    _ name: String, _ values: [Double], _ empty: Summary, _ add: (inout Summary, Double) -> Void
  ) {
    var summary = empty
    let time = Shape.median {
      summary = empty
      for value in values { add(&summary, value) }
    }
    // The result is used, or the optimiser would be free to leave the work out.
    precondition(summary != empty)
    print(#"{"summary": "\#(name)", "ns_per_value": \#(time / Double(values.count))}"#)
  }
}
