import Events
import Foundation
import Monitoring
import Wire

/// A feature baseline as configurations give it: a CSV table, a NumPy array or a baseline file, told apart by
/// what it holds, or rows in place.
struct BaselineTable {
  /// Where relative paths begin: the configuration's own directory.
  let directory: URL

  /// Nil when something is wrong, which is then noted on `node`.
  func read(_ node: ConfigurationNode) -> FeatureBaseline? {
    if node.isMapping { return readInline(node).map(Self.baseline) }
    let want = "the name of a CSV, .npy or baseline file, or {feature_names, rows}"
    guard let path = node.text(want: want) else { return nil }
    let url = URL(fileURLWithPath: path, relativeTo: directory)
    do {
      let size = try url.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
      guard size <= BaselineData.maximumBytes else {
        node.note("\(path) has \(size) bytes, at most \(BaselineData.maximumBytes) are read")
        return nil
      }
      let data = try Data(contentsOf: url, options: .mappedIfSafe)
      if BaselineFile.recognises(data) || data.first == ArrayLayout.firstByte {
        return try BaselineData(data).baseline
      }
      if let text = String(validating: data, as: UTF8.self) { return Self.baseline(try Self.parseCSV(text)) }
      node.note("\(path) is no UTF-8 text, want \(want)")
    } catch let problem as BaselineData.Problem {
      node.note("\(path): \(problem.description)")
    } catch let problem as CSVProblem {
      node.note("\(path):\(problem.line): \(problem.message)")
    } catch {
      node.note("\(path) cannot be read, want \(want) relative to the configuration")
    }
    return nil
  }

  /// In detail also under preset `reference`, since an entry that inherits it may have another one.
  private static func baseline(_ batch: FeatureBatch) -> FeatureBaseline {
    FeatureBaseline(batch, isDetailed: true)
  }

  private func readInline(_ node: ConfigurationNode) -> FeatureBatch? {
    let members = node.members(["feature_names", "rows"])
    let names = members["feature_names"]?.elements(want: "a list of names")?
      .compactMap { $0.text(want: "a name") }
    guard let rowsNode = members["rows"] else {
      node.note("has no rows, want rows: [[1.0, 2.0], …]")
      return nil
    }
    guard let rows = rowsNode.elements(want: "a list of rows") else { return nil }
    var values: [Double] = []
    var columns: Int?
    for row in rows {
      guard let cells = row.elements(want: "a list of numbers") else { return nil }
      if let columns, cells.count != columns {
        row.note("has \(cells.count) values, the first row has \(columns)")
        return nil
      }
      columns = cells.count
      for cell in cells {
        guard let value = cell.cell() else { return nil }
        values.append(value)
      }
    }
    return Self.batch(names: names, columns: columns ?? 0, values: values) { node.note($0) }
  }

  struct CSVProblem: Error {
    var line: Int
    var message: String
  }

  /// Comma-separated numbers; a first line that is not all numbers names the columns. Empty, `NA`,
  /// `NaN` and `null` are missing values.
  static func parseCSV(_ text: String) throws -> FeatureBatch {
    var names: [String]?
    var values: [Double] = []
    var columns: Int?
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      if line.allSatisfy(\.isWhitespace) { continue }
      let cells = line.split(separator: ",", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      let row = cells.map(number)
      if columns == nil, row.contains(nil) {
        names = cells.map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"")) }
        columns = cells.count
        continue
      }
      if let columns, cells.count != columns {
        throw CSVProblem(
          line: index + 1, message: "has \(cells.count) values, the lines before have \(columns)")
      }
      columns = cells.count
      for (place, value) in row.enumerated() {
        guard let value else {
          throw CSVProblem(line: index + 1, message: "'\(cells[place].prefix(64))' is no number")
        }
        values.append(value)
      }
    }
    var problem: String?
    if let batch = batch(names: names, columns: columns ?? 0, values: values, note: { problem = $0 }) {
      return batch
    }
    throw CSVProblem(line: 1, message: problem ?? "")
  }

  /// Empty, `NA`, `NaN` and `null` are missing; nil is no number.
  static func number(_ cell: String) -> Double? {
    switch cell.lowercased() {
    case "", "na", "nan", "null": .nan
    default: Double(cell)
    }
  }

  private static func batch(
    names: [String]?, columns: Int, values: [Double], note: (String) -> Void
  ) -> FeatureBatch? {
    guard columns > 0, !values.isEmpty else {
      note("has no rows")
      return nil
    }
    guard columns <= WireLimits.columns else {
      note("has \(columns) columns, at most \(WireLimits.columns) are taken")
      return nil
    }
    var featureNames: FeatureNames?
    if let names {
      guard names.count == columns else {
        note("has \(names.count) names for \(columns) columns")
        return nil
      }
      guard let distinct = FeatureNames(names) else {
        note("names '\(FeatureNames.firstDuplicate(in: names) ?? "")' twice")
        return nil
      }
      featureNames = distinct
    }
    return FeatureBatch(
      names: featureNames, matrix: Matrix(rows: values.count / columns, columns: columns, values: values))
  }
}

extension ConfigurationNode {
  /// One value of an inline row; `null` and `.nan` are missing.
  fileprivate func cell() -> Double? {
    guard let scalar = node.scalar, scalar.style == .plain else {
      note("is no number, want a number or null")
      return nil
    }
    if ["", "~", "null", ".nan", ".NaN"].contains(scalar.string) { return .nan }
    guard let value = Double(scalar.string) else {
      note("'\(scalar.string.prefix(64))' is no number, want a number or null")
      return nil
    }
    return value
  }
}
