import Detection
import Foundation
import Statistics
import TestSupport
import Testing

/// The detectors that learn as they go, against numpy.
@Suite struct StreamDetectorTests {
  private struct Golden: Decodable {
    var family: String?
    var columns: Int?
    var values: [Double]
    /// After how many observations, the evidence, and the first observation after the likeliest split.
    var answers: [[Double]]
  }

  private func load<Value: Decodable>(_ name: String) throws -> Value {
    try JSONDecoder().decode(
      Value.self, from: Data(contentsOf: TestSupport.Golden.folder.appendingPathComponent(name)))
  }

  private func check(_ golden: Golden, observe: ([Double]) -> Verdict) {
    let columns = golden.columns ?? 1
    for n in 1...golden.values.count / columns {
      let verdict = observe(Array(golden.values[(n - 1) * columns..<n * columns]))
      guard let answer = golden.answers.first(where: { Int($0[0]) == n }) else { continue }
      #expect(
        abs(verdict.score - answer[1]) <= 1e-7 * max(1, answer[1]),
        "after \(n): \(verdict.score), want \(answer[1])")
      #expect(verdict.change?.index ?? 0 == Int(answer[2]), "after \(n)")
    }
  }

  @Test func glrAnswersAsNumpyDoes() throws {
    for golden in try load("glr.json") as [Golden] {
      var detector = GLRDetector(try #require(GLRDetector.Family(rawValue: golden.family ?? "")))
      check(golden) { detector.observe($0[0]) }
    }
  }

  @Test func meanVarianceAnswersAsNumpyDoes() throws {
    for golden in try load("meanvar.json") as [Golden] {
      var detector = MeanVarianceDetector()
      check(golden) { detector.observe($0[0]) }
    }
  }

  @Test func mmdAnswersAsNumpyDoes() throws {
    for golden in try load("mmd.json") as [Golden] {
      var detector = MMDDetector(columns: golden.columns ?? 0)
      check(golden) { detector.observe($0) }
    }
  }

  /// Rises and falls that are alike differ by the shares of the false alarms that they may have.
  @Test func aFallNeedsMoreWhereItMayAlarmLess() {
    func score(of values: [Double], share: Double) -> Double {
      var detector = GLRDetector(.rate, shareOfFalls: share)
      return values.map { detector.observe($0).score }.last!
    }
    let rise = (0..<80).map { step -> Double in
      let isRare = step % 4 == 3
      return isRare == (step < 40) ? 1 : 0
    }
    let fall = rise.map { 1 - $0 }
    #expect(score(of: rise, share: 0.5) == score(of: fall, share: 0.5))
    #expect(abs(score(of: rise, share: 0.1) - score(of: fall, share: 0.1) - 2.1972245773362196) < 1e-9)
  }

  /// The splits that buckets allow, and the sums beyond them, against the values themselves.
  @Test func dyadicSumsAreThoseOfTheirSplits() {
    var random = SeededGenerator(seed: 7)
    var sums = DyadicSums(dimensions: 2)
    var values: [[Double]] = []
    for n in 1...3_000 {
      values.append([Double(random.next() % 1_000), Double(n)])
      sums.append(values[n - 1])
      guard n % 97 == 0 else { continue }
      var splits: [Int] = []
      sums.scan { later, part in
        splits.append(later)
        let suffix = values.suffix(later)
        #expect(part[0] == suffix.reduce(0) { $0 + $1[0] } && part[1] == suffix.reduce(0) { $0 + $1[1] })
        return true
      }
      // Every age is within a fifth of a split, and the last thirty or so are splits themselves.
      #expect(splits.prefix(4) == [1, 2, 3, 4])
      for (younger, older) in zip(splits, splits.dropFirst()) {
        #expect(Double(older - younger) <= 1 + Double(younger) / 4, "\(younger), \(older) at \(n)")
      }
      #expect(splits.count <= DyadicSums.perSize * (Int(Double(n).binade.exponent) + 1))
      let restored = DyadicSums(dimensions: 2, state: sums.state)
      #expect(restored?.state == sums.state && restored?.count == n)
    }
  }

  @Test func damagedSumsAreRefused() {
    var sums = DyadicSums(dimensions: 2)
    for n in 0..<20 { sums.append([Double(n), 1]) }
    let state = sums.state
    for place in 0..<state.count {
      for damage in [Double.nan, .infinity, -1, 1e300] where !(damage == -1 || damage == 1e300) || place == 0
      {
        var damaged = state
        damaged[place] = damage
        #expect(DyadicSums(dimensions: 2, state: damaged) == nil, "\(damage) at \(place)")
      }
      #expect(DyadicSums(dimensions: 2, state: state.prefix(place)) == nil)
    }
    #expect(DyadicSums(dimensions: 3, state: state) == nil)
  }
}
