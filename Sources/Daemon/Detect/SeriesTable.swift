import Foundation

/// A series of observations as text: one row a line, one or more columns of numbers.
package struct SeriesTable: Sendable {
  /// What is wrong with a file, with its line.
  package struct Problem: Error, CustomStringConvertible {
    package var description: String
    package var status = ExitStatus.data
  }

  /// 32 million values; a file is read whole, since a column's kind is known at its end only.
  static let maximumBytes = 512 << 20
  /// Columns of one series: pairs of them are looked at, so the work grows with their square.
  static let maximumColumns = 256

  /// Nil without a header.
  package private(set) var names: [String]?
  package private(set) var columns = 0
  /// Row after row; NaN where a value is missing.
  package private(set) var values: [Double] = []

  package var rows: Int { columns == 0 ? 0 : values.count / columns }

  /// Whether every value that is there is 0 or 1.
  package var isBinary: Bool { values.allSatisfy { $0 == 0 || $0 == 1 || $0.isNaN } }

  /// Whether every value that is there lies between 0 and 1.
  package var isShare: Bool { values.allSatisfy { (0...1).contains($0) || $0.isNaN } }

  /// Reads cells separated by commas, or by semicolons or tabs where the first line has no comma. Empty cells,
  /// `NA`, `NaN` and `null` are missing. A first line with a cell that is no number names the columns.
  ///
  /// - Parameter chosen: the columns to read, by name or by number from 1; nil for all.
  init(parsing text: Data, columns chosen: [String]? = nil) throws(Problem) {
    guard text.count <= Self.maximumBytes else {
      throw Problem(description: "\(text.count) bytes, at most \(Self.maximumBytes) are read")
    }
    var separator = UInt8(ascii: ",")
    var picked: [Int]?
    var width: Int?
    var line = 0
    for bytes in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      line += 1
      let bytes = bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
      // A blank line ends a file or parts it; it is no observation.
      if bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { continue }
      if width == nil, !bytes.contains(separator) {
        separator = [UInt8(ascii: ";"), UInt8(ascii: "\t")].first { bytes.contains($0) } ?? separator
      }
      let cells = bytes.split(separator: separator, omittingEmptySubsequences: false)
      if width == nil {
        width = cells.count
        let first = cells.map(Self.number)
        let isHeader = first.contains(nil)
        if isHeader { names = cells.map(Self.text) }
        picked = try chosen.map { (chosen) throws(Problem) in try places(of: chosen, among: cells.count) }
        columns = picked?.count ?? cells.count
        if let places = picked, let all = names { names = places.map { all[$0] } }
        guard columns <= Self.maximumColumns else {
          throw Problem(description: "\(columns) columns, at most \(Self.maximumColumns) are taken")
        }
        if isHeader { continue }
      }
      guard cells.count == width else {
        throw Problem(description: "line \(line) has \(cells.count) cells, the first has \(width ?? 0)")
      }
      for place in picked ?? Array(0..<cells.count) {
        guard let value = Self.number(cells[place]) else {
          throw Problem(
            description: "line \(line): '\(Self.text(cells[place]).prefix(64))' is no number; "
              + "--columns chooses the columns to read")
        }
        values.append(value)
      }
    }
    guard rows > 0 else { throw Problem(description: "no row of numbers") }
  }

  /// Reads a file.
  ///
  /// - Parameter path: '-' reads standard input.
  package init(reading path: String, columns chosen: [String]? = nil) throws(Problem) {
    let text: Data
    do {
      text =
        path == "-"
        ? try FileHandle.standardInput.readToEnd() ?? Data()
        : try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    } catch {
      throw Problem(description: "cannot be read", status: .noInput)
    }
    try self.init(parsing: text, columns: chosen)
  }

  private func places(of chosen: [String], among count: Int) throws(Problem) -> [Int] {
    var places: [Int] = []
    for column in chosen {
      if let place = names?.firstIndex(of: column) {
        places.append(place)
      } else if let number = Int(column), (1...count).contains(number) {
        places.append(number - 1)
      } else {
        throw Problem(description: "there is no column '\(column)'")
      }
    }
    return places
  }

  private static func text(_ cell: Data.SubSequence) -> String {
    String(decoding: cell, as: UTF8.self).trimmingCharacters(in: CharacterSet(charactersIn: " \t\""))
  }

  /// Nil for what is no number; infinities count as missing.
  private static func number(_ cell: Data.SubSequence) -> Double? {
    let text = text(cell)
    if let value = Double(text) { return value.isFinite ? value : .nan }
    return ["", "na", "nan", "null", "none"].contains(text.lowercased()) ? .nan : nil
  }

  /// The name of a column, or its number from 1.
  package func name(of column: Int) -> String { names?[column] ?? String(column + 1) }
}
