import Foundation
import Monitoring

/// What `tidemark baseline` prints.
package enum BaselineReport {
  /// Categories of a column that are named, and columns in a list.
  private static let named = 5
  private static let longestName = 32

  // MARK: One baseline

  package static func show(_ data: BaselineData) -> String {
    let summary = data.summary
    var rows = [["column", "missing", "mean", "std", "min", "max", "bins"]]
    for (index, column) in summary.columns.enumerated() {
      let name = shortened(column.name ?? "\(index)")
      switch column.content {
      case .numbers(let numbers):
        let isEmpty = numbers.present == 0
        rows.append([
          name, percent(column.missingShare), isEmpty ? "-" : short(numbers.mean),
          short(numbers.standardDeviation), isEmpty ? "-" : short(numbers.minimum),
          isEmpty ? "-" : short(numbers.maximum), "\(column.counts.count - 1)",
        ])
      case .categories(let categories):
        let shares = shares(column)
        let texts = zip(categories, shares.dropFirst(2)).prefix(named).map {
          "\(shortened($0.label)) \(percent($1))"
        }
        let more = categories.count > named ? " and \(categories.count - named) more" : ""
        rows.append([name, percent(column.missingShare), texts.joined(separator: ", ") + more])
      }
    }
    return "\(summary.rows) rows, \(summary.columns.count) columns\n" + table(rows)
  }

  package static func showJSON(_ data: BaselineData) -> String {
    let summary = data.summary
    let columns = summary.columns.map { column in
      var shown = ShownColumn(
        name: column.name, type: "number", missing: finite(column.missingShare),
        bins: column.counts.count - 1,
        dependence: column.dependence)
      switch column.content {
      case .numbers(let numbers):
        guard numbers.present > 0 else { break }
        (shown.mean, shown.std) = (finite(numbers.mean), finite(numbers.standardDeviation))
        (shown.min, shown.max) = (finite(numbers.minimum), finite(numbers.maximum))
      case .categories(let categories):
        shown.type = "text"
        shown.categories = zip(categories, shares(column).dropFirst(2)).map {
          .init(label: $0.label, share: finite($1))
        }
      }
      return shown
    }
    return json(Shown(rows: summary.rows, columns: columns))
  }

  private struct Shown: Encodable {
    var rows: Int
    var columns: [ShownColumn]
  }

  private struct ShownColumn: Encodable {
    var name: String?
    var type: String
    var missing: Double?
    var bins: Int
    var dependence: Double
    var mean: Double?
    var std: Double?
    var min: Double?
    var max: Double?
    var categories: [Share]?
  }

  private struct Share: Encodable {
    var label: String
    var share: Double?
  }

  private static func shares(_ column: BaselineSummary.Column) -> [Double] {
    let sum = column.counts.reduce(0.0) { $0 + Double($1) }
    return column.counts.map { Double($0) / sum }
  }

  // MARK: Two

  package static func diff(_ first: BaselineData, _ second: BaselineData) -> String {
    guard let difference = BaselineDifference(first.baseline, second.baseline) else { return "" }
    var rows = [["column", "psi", "by chance", "w1/iqr", "mean", "std", "missing"]]
    for column in difference.columns {
      rows.append([
        shortened(column.name), short(column.index) + (column.isExact ? "" : "~"),
        short(column.expectedIndex), short(column.distance), pair(column.mean),
        pair(column.standardDeviation),
        "\(percent(column.missingShare.first)) > \(percent(column.missingShare.second))",
      ])
    }
    var lines = [
      "\(Int(difference.rows.first)) rows, then \(Int(difference.rows.second))", table(rows),
    ]
    for column in difference.columns where !column.newCategories.isEmpty {
      lines.append("new in \(shortened(column.name)): \(list(column.newCategories))")
    }
    for column in difference.columns where !column.vanishedCategories.isEmpty {
      lines.append("vanished from \(shortened(column.name)): \(list(column.vanishedCategories))")
    }
    if !difference.new.isEmpty { lines.append("new columns: \(list(difference.new))") }
    if !difference.vanished.isEmpty { lines.append("vanished columns: \(list(difference.vanished))") }
    if !difference.retyped.isEmpty {
      lines.append("text in one, numbers in the other: \(list(difference.retyped))")
    }
    if difference.columns.contains(where: { !$0.isExact }) {
      lines.append("~ estimated: the two were cut into other bins")
    }
    return lines.joined(separator: "\n")
  }

  package static func diffJSON(_ first: BaselineData, _ second: BaselineData) -> String {
    guard let difference = BaselineDifference(first.baseline, second.baseline) else { return "" }
    return json(
      Differing(
        rows: [Int(difference.rows.first), Int(difference.rows.second)],
        columns: difference.columns.map { column in
          DifferingColumn(
            name: column.name, type: column.isText ? "text" : "number", psi: finite(column.index),
            psiByChance: finite(column.expectedIndex), isExact: column.isExact,
            w1Iqr: finite(column.distance), mean: column.isText ? nil : both(column.mean),
            meanShiftStd: finite(column.meanShift),
            std: column.isText ? nil : both(column.standardDeviation), missing: both(column.missingShare),
            newCategories: column.isText ? column.newCategories : nil,
            vanishedCategories: column.isText ? column.vanishedCategories : nil)
        }, newColumns: difference.new, vanishedColumns: difference.vanished,
        retypedColumns: difference.retyped))
  }

  private struct Differing: Encodable {
    var rows: [Int]
    var columns: [DifferingColumn]
    var newColumns: [String]
    var vanishedColumns: [String]
    var retypedColumns: [String]
  }

  private struct DifferingColumn: Encodable {
    var name: String
    var type: String
    var psi: Double?
    var psiByChance: Double?
    var isExact: Bool
    var w1Iqr: Double?
    var mean: [Double?]?
    var meanShiftStd: Double?
    var std: [Double?]?
    var missing: [Double?]
    var newCategories: [String]?
    var vanishedCategories: [String]?
  }

  private static func both(_ pair: BaselineDifference.Pair) -> [Double?] {
    [finite(pair.first), finite(pair.second)]
  }

  // MARK: Text

  private static func json(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Every number in it is finite.
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  private static func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }

  private static func short(_ value: Double) -> String {
    value.isNaN ? "-" : String(format: "%.4g", value)
  }

  private static func pair(_ pair: BaselineDifference.Pair) -> String {
    pair.first.isNaN && pair.second.isNaN ? "-" : "\(short(pair.first)) > \(short(pair.second))"
  }

  private static func percent(_ share: Double) -> String {
    share.isNaN ? "-" : String(format: "%.4g %%", 100 * share)
  }

  /// What a terminal may be given: no control characters, and no more than fits.
  private static func shortened(_ text: String) -> String {
    let plain = String(String.UnicodeScalarView(text.unicodeScalars.map { isPlain($0) ? $0 : "?" }))
    return plain.count > longestName ? plain.prefix(longestName - 1) + "…" : plain
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }

  private static func list(_ names: [String]) -> String {
    names.prefix(named).map(shortened).joined(separator: ", ")
      + (names.count > named ? " and \(names.count - named) more" : "")
  }

  /// Columns side by side; the last cell of a row may be as long as it likes.
  private static func table(_ rows: [[String]]) -> String {
    var widths: [Int] = []
    for row in rows {
      for (place, cell) in row.dropLast().enumerated() {
        if place == widths.count { widths.append(0) }
        widths[place] = max(widths[place], cell.count)
      }
    }
    return rows.map { row in
      row.enumerated().map { place, cell in
        place == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[place] - cell.count)
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
