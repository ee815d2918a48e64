import Detection
import Statistics
import TestSupport
import Testing

/// What the detector of bins holds of its promises, by simulation: a run is a feature with a reference of its
/// own. Values under no change are uniform 32-bit integers: bins at a sample's quantiles are the same game for
/// every continuous distribution.
@Suite struct BinsPowerTests {
  static let runs = 200
  static let population = NormalPopulation()

  /// Rows of 200 features, uniform.
  private func uniform(_ rows: Int, _ random: inout SeededGenerator) -> [UInt64] {
    (0..<rows * Self.runs / 2).map { _ in random.next() }
  }

  private func detector(_ random: inout SeededGenerator) -> BinsDetector {
    let rows = uniform(1_000, &random)
    return BinsDetector(rows.withUnsafeBytes { ReferenceBins.columns(of: $0, .int32, columns: Self.runs) })
  }

  /// References of 1000 rows, 200 batches without a change: how many of 200 runs have the evidence for an
  /// alarm, and how many alarm.
  @Test(arguments: [(1_000, 0, 0), (100, 2, 0), (8, 8, 4)])
  func runsWithoutAChangeAreSilent(rows: Int, mostEvident: Int, mostAlarms: Int) {
    var random = SeededGenerator(seed: UInt64(rows))
    var detector = detector(&random)
    var (evident, alarmed): (Set<Int>, Set<Int>) = ([], [])
    for _ in 0..<200 {
      uniform(rows, &random).withUnsafeBytes {
        detector.bins.count($0, .int32, rows: rows, columns: Self.runs)
      }
      detector.judge()
      for (run, verdict) in detector.verdicts.enumerated() {
        if verdict.score >= verdict.threshold { evident.insert(run) }
        if verdict.isDrifted { alarmed.insert(run) }
      }
    }
    #expect(evident.count <= mostEvident, "\(evident.count) of \(Self.runs)")
    #expect(alarmed.count <= mostAlarms, "\(alarmed.count) of \(Self.runs)")
  }

  /// A shift of normal rows after 50 batches without one: within how many batches half of the runs have the
  /// evidence, and within how many nine in ten.
  @Test(arguments: [
    // Stability indices of .09 twice, .014 and .25.
    (shift: 0.3, rows: 1_000, half: 1, most: 1), (0.3, 100, 6, 10), (0.118, 1_000, 6, 10), (0.5, 100, 2, 4),
  ])
  func shiftsAreSeen(shift: Float, rows: Int, half: Int, most: Int) {
    var random = SeededGenerator(seed: 7)
    let (runs, before) = (60, 50)
    var detector = BinsDetector(Self.population.references(runs, rows: 1_000, &random))
    var seen = [Int](repeating: 0, count: most + 1)
    var isSeen = [Bool](repeating: false, count: runs)
    for batch in 0..<before + most {
      let values = Self.population.draw(rows * runs, mean: batch < before ? 0 : shift, &random)
      values.withUnsafeBytes { detector.bins.count($0, .float32, rows: rows, columns: runs) }
      detector.judge()
      for (run, verdict) in detector.verdicts.enumerated()
      where batch >= before && verdict.score >= verdict.threshold && !isSeen[run] {
        isSeen[run] = true
        seen[batch - before + 1] += 1
      }
    }
    let total = seen.indices.map { seen[...$0].reduce(0, +) }
    #expect(total[half] * 2 >= runs, "\(total) of \(runs)")
    #expect(total[most] * 10 >= runs * 9, "\(total) of \(runs)")
  }

  /// A ramp of a five-hundredth of a deviation a batch: every run alarms before half a deviation, though each
  /// batch joins what is learnt.
  @Test func slowRampIsNotLearnt() {
    var random = SeededGenerator(seed: 13)
    let (runs, rows) = (60, 100)
    var detector = BinsDetector(Self.population.references(runs, rows: 1_000, &random))
    var alarmed: Set<Int> = []
    for batch in 0..<300 {
      let mean = 0.002 * Float(max(0, batch - 50))
      Self.population.draw(rows * runs, mean: mean, &random).withUnsafeBytes {
        detector.bins.count($0, .float32, rows: rows, columns: runs)
      }
      detector.judge()
      for (run, verdict) in detector.verdicts.enumerated() where verdict.isDrifted { alarmed.insert(run) }
      if batch == 50 { #expect(alarmed.isEmpty) }
    }
    #expect(alarmed.count == runs)
  }

  /// A million rows make everything evident; what is evident and small is no drift.
  @Test(arguments: [(0.001, false), (0.02, true)])
  func millionRowsAndASmallShiftAreSilent(shift: Double, isEvident: Bool) {
    var random = SeededGenerator(seed: 3)
    let population = Self.population
    let reference = ReferenceBins(sample: population.draw(20_000, mean: 0, &random).map(Double.init))
    var detector = BinsDetector([reference])
    var wasEvident = false
    for batch in 0..<5 {
      let values = population.draw(1_000_000, mean: batch < 2 ? 0 : Float(shift), &random)
      values.withUnsafeBytes { detector.bins.count($0, .float32, rows: 1_000_000, columns: 1) }
      detector.judge()
      let verdict = detector.verdicts[0]
      #expect(!verdict.isDrifted, "\(verdict)")
      wasEvident = wasEvident || verdict.score >= verdict.threshold
    }
    #expect(wasEvident == isEvident)
  }

  /// A drift, then the reference again: the alarm ends within two stretches of three batches and 200 rows, and
  /// the next drift is seen as the first was.
  @Test(arguments: [1_000, 100, 8]) func alarmEndsWithItsCause(rows: Int) {
    var random = SeededGenerator(seed: 5)
    let reference = Self.population.references(1, rows: 1_000, &random)[0]
    var detector = BinsDetector([reference])
    let stretch = max(BinsDetector.probationBatches, (Int(BinsDetector.probationRows) * 20 + rows - 1) / rows)
    let drift = max(10, 60 * 8 / rows)
    var batches = 0
    func alarms(_ count: Int, mean: Float) -> [Bool] {
      batches += count
      return (0..<count).map { _ in
        Self.population.draw(rows, mean: mean, &random).withUnsafeBytes {
          detector.bins.count($0, .float32, rows: rows, columns: 1)
        }
        detector.judge()
        return detector.verdicts[0].isDrifted
      }
    }
    for _ in 0..<2 {
      #expect(!alarms(20, mean: 0).contains(true))
      let drifted = alarms(drift, mean: 1.2)
      #expect(drifted.last == true && drifted.firstIndex(of: true)! <= max(1, 100 / rows))
      _ = alarms(2 * stretch, mean: 0)
      #expect(!alarms(20, mean: 0).contains(true), "\(batches) batches of \(rows)")
    }
  }

  /// What is missing is a bin: a column that goes missing has left its reference, one that always was has not.
  @Test func missingValuesAreABin() {
    let numbers = ReferenceBins(sample: (0..<1_000).map(Double.init))
    var detector = BinnedColumnDetector(numbers)
    let gone = (0..<3).map { _ in detector.observe(numbers.count([Double](repeating: .nan, count: 100))) }
    #expect(gone.last?.isDrifted == true)
    let nothing = ReferenceBins(sample: [Double](repeating: .nan, count: 1_000))
    var silent = BinnedColumnDetector(nothing)
    for _ in 0..<100 {
      let verdict = silent.observe(nothing.count([Double](repeating: .nan, count: 100)))
      #expect(!verdict.isDrifted && verdict.score < verdict.threshold)
    }
    let number = silent.observe(nothing.count([Double](repeating: 1, count: 100)))
    #expect(number.isDrifted, "\(number)")
    var none = BinnedColumnDetector(ReferenceBins(sample: []))
    #expect(none.observe([0, 100]).score.isNaN, "no reference, no score")
  }

  /// The change's first batch is named, and a step is told from a ramp.
  @Test func changeIsNamed() {
    var random = SeededGenerator(seed: 9)
    var step = BinsDetector(Self.population.references(Self.runs, rows: 500, &random))
    var ramp = step
    let (begin, batches, rows) = (20, 44, 50)
    for batch in 0..<batches {
      let noise = Self.population.draw(rows * Self.runs, mean: 0, &random)
      let since = Float(max(0, batch - begin + 1))
      noise.map { $0 + min(since, 1) }.withUnsafeBytes {
        step.bins.count($0, .float32, rows: rows, columns: Self.runs)
      }
      noise.map { $0 + 0.06 * since }.withUnsafeBytes {
        ramp.bins.count($0, .float32, rows: rows, columns: Self.runs)
      }
      step.judge()
      ramp.judge()
    }
    let steps = step.verdicts.compactMap(\.change)
    let ramps = ramp.verdicts.compactMap(\.change)
    #expect(steps.count == Self.runs && ramps.count == Self.runs)
    let near = steps.count { abs($0.index - begin) <= 3 }
    #expect(near * 10 >= Self.runs * 9, "\(near) of \(Self.runs) within 3 batches")
    let (stepsAbrupt, rampsGradual) = (
      steps.count { $0.kind == .abrupt }, ramps.count { $0.kind == .gradual }
    )
    #expect(stepsAbrupt * 20 >= Self.runs * 19, "\(stepsAbrupt) steps are abrupt")
    #expect(rampsGradual * 2 >= Self.runs, "\(rampsGradual) ramps are gradual")
    #expect(ramps.allSatisfy { $0.index >= begin - 8 && $0.index < batches })
  }
}

/// 65,536 normal values to draw from with replacement: a normal number costs twelve uniform ones, a draw a
/// quarter of one.
struct NormalPopulation: Sendable {
  private let values: [Float]

  init() {
    var random = SeededGenerator(seed: 11)
    values = (0..<65_536).map { _ in Float(random.normal()) }
  }

  func draw(_ count: Int, mean: Float, _ random: inout SeededGenerator) -> [Float] {
    values.withUnsafeBufferPointer { values in
      [Float](unsafeUninitializedCapacity: count) { buffer, filled in
        var bits: UInt64 = 0
        for index in 0..<count {
          bits = index & 3 == 0 ? random.next() : bits >> 16
          buffer[index] = values[Int(bits & 0xffff)] + mean
        }
        filled = count
      }
    }
  }

  func references(_ count: Int, rows: Int, _ random: inout SeededGenerator) -> [ReferenceBins] {
    draw(count * rows, mean: 0, &random).withUnsafeBytes {
      ReferenceBins.columns(of: $0, .float32, columns: count)
    }
  }
}
