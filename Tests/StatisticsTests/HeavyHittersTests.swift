import Statistics
import TestSupport
import Testing

@Suite struct HeavyHittersTests {
  private func taken(
    _ values: some Sequence<Double>, capacity: Int = HeavyHitters.defaultCapacity
  ) -> HeavyHitters {
    var hitters = HeavyHitters(capacity: capacity)
    for value in values { hitters.add(value) }
    return hitters
  }

  /// The bounds of a summary against true counts, for every category that came.
  private func expectBounds(_ hitters: HeavyHitters, _ values: [Double], _ context: String) {
    var truth: [UInt64: Int] = [:]
    for value in values { truth[StableHash.of(value), default: 0] += 1 }
    #expect(hitters.total == values.count, "\(context)")
    let entries = hitters.entries
    #expect(entries.count == min(hitters.capacity, truth.count), "\(context)")
    #expect(entries.map(\.count) == entries.map(\.count).sorted(by: >), "\(context)")
    let share = Double(values.count) / Double(hitters.capacity)
    for entry in entries {
      let count = truth[entry.hash] ?? 0
      #expect(entry.count - entry.error <= count && count <= entry.count, "\(context): \(entry), \(count)")
      #expect(Double(entry.error) <= share, "\(context): \(entry)")
      if case .number(let number) = entry.name {
        #expect(StableHash.of(number) == entry.hash, "\(context)")
      } else {
        Issue.record("\(context): \(entry.name)")
      }
    }
    #expect(Double(hitters.absentLimit) <= share, "\(context)")
    let held = Set(entries.map(\.hash))
    for (hash, count) in truth where !held.contains(hash) {
      #expect(count <= hitters.absentLimit && Double(count) <= share, "\(context)")
      #expect(hitters.count(of: hash) == hitters.absentLimit)
    }
  }

  /// True counts by Python's Counter; the bounds overlap those of DataSketches' frequent items.
  @Test func agreesWithCounterAndDataSketches() throws {
    let cases = try SketchCases.part("heavy")
    #expect(cases.count == 2)
    for golden in cases {
      var hitters = HeavyHitters()
      for value in try SketchCases.drawn(golden) { hitters.add("category \(Int(value))") }
      let top = golden["top"].list
      #expect(top.count == 30)
      let isExact = try golden.whole("distinct") <= hitters.capacity
      var named = 0
      for item in top {
        let name = try #require(item["name"].text)
        let (count, lower, upper) = (
          try item.whole("count"), try item.whole("lower"), try item.whole("upper")
        )
        let entry = hitters.entries.first { $0.name == .text(name) }
        let most = entry?.count ?? hitters.absentLimit
        let least = entry.map { $0.count - $0.error } ?? 0
        #expect(least <= count && count <= most, "\(name): \(least) to \(most), truly \(count)")
        #expect(least <= upper && lower <= most, "\(name): \(least) to \(most), other \(lower) to \(upper)")
        if isExact { #expect(least == count && most == count) }
        if entry != nil { named += 1 }
        // Whoever is more than total / k must be there.
        if count * hitters.capacity > hitters.total { #expect(entry?.hash == StableHash.of(name), "\(name)") }
      }
      #expect(named >= 5)
    }
  }

  /// Bounds for skewed, even and hostile streams at several capacities, whole and merged from parts.
  @Test(arguments: [UInt64(1), 2, 3]) func boundsHold(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for capacity in [1, 2, 8, 64] {
      let even = (0..<3_000).map { _ in Double(random.next() % 200) }
      let turns = (0..<3_000).map { Double($0 % (capacity + 1)) }
      for (kind, values) in [
        ("zipf", try SketchCases.drawn("zipf", seed: seed, count: 3_000)), ("even", even), ("turns", turns),
        ("few", (0..<500).map { Double($0 % max(capacity / 2, 1)) }),
      ] {
        let context = "seed \(seed), \(kind), capacity \(capacity)"
        expectBounds(taken(values, capacity: capacity), values, context)
        var merged = HeavyHitters(capacity: capacity)
        var start = 0
        while start < values.count {
          let end = min(values.count, start + Int.random(in: 1...900, using: &random))
          merged.merge(taken(values[start..<end], capacity: capacity))
          start = end
        }
        expectBounds(merged, values, context + ", merged")
        // And what is merged goes on as any other.
        for value in values.reversed() { merged.add(value) }
        expectBounds(merged, values + values.reversed(), context + ", merged and more")
      }
    }
  }

  /// A part that has lost a category may have had it as often as its lowest count says.
  @Test func mergingAllowsForWhatAPartHasLost() {
    let held = taken([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2], capacity: 2)
    let lost = taken([1, 1, 3, 3, 3, 4, 4, 4, 4], capacity: 2)
    #expect(lost.entries.map(\.name) == [.number(4), .number(3)] && lost.absentLimit == 3)
    for (left, right) in [(held, lost), (lost, held)] {
      var merged = left
      merged.merge(right)
      #expect(merged.count(of: StableHash.of(1)) == 13)
      #expect(merged.entries.first?.name == .number(1) && merged.entries.first?.error == 3)
    }
  }

  @Test func sameInputSameAnswer() throws {
    let values = try SketchCases.drawn("zipf", seed: 9, count: 5_000)
    #expect(taken(values) == taken(values))
    // Of equal counts the lowest hash gives way, whatever the order of the slots.
    let codes = (0..<8).map { Double($0) }
    let loser = codes.min { StableHash.of($0) < StableHash.of($1) }
    for order in [codes, codes.reversed()] {
      let hitters = taken(order + [100], capacity: 8)
      let held = Set(hitters.entries.map(\.name))
      #expect(held == Set((codes.filter { $0 != loser } + [100]).map { HeavyHitters.Name.number($0) }))
    }
    let (left, right) = (taken(values[..<2_000]), taken(values[2_000...]))
    var (one, other) = (left, right)
    one.merge(right)
    other.merge(left)
    #expect(one.entries == other.entries)
  }

  @Test func namesAreCutAtACharacter() {
    for (text, shown) in [
      ("", ""), ("Zürich", "Zürich"), (String(repeating: "x", count: 40), String(repeating: "x", count: 40)),
      (String(repeating: "x", count: 41), String(repeating: "x", count: 40)),
      (String(repeating: "x", count: 39) + "ü", String(repeating: "x", count: 39)),
      (String(repeating: "x", count: 37) + "🙂", String(repeating: "x", count: 37)),
      (String(repeating: "x", count: 36) + "🙂y", String(repeating: "x", count: 36) + "🙂"),
    ] {
      var hitters = HeavyHitters()
      hitters.add(text)
      #expect(hitters.entries.map(\.name) == [.text(shown)])
      #expect(HeavyHitters(state: hitters.state) == hitters)
    }
    // Names that differ beyond what is shown are two categories.
    var hitters = HeavyHitters()
    hitters.add(String(repeating: "x", count: 40) + "a")
    hitters.add(String(repeating: "x", count: 40) + "b")
    #expect(hitters.entries.count == 2)
    // Bytes that are no UTF-8 at all.
    for count in [3, 41, 60] {
      let bytes = [UInt8](repeating: 0x80, count: count)
      bytes.withUnsafeBytes { hitters.add($0, hash: StableHash.of($0)) }
    }
    #expect(hitters.entries.count == 5 && HeavyHitters(state: hitters.state) == hitters)
    hitters.add(-0.0)
    hitters.add(0)
    #expect(hitters.entries.first?.name == .number(0) && hitters.entries.first?.count == 2)
  }

  @Test func garbageIsRefusedOrHarmless() throws {
    var hitters = taken(try SketchCases.drawn("zipf", seed: 10, count: 400), capacity: 16)
    hitters.add("a name that is held, as it is the last")
    let state = hitters.state
    #expect(HeavyHitters(capacity: 16, state: state) == hitters)
    #expect(HeavyHitters(capacity: 17, state: state) == nil)
    #expect(HeavyHitters(state: HeavyHitters().state) == HeavyHitters())
    for broken in SketchCases.broken(state) { #expect(HeavyHitters(capacity: 16, state: broken) == nil) }
    for index in state.indices {
      for odd in [Double.nan, .infinity, -1, 0.5, 0x1p54] {
        var garbled = state
        garbled[index] = odd
        #expect(HeavyHitters(capacity: 16, state: garbled) == nil, "\(odd) at \(index)")
      }
    }
    for garbled in SketchCases.garbled(state, seed: 4, count: 3_000) {
      guard var odd = HeavyHitters(capacity: 16, state: garbled) else { continue }
      for value in 0..<40 { odd.add(Double(value)) }
      odd.merge(hitters)
      #expect(odd.entries.count == 16 && Double(odd.absentLimit) <= Double(odd.total) / 16)
    }
  }
}
