import Engine
import Events
import Foundation
import Monitoring
import TestSupport
import Testing

@testable import Daemon

@Suite struct BaselineFileTests {
  private static func table(_ rows: Int, _ random: inout SeededGenerator) -> String {
    let words = ["red", "\"a, \"\"b\"\"\"", "Grün", "NA"]
    let lines = (0..<rows).map { row in
      let value = row % 9 == 0 ? "" : "\(random.normal())"
      return "\(value),\(row % 3),\(words.randomElement(using: &random)!),7"
    }
    return "x,kind,\"colour \\\",c\n" + lines.joined(separator: "\n")
  }

  @Test func aFileLosesNothing() throws {
    var random = SeededGenerator(seed: 1)
    let made = try BaselineData(Data(Self.table(500, &random).utf8))
    let read = try BaselineData(Data(made.text.utf8))
    #expect(read.baseline.reference == made.baseline.reference)
    #expect(read.baseline.moments == made.baseline.moments && read.baseline.names == made.baseline.names)
    #expect(read.text == made.text)
    #expect(made.baseline.reference?.names == ["x", "kind", "c", "colour \\"])
    // A line a column, and nothing of the rows.
    #expect(made.text.split(separator: "\n").count == 6)
    // What JSON cannot write: the extremes of a column without values.
    let empty = try BaselineData(Data("a,b\n1,NA\n2,NA\n".utf8))
    let again = try BaselineData(Data(empty.text.utf8))
    #expect(again.text == empty.text && again.baseline.moments == empty.baseline.moments)
  }

  @Test(arguments: [
    ("{", "is no JSON"), ("{}", "tidemark_baseline: is not there"),
    ("{\"tidemark_baseline\": 2}", "tidemark_baseline: version 2; this build reads 1"),
    ("{\"tidemark_baseline\": 1, \"rows\": 3}", "columns: is not there"),
    ("{\"tidemark_baseline\": 1, \"rows\": 3, \"columns\": []}", "columns: no column of numbers"),
    ("{\"tidemark_baseline\": 1, \"rows\": -3, \"columns\": [NUMBER]}", "columns[0]: "),
    ("{\"tidemark_baseline\": 1, \"rows\": 3, \"columns\": [{\"type\": \"int\"}]}", "columns[0].type: "),
    (
      "{\"tidemark_baseline\": 1, \"rows\": 3, \"columns\": [NUMBER, {\"type\": \"text\", \"dependence\": 1, "
        + "\"counts\": [0, 1, 2], \"categories\": [{\"label\": \"a\", \"hash\": \"7\"}]}]}",
      "columns[1].categories[0].hash: "
    ),
    ("{\"tidemark_baseline\": 1, \"rows\": 3, \"columns\": [NUMBER, NUMBER]}", "columns: the name 'a'"),
  ]) func whatIsWrongIsNamed(text: String, problem: String) {
    let number =
      "{\"name\": \"a\", \"type\": \"number\", \"present\": 3, \"mean\": 1, \"squares\": 2, \"min\": 0, "
      + "\"max\": 2, \"dependence\": 1, \"edges\": [1], \"counts\": [0, 1, 2]}"
    let file = Data(text.replacing("NUMBER", with: number).utf8)
    #expect(BaselineFile.recognises(file))
    do {
      _ = try BaselineData(file)
      Issue.record("taken: \(text)")
    } catch { #expect(error.description.hasPrefix(problem), "\(error.description)") }
  }

  /// Any changed byte gives an error or a baseline, never a trap; so does what is then done with it.
  @Test func damagedFilesAreRefusedOrTaken() throws {
    var random = SeededGenerator(seed: 2)
    let made = try BaselineData(Data(Self.table(300, &random).utf8))
    let bytes = Array(made.text.utf8)
    var refused = 0
    for _ in 0..<400 {
      var changed = bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        changed[Int.random(in: 1..<changed.count, using: &random)] =
          Array("0123456789-e.,[]{}\" ".utf8).randomElement(using: &random)!
      }
      guard let read = try? BaselineData(Data(changed)) else {
        refused += 1
        continue
      }
      _ = BaselineReport.show(read) + BaselineReport.showJSON(read) + read.text
      for report in [BaselineReport.diff, BaselineReport.diffJSON] {
        #expect(!report(made, read).isEmpty && !report(read, made).isEmpty)
      }
    }
    #expect(refused > 50 && refused < 400, "seed 2: \(refused) of 400")
  }

  @Test func tablesOfNumbersAndText() throws {
    let text = "\u{feff}at, a ,b,\"c, d\"\r\n\r\n10:00,1,x,NA\r\n11:00,,\"say \"\"hi\"\"\",3\r\n"
    let batch = try FeatureTable(parsing: Data(text.utf8), excluding: ["at"]).batch
    #expect(batch.names == FeatureNames(["a", "c, d"]) && batch.textNames == FeatureNames(["b"]))
    let values = batch.blocks[0].values
    #expect(values[0] == 1 && values[1].isNaN && values[2].isNaN && values[3] == 3)
    let reference = try #require(FeatureBaseline(batch, isDetailed: true).reference)
    #expect(Set(reference.texts[0].categories?.map(\.label) ?? []) == ["x", "say \"hi\""])
    let unnamed = try FeatureTable(parsing: Data("1,2\n3,4\n".utf8)).batch
    #expect(unnamed.names == nil && unnamed.blocks[0].values == [1, 2, 3, 4])
    let named = try FeatureTable(parsing: Data("1,x\n3,4\n".utf8), names: ["a", "b"]).batch
    #expect(named.names == FeatureNames(["a"]) && named.textNames == FeatureNames(["b"]) && named.rows == 2)
  }

  @Test(arguments: [
    ("", "has no rows"), ("a,b\n", "has no rows"), ("a,b\n1,2\n3\n", "line 3: has 1 cells"),
    ("a,a\n1,2\n", "the name 'a' stands twice"), ("a\nx\n", "has no column of numbers"),
    ("a,b\n1,\"x\n", "line 2: a quote that does not end"), ("a\n1\n\u{0}\n", "has no column of numbers"),
  ]) func whatIsWrongWithATable(text: String, problem: String) {
    do {
      _ = try BaselineData(Data(text.utf8))
      Issue.record("taken: \(text)")
    } catch { #expect(error.description.hasPrefix(problem), "\(error.description)") }
  }

  @Test func whatConfigurationsSay() throws {
    let parser = ConfigurationParser(file: "/tmp/c.yaml", allowsPlaintext: false)
    let good = """
      preset: standard
      defaults:
        baseline: {learn: {hours: 24}, rolling: {rows: 5000}}
      models:
        - {name: a, baseline: {season: hour_of_week, learn: {rows: 300}}}
        - {name: b, baseline: {features: {rows: [[1, 2], [2, 3]]}}}
      """
    let name = try #require(SourceName("d"))
    let engine = try parser.parse(good, defaultName: name).engine
    #expect(engine.defaults.standard.learnedTime == .seconds(86_400))
    #expect(engine.defaults.standard.rollingRows == 5_000)
    let a = try #require(engine.settings(for: ModelKey(name: ModelName("a")!)))
    #expect(
      a.standard.season == .hourOfWeek && a.standard.learnedRows == 300 && a.standard.learnedTime == nil)
    let b = try #require(engine.settings(for: ModelKey(name: ModelName("b")!)))
    #expect(b.baselineFeatures?.reference != nil)

    let bad = """
      models:
        - {name: a, baseline: {learn: {rows: 5}}}
        - {name: b, preset: standard, baseline: {learn: {rows: 5, hours: 2}}}
        - {name: c, preset: standard, baseline: {learn: {}, rolling: {}, season: month}}
        - {name: d, preset: standard, baseline: {learn: {rows: 0}, features: {rows: [[1]]}}}
        - {name: e, preset: standard, baseline: {season: day_of_week, features: {rows: [[1]]}}}
        - {name: f, preset: standard, baseline: {learn: {hours: 0.5}, rolling: {rows: 1.5}}}
      """
    do throws(ConfigurationProblems) {
      _ = try ConfigurationParser(file: "c.yaml", allowsPlaintext: false).parse(bad, defaultName: name)
      Issue.record("taken")
    } catch {
      #expect(
        error.problems.map(\.key) == [
          "models[0].baseline.learn", "models[1].baseline.learn", "models[2].baseline.learn",
          "models[2].baseline.rolling", "models[2].baseline.season", "models[3].baseline.learn",
          "models[3].baseline.learn.rows", "models[4].baseline.season", "models[5].baseline.learn.hours",
          "models[5].baseline.rolling.rows",
        ], "\(error.problems)")
    }
  }
}
