import Events
import Foundation
import Monitoring
import TestSupport
import Testing

@Suite struct FeatureSeasonTests {
  /// By the calendar of Foundation, before 1970 too.
  @Test func partsAreTheCalendars() throws {
    var calendar = Calendar(identifier: .iso8601)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    var random = SeededGenerator(seed: 1)
    for _ in 0..<2_000 {
      let seconds = Int.random(in: -3_000_000_000...6_000_000_000, using: &random)
      let parts = calendar.dateComponents(
        [.hour, .weekday], from: Date(timeIntervalSince1970: Double(seconds)))
      let hour = try #require(parts.hour)
      // Sunday is 1.
      let day = (try #require(parts.weekday) + 5) % 7
      let time = Timestamp(nanoseconds: Int64(seconds) * 1_000_000_000 + 999_999_999)
      #expect(FeatureSeason.hourOfDay.part(of: time) == hour, "seed 1: \(seconds)")
      #expect(FeatureSeason.dayOfWeek.part(of: time) == day, "seed 1: \(seconds)")
      #expect(FeatureSeason.hourOfWeek.part(of: time) == 24 * day + hour, "seed 1: \(seconds)")
    }
    for season in FeatureSeason.allCases {
      for time in [Timestamp(nanoseconds: .min), Timestamp(nanoseconds: .max)] {
        #expect((0..<season.parts).contains(season.part(of: time)))
      }
    }
  }
}

@Suite struct BaselineSummaryTests {
  static func batch(
    _ rows: Int, shift: Double = 0, words: [String] = ["x", "y", ""], names: [String]? = ["a", "b", "c"],
    _ random: inout SeededGenerator
  ) -> FeatureBatch {
    let values = (0..<rows).flatMap { row in
      [shift + random.normal(), Double(Int.random(in: 0..<4, using: &random)), row % 10 == 0 ? .nan : 1]
    }
    var batch = FeatureBatch(
      names: names.flatMap(FeatureNames.init), matrix: Matrix(rows: rows, columns: 3, values: values))
    let cells = (0..<rows).map { _ in words.randomElement(using: &random)! }
    batch.texts = [TextBlock(rows: rows, columns: 1, cells: cells)]
    batch.textNames = names == nil ? nil : FeatureNames(["word"])
    return batch
  }

  @Test func aSummaryLosesNothing() throws {
    var random = SeededGenerator(seed: 2)
    for names in [["a", "b", "c"], nil] {
      let baseline = FeatureBaseline(Self.batch(700, names: names, &random), isDetailed: true)
      let summary = try #require(baseline.summary)
      let back = try FeatureBaseline(summary)
      #expect(back.reference == baseline.reference && back.moments == baseline.moments)
      #expect(back.names == baseline.names && back.summary == summary)
      #expect(summary.columns.map(\.name) == (names.map { $0 + ["word"] } ?? [nil, nil, nil, nil]))
      #expect(abs(summary.columns[2].missingShare - 0.1) < 1e-12)
    }
    #expect(FeatureBaseline(Self.batch(10, &random)).summary == nil)
  }

  @Test func whatDoesNotFitIsNamed() throws {
    var random = SeededGenerator(seed: 3)
    let good = try #require(FeatureBaseline(Self.batch(300, &random), isDetailed: true).summary)
    let changes: [(Int?, (inout BaselineSummary) -> Void)] = [
      (1, { $0.columns[1].dependence = 0.5 }),
      (1, { $0.columns[1].dependence = .nan }),
      (0, { $0.columns[0].counts.removeLast() }),
      (3, { $0.columns[3].counts.append(1) }),
      (2, { $0.columns[2].counts[0] = .max }),
      (0, { $0.rows = 10 }),
      (nil, { $0.columns[0].name = nil }),
      (nil, { $0.columns[0].name = "word" }),
      (nil, { $0.columns.removeFirst(3) }),
      (
        3,
        {
          let twice = FeatureReference.Category(hash: 1, label: "")
          $0.columns[3].content = .categories([twice, twice])
        }
      ),
    ]
    for (index, (column, change)) in changes.enumerated() {
      var bad = good
      change(&bad)
      do {
        _ = try FeatureBaseline(bad)
        Issue.record("change \(index) was taken")
      } catch { #expect(error.column == column, "change \(index): \(error.message)") }
    }
  }
}

@Suite struct BaselineDifferenceTests {
  /// The same bins: the textbook's sum over their shares.
  @Test func theIndexOfEqualBinsIsTheTextbooks() throws {
    var random = SeededGenerator(seed: 4)
    let first = FeatureBaseline(BaselineSummaryTests.batch(800, &random), isDetailed: true)
    let second = FeatureBaseline(BaselineSummaryTests.batch(500, &random), isDetailed: true)
    let difference = try #require(BaselineDifference(first, second))
    let column = try #require(difference.columns.first { $0.name == "b" })
    let (left, right) = (try #require(first.summary).columns[1], try #require(second.summary).columns[1])
    let bins = Double(left.counts.count)
    let index = zip(left.counts, right.counts).reduce(0.0) { sum, pair in
      let (p, q) = ((Double(pair.0) + 0.5) / (800 + bins / 2), (Double(pair.1) + 0.5) / (500 + bins / 2))
      return sum + (q - p) * log(q / p)
    }
    #expect(column.isExact && abs(column.index - index) < 1e-12)
    #expect(abs(column.expectedIndex - (bins - 1) * (1 / 800 + 1 / 500)) < 1e-12)
    #expect(try #require(BaselineDifference(first, first)).columns.allSatisfy { $0.index == 0 })
  }

  /// Bins cut from other samples: on average a little more than by chance, and a shift of half a deviation near
  /// what it is for a normal distribution, 0.25.
  @Test func theIndexOfOtherBinsIsNear() throws {
    var random = SeededGenerator(seed: 5)
    func difference(_ shift: Double) throws -> BaselineDifference.Column {
      let first = FeatureBaseline(BaselineSummaryTests.batch(4_000, &random), isDetailed: true)
      let second = FeatureBaseline(BaselineSummaryTests.batch(3_000, shift: shift, &random), isDetailed: true)
      return try #require(BaselineDifference(first, second)?.columns.first { $0.name == "a" })
    }
    let same = try (0..<20).map { _ in try difference(0) }
    #expect(same.allSatisfy { !$0.isExact })
    let mean = same.reduce(0) { $0 + $1.index / $1.expectedIndex } / 20
    #expect(mean > 0.3 && mean < 2, "seed 5: \(mean)")
    let shifted = try difference(0.5)
    #expect(abs(shifted.index - 0.25) < 0.06, "seed 5: \(shifted.index)")
    // 0.5 / 1.349 less a tenth: what lies beyond the outer edges is taken to lie at them.
    #expect(abs(shifted.distance - 0.33) < 0.04 && abs(shifted.meanShift - 0.5) < 0.1, "\(shifted)")
  }

  /// Rows that are counted in the first's bins have the textbook's index, whatever their own bins.
  @Test func rowsAreCountedInTheFirstsBins() throws {
    var random = SeededGenerator(seed: 7)
    let first = FeatureBaseline(BaselineSummaryTests.batch(900, &random), isDetailed: true)
    let batch = BaselineSummaryTests.batch(600, shift: 0.3, names: ["c", "a", "b"], &random)
    let own = FeatureBaseline(batch, isDetailed: true)
    let second = own.counting(batch, asIn: first)
    #expect(second.moments == own.moments && second.names == own.names)
    let column = try #require(BaselineDifference(first, second)?.columns.first { $0.name == "a" })
    guard case .numbers(let numbers) = try #require(first.summary).columns[0].content else {
      throw Unexpected.text
    }
    var counts = [Double](repeating: 0, count: numbers.edges.count + 2)
    for value in stride(from: 1, to: 1_800, by: 3).map({ batch.blocks[0].values[$0] }) {
      counts[1 + numbers.edges.count { $0 <= value }] += 1
    }
    let (left, bins) = (try #require(first.summary).columns[0].counts, Double(counts.count))
    let index = zip(left, counts).reduce(0.0) { sum, pair in
      let (p, q) = ((Double(pair.0) + 0.5) / (900 + bins / 2), (pair.1 + 0.5) / (600 + bins / 2))
      return sum + (q - p) * log(q / p)
    }
    #expect(column.isExact && abs(column.index - index) < 1e-12)
  }

  private enum Unexpected: Error { case text }

  @Test func columnsAndCategoriesComeAndGo() throws {
    var random = SeededGenerator(seed: 6)
    let first = FeatureBaseline(BaselineSummaryTests.batch(400, &random), isDetailed: true)
    let second = FeatureBaseline(
      BaselineSummaryTests.batch(400, words: ["y", "z"], names: ["b", "a", "d"], &random), isDetailed: true)
    let difference = try #require(BaselineDifference(first, second))
    #expect(difference.vanished == ["c"] && difference.new == ["d"] && difference.retyped.isEmpty)
    let word = try #require(difference.columns.first { $0.name == "word" })
    #expect(word.newCategories == ["z"] && word.vanishedCategories == ["x"])
    #expect(word.missingShare.first > 0.2 && word.missingShare.second == 0)
    // Without names by place; what is text in one and a number in the other has another place.
    let unnamed = FeatureBaseline(BaselineSummaryTests.batch(400, names: nil, &random), isDetailed: true)
    let byPlace = try #require(BaselineDifference(first, unnamed))
    #expect(Set(byPlace.columns.map(\.name)) == ["a", "b", "c", "word"] && byPlace.new.isEmpty)
    var summary = try #require(second.summary)
    summary.columns[0].name = "word"
    summary.columns[3].name = "b"
    let retyped = try #require(BaselineDifference(first, FeatureBaseline(summary)))
    #expect(retyped.retyped == ["b", "word"])
  }
}
