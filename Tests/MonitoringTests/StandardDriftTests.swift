import Events
import TestSupport
import Testing

@testable import Monitoring

/// Drift by preset `standard`: what a model's monitor says of batches.
@Suite struct StandardDriftTests {
  private static let names = FeatureNames(["a", "b"])
  private static let textNames = FeatureNames(["city"])
  private static let cities = ["Oslo", "Rome", "Lima"]

  private struct Rows {
    var random: SeededGenerator
    /// Added to column `a`.
    var shift = 0.0
    var city: String?

    mutating func normal() -> Double {
      (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
    }

    mutating func batch(_ rows: Int, names: FeatureNames? = names, texts: FeatureNames? = textNames)
      -> FeatureBatch
    {
      let values = (0..<rows * 2).map { normal() + ($0 % 2 == 0 ? shift : 0) }
      var batch = FeatureBatch(names: names, matrix: Matrix(rows: rows, columns: 2, values: values))
      let cells = (0..<rows).map { _ in city ?? cities.randomElement(using: &random)! }
      batch.texts = [TextBlock(rows: rows, columns: 1, cells: cells)]
      batch.textNames = texts
      return batch
    }

    /// As the plain encoding has it when no row has a city, which then are numbers, in the columns' order.
    mutating func untyped(_ rows: Int) -> FeatureBatch {
      let values = (0..<rows * 3).map { $0 % 3 == 1 ? Double.nan : normal() }
      return FeatureBatch(
        names: FeatureNames(["a", "city", "b"]), matrix: Matrix(rows: rows, columns: 3, values: values))
    }

    /// Without column `a`.
    mutating func narrow(_ rows: Int) -> FeatureBatch {
      var batch = batch(rows)
      let values = (0..<rows).map { _ in normal() }
      let texts = batch.texts
      batch = FeatureBatch(
        names: FeatureNames(["b"]), matrix: Matrix(rows: rows, columns: 1, values: values))
      (batch.texts, batch.textNames) = (texts, StandardDriftTests.textNames)
      return batch
    }
  }

  private static func monitor(_ rows: inout Rows, names: FeatureNames? = names) -> DriftMonitor {
    var monitor = DriftMonitor(settings: DriftSettings(), standard: StandardSettings())
    let baseline = rows.batch(1_000, names: names, texts: names == nil ? nil : textNames)
    monitor.setBaseline(FeatureBaseline(baseline, isDetailed: true))
    return monitor
  }

  private static func judge(_ monitor: inout DriftMonitor, _ batch: FeatureBatch) throws -> DriftAssessment {
    let outcome = try monitor.observeStandard(
      batch, at: Timestamp(nanoseconds: 1), tested: monitor.testedColumns, driftedElsewhere: 0)
    return try #require(outcome.assessment)
  }

  /// Chance takes off more than there is: without a change scores lie below 0 as often as above, and an alert
  /// that is open has to end all the same.
  @Test func everyScoredBatchHasAFinding() throws {
    var below = 0
    for seed in 1...8 {
      var rows = Rows(random: SeededGenerator(seed: UInt64(seed)))
      var monitor = Self.monitor(&rows)
      for _ in 0..<10 {
        let assessment = try Self.judge(&monitor, rows.batch(100))
        if assessment.features.allSatisfy({ $0.score < 0 }) { below += 1 }
        #expect(assessment.maximumScore ?? -1 >= 0, "seed \(seed)")
        #expect(monitor.finding(for: assessment)?.isViolated == false, "seed \(seed)")
      }
    }
    #expect(below > 5, "some batches have scores below 0 alone")
  }

  @Test func aColumnWithoutAnyValueHasNoType() throws {
    var rows = Rows(random: SeededGenerator(seed: 7))
    var monitor = Self.monitor(&rows)
    for _ in 0..<5 {
      let assessment = try Self.judge(&monitor, rows.untyped(4))
      #expect(monitor.schemaFinding?.isViolated == false)
      #expect(assessment.features.count == 3 && assessment.features[2].cases > 0)
      #expect(assessment.features[0].newMean.isFinite && assessment.features[1].newMean.isFinite)
      _ = try Self.judge(&monitor, rows.batch(4))
    }
    var worst = FeatureBatch(
      names: Self.names, matrix: Matrix(rows: 1, columns: 2, values: [0, 0]))
    #expect(try Self.judge(&monitor, worst).standard?.missing == ["city"])
    worst = FeatureBatch(
      names: FeatureNames(["a", "b", "city"]), matrix: Matrix(rows: 1, columns: 3, values: [0, 0, 1]))
    #expect(try Self.judge(&monitor, worst).standard?.retyped == ["city"])
    // Text instead of numbers, first with a value, then without.
    for (cell, retyped) in [("1", ["b"]), ("", [])] {
      var batch = FeatureBatch(names: FeatureNames(["a"]), matrix: Matrix(rows: 1, columns: 1, values: [0]))
      batch.texts = [TextBlock(rows: 1, columns: 2, cells: [cell, "Oslo"])]
      batch.textNames = FeatureNames(["b", "city"])
      #expect(try Self.judge(&monitor, batch).standard?.retyped == retyped)
    }
  }

  @Test func aColumnWithoutAnyValueDoesNotEndALesson() throws {
    var rows = Rows(random: SeededGenerator(seed: 8))
    var settings = StandardSettings()
    settings.learnedRows = 400
    var monitor = DriftMonitor(settings: DriftSettings(), standard: settings)
    var learned = 0
    for step in 0..<40 where !monitor.hasBaseline {
      let batch = step % 4 == 3 ? rows.untyped(20) : rows.batch(20)
      let outcome = try monitor.observeStandard(
        batch, at: Timestamp(nanoseconds: 1), tested: 0, driftedElsewhere: 0)
      if outcome.hasLearned { learned = step + 1 }
    }
    #expect(learned == 20, "400 rows of batches of 20")
    #expect(try Self.judge(&monitor, rows.batch(20)).features.count == 3)
  }

  @Test func aDriftingColumnThatVanishesMovesNothing() throws {
    var rows = Rows(random: SeededGenerator(seed: 9))
    var monitor = Self.monitor(&rows)
    rows.shift = 2
    var assessment = try Self.judge(&monitor, rows.batch(200))
    for _ in 0..<5 where !assessment.isDrifted { assessment = try Self.judge(&monitor, rows.batch(200)) }
    let before = try #require(monitor.finding(for: assessment))
    #expect(before.isViolated && before.severity == .high && before.topFeatures.map(\.name) == ["a"])

    assessment = try Self.judge(&monitor, rows.narrow(200))
    #expect(assessment.driftedCount == 1 && assessment.features[0].isDrifted)
    #expect(assessment.features[0].score.isNaN && assessment.standard?.details.isEmpty == true)
    #expect(monitor.finding(for: assessment) == nil && assessment.maximumScore == nil)
    #expect(monitor.schemaFinding?.topFeatures.map(\.name) == ["a"])

    // Another one that drifts has an alert of its own evidence.
    rows.city = "Lima"
    for _ in 0..<5 { assessment = try Self.judge(&monitor, rows.narrow(200)) }
    let finding = try #require(monitor.finding(for: assessment))
    #expect(assessment.driftedCount == 2 && finding.topFeatures.map(\.name) == ["city"])
    #expect(finding.value == assessment.features[2].score && finding.value == assessment.maximumScore)
    #expect(finding.evidence?.log10 ?? 0 > 4 && finding.evidence?.change.measurements ?? 0 >= 1)
  }

  @Test func columnsWithoutNamesAreNamedByTheirPlaces() throws {
    var rows = Rows(random: SeededGenerator(seed: 10))
    var monitor = Self.monitor(&rows, names: nil)
    let assessment = try Self.judge(&monitor, rows.batch(10, names: nil, texts: nil))
    #expect((0..<3).map(assessment.name) == ["feature_0", "feature_1", "text_0"])
  }
}
