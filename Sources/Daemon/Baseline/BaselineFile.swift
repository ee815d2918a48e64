import Foundation
import Monitoring
import Wire

/// A feature baseline as a file: JSON of figures, one column a line, in the columns' order.
///
///     {"tidemark_baseline": 1, "rows": 5000, "columns": [
///     {"name": "amount", "type": "number", "present": 4990, "mean": 20.1, "squares": 1.2e5, "min": 0.5,
///      "max": 900, "dependence": 1, "edges": […], "counts": […]},
///     {"name": "country", "type": "text", "dependence": 1, "counts": […],
///      "categories": [{"label": "DE", "hash": "0x0123456789abcdef"}, …]}
///     ]}
///
/// `squares` is the sum of squared distances from the mean; `counts` are rows in bins, the missing first. Names
/// are there for all columns or none. Figures that JSON cannot write are the texts `"NaN"`, `"Infinity"` and
/// `"-Infinity"`. Numbers are the shortest that read back the same, so a file of what was read is the same file.
enum BaselineFile {
  static let version = 1

  /// Whether a file begins as JSON does.
  static func recognises(_ data: Data) -> Bool {
    let bytes = data.prefix(64).drop { [0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf].contains($0) }
    return bytes.first == UInt8(ascii: "{")
  }

  // MARK: Writing

  static func text(_ summary: BaselineSummary) -> String {
    let lines = summary.columns.map(line)
    return "{\"tidemark_baseline\": \(version), \"rows\": \(summary.rows), \"columns\": [\n"
      + lines.joined(separator: ",\n") + "\n]}\n"
  }

  private static func line(_ column: BaselineSummary.Column) -> String {
    var members: [(String, String)] = []
    if let name = column.name { members.append(("name", quoted(name))) }
    let counts = list(column.counts.map(\.description))
    switch column.content {
    case .numbers(let numbers):
      members += [
        ("type", "\"number\""), ("present", "\(numbers.present)"), ("mean", figure(numbers.mean)),
        ("squares", figure(numbers.squares)), ("min", figure(numbers.minimum)),
        ("max", figure(numbers.maximum)), ("dependence", figure(column.dependence)),
        ("edges", list(numbers.edges.map(figure))), ("counts", counts),
      ]
    case .categories(let categories):
      let texts = categories.map { category in
        let digits = String(category.hash, radix: 16)
        let hash = "0x" + String(repeating: "0", count: 16 - digits.count) + digits
        return "{\"label\": \(quoted(category.label)), \"hash\": \"\(hash)\"}"
      }
      members += [
        ("type", "\"text\""), ("dependence", figure(column.dependence)), ("counts", counts),
        ("categories", list(texts)),
      ]
    }
    return "{" + members.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
  }

  private static func list(_ parts: [String]) -> String { "[" + parts.joined(separator: ", ") + "]" }

  private static func figure(_ value: Double) -> String {
    if value.isNaN { return "\"NaN\"" }
    if value.isInfinite { return value < 0 ? "\"-Infinity\"" : "\"Infinity\"" }
    let text = value.description
    return text.hasSuffix(".0") && text != "-0.0" ? String(text.dropLast(2)) : text
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  // MARK: Reading

  /// - Throws: what is wrong, with its place such as `columns[3].edges`.
  static func read(_ data: Data) throws(BaselineData.Problem) -> FeatureBaseline {
    do {
      let decoder = JSONDecoder()
      let version = try decoder.decode(Version.self, from: data).number
      guard version == Self.version else {
        throw BaselineData.Problem(
          "tidemark_baseline: version \(version); this build reads \(Self.version)")
      }
      let summary = try decoder.decode(Whole.self, from: data).summary
      return try FeatureBaseline(summary)
    } catch let problem as BaselineData.Problem {
      throw problem
    } catch let problem as BaselineSummary.Problem {
      throw BaselineData.Problem(
        (problem.column.map { "columns[\($0)]: " } ?? "columns: ") + problem.message)
    } catch let error as DecodingError {
      throw BaselineData.Problem(describe(error))
    } catch {
      throw BaselineData.Problem("is no JSON: \(error)")
    }
  }

  private static func describe(_ error: DecodingError) -> String {
    func place(_ path: [any CodingKey]) -> String {
      let text = path.reduce("") { text, key in
        key.intValue.map { "\(text)[\($0)]" }
          ?? (text.isEmpty ? key.stringValue : "\(text).\(key.stringValue)")
      }
      return text.isEmpty ? "" : text + ": "
    }
    switch error {
    case .keyNotFound(let key, let context): return place(context.codingPath + [key]) + "is not there"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return place(context.codingPath) + context.debugDescription
    case .dataCorrupted(let context):
      guard context.codingPath.isEmpty else { return place(context.codingPath) + context.debugDescription }
      let inner = (context.underlyingError as? NSError)?.userInfo[NSDebugDescriptionErrorKey] as? String
      return "is no JSON: \(inner ?? context.debugDescription)"
    @unknown default: return "is no baseline"
    }
  }

  private struct Version: Decodable {
    var number: Int

    private enum CodingKeys: String, CodingKey {
      case number = "tidemark_baseline"
    }
  }

  private struct Whole: Decodable {
    var rows: Int
    var columns: [Column]

    private enum Key: CodingKey { case rows, columns }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Key.self)
      rows = try members.decode(Int.self, forKey: .rows)
      // One at a time, so that no more than may be there is ever made.
      var list = try members.nestedUnkeyedContainer(forKey: .columns)
      columns = []
      while !list.isAtEnd {
        guard columns.count < WireLimits.columns else {
          throw DecodingError.dataCorruptedError(
            in: list, debugDescription: "more than \(WireLimits.columns) columns")
        }
        columns.append(try list.decode(Column.self))
      }
    }

    var summary: BaselineSummary { BaselineSummary(rows: rows, columns: columns.map(\.summary)) }
  }

  private struct Column: Decodable {
    var summary: BaselineSummary.Column

    private enum Key: CodingKey {
      case name, type, present, mean, squares, min, max, dependence, edges, counts, categories
    }

    private enum Kind: String, Decodable {
      case number, text
    }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Key.self)
      func figure(_ key: Key) throws -> Double { try members.decode(Figure.self, forKey: key).value }
      let content: BaselineSummary.Content
      switch try members.decode(Kind.self, forKey: .type) {
      case .number:
        content = .numbers(
          .init(
            present: try members.decode(Int.self, forKey: .present), mean: try figure(.mean),
            squares: try figure(.squares), minimum: try figure(.min), maximum: try figure(.max),
            edges: try members.decode([Double].self, forKey: .edges)))
      case .text:
        content = .categories(
          try members.decode([Category].self, forKey: .categories).map {
            .init(hash: $0.hash.value, label: $0.label)
          })
      }
      summary = .init(
        name: try members.decodeIfPresent(String.self, forKey: .name),
        counts: try members.decode([UInt32].self, forKey: .counts), dependence: try figure(.dependence),
        content: content)
    }
  }

  private struct Category: Decodable {
    var label: String
    var hash: Hash
  }

  private struct Hash: Decodable {
    var value: UInt64

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      let text = try container.decode(String.self)
      guard text.hasPrefix("0x"), let value = UInt64(text.dropFirst(2), radix: 16) else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "'\(text.prefix(64))' is no hash, want 0x and 16 digits")
      }
      self.value = value
    }
  }

  private struct Figure: Decodable {
    var value: Double

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      guard let text = try? container.decode(String.self) else {
        value = try container.decode(Double.self)
        return
      }
      switch text {
      case "NaN": value = .nan
      case "Infinity": value = .infinity
      case "-Infinity": value = -.infinity
      default:
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "'\(text.prefix(64))' is no number")
      }
    }
  }
}
