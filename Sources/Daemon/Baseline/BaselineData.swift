import Events
import Foundation
import Monitoring
import Wire

/// A feature baseline from a file of any kind, told apart by what it holds: a baseline file, a NumPy array, or
/// a CSV table.
package struct BaselineData: Sendable {
  /// What is wrong with a file.
  package struct Problem: Error, CustomStringConvertible {
    package var description: String
    package var status = ExitStatus.data

    init(_ description: String, status: ExitStatus = .data) {
      (self.description, self.status) = (description, status)
    }
  }

  /// 10 million values: 1000 × 10,000, read once.
  static let maximumBytes = 256 << 20
  /// Cutting bins takes half a KiB a row beside the rows: 512 MiB.
  static let maximumRows = 1 << 20

  let baseline: FeatureBaseline

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - names: of the columns of an array, or of a table, whose first line is then a row.
  ///   - excluded: columns of a table to leave out, by name.
  ///   - other: whose bins rows are counted in, where the file has rows; to be compared with it.
  package init(
    reading path: String, names: [String]? = nil, excluding excluded: [String] = [],
    countingAsIn other: BaselineData? = nil
  ) throws(Problem) {
    let url = URL(fileURLWithPath: path)
    let data: Data
    do {
      let size = try url.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
      guard size <= Self.maximumBytes else {
        throw Problem("has \(size) bytes, at most \(Self.maximumBytes) are read")
      }
      data = try Data(contentsOf: url, options: .mappedIfSafe)
    } catch let problem as Problem {
      throw problem
    } catch {
      throw Problem("cannot be read", status: .noInput)
    }
    try self.init(data, names: names, excluding: excluded, countingAsIn: other)
  }

  init(
    _ data: Data, names: [String]? = nil, excluding excluded: [String] = [],
    countingAsIn other: BaselineData? = nil
  ) throws(Problem) {
    if BaselineFile.recognises(data) {
      guard names == nil, excluded.isEmpty else {
        throw Problem("is a baseline already; its names stand in it")
      }
      baseline = try BaselineFile.read(data)
    } else if data.first == ArrayLayout.firstByte {
      guard excluded.isEmpty else { throw Problem("an array's columns have no names to leave out by") }
      baseline = try Self.array(data, names, other)
    } else {
      let table = try FeatureTable(parsing: data, names: names, excluding: excluded)
      baseline = Self.baseline(table.batch, other)
    }
  }

  private static func baseline(_ batch: FeatureBatch, _ other: BaselineData?) -> FeatureBaseline {
    let own = FeatureBaseline(batch, isDetailed: true)
    return other.map { own.counting(batch, asIn: $0.baseline) } ?? own
  }

  private static func array(
    _ data: Data, _ names: [String]?, _ other: BaselineData?
  ) throws(Problem) -> FeatureBaseline {
    let layout: ArrayLayout
    do { layout = try ArrayLayout(data) } catch {
      throw Problem((error as? PublishFile.Problem)?.message ?? "no .npy file")
    }
    guard layout.rows <= maximumRows else { throw Problem("\(layout.rows) rows, at most \(maximumRows)") }
    let featureNames = names.flatMap(FeatureNames.init)
    guard names == nil || featureNames?.count == layout.columns else {
      throw Problem("\(names?.count ?? 0) names for \(layout.columns) columns, or a name twice")
    }
    let size = layout.rows * layout.columns * layout.format.size
    return data.withUnsafeBytes { bytes in
      let matrix = Matrix(
        rows: layout.rows, columns: layout.columns, format: layout.format,
        received: UnsafeRawBufferPointer(rebasing: bytes[layout.offset..<layout.offset + size]))
      return baseline(FeatureBatch(names: featureNames, matrix: matrix), other)
    }
  }

  /// The baseline as a file's text. It always has bins.
  package var text: String { BaselineFile.text(summary) }

  var summary: BaselineSummary { baseline.summary ?? BaselineSummary(rows: 0, columns: []) }

  /// Writes the baseline file, whole or not at all.
  package func write(to path: String) throws(Problem) {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw Problem("cannot be written", status: .cannotCreate)
    }
  }
}

/// A CSV table of numbers and text.
///
/// A first line with a cell that is no number names the columns. Empty cells, `NA`, `NaN` and `null` are
/// missing; a column with any other cell that is no number is one of text. Cells with commas stand in quotes
/// (RFC 4180), on one line.
struct FeatureTable {
  let batch: FeatureBatch

  init(parsing data: Data, names: [String]? = nil, excluding excluded: [String] = [])
    throws(BaselineData.Problem)
  {
    var reading = Reading(isHeaderless: names != nil, excluded: Set(excluded))
    try Self.forEachRow(of: data) { (cells) throws(BaselineData.Problem) in try reading.take(cells) }
    reading.names = names ?? reading.names
    guard reading.rows > 0 else { throw BaselineData.Problem("has no rows") }
    if let missing = excluded.first(where: { !reading.found.contains($0) }) {
      throw BaselineData.Problem("has no column '\(missing.prefix(64))' to leave out")
    }
    let texts = reading.places.filter { reading.isText[$0] }
    var cells: [String] = []
    if !texts.isEmpty {
      // A second time, for the cells of columns that turned out to be text.
      var isFirst = reading.hasHeader
      cells.reserveCapacity(reading.rows * texts.count)
      try Self.forEachRow(of: data) { (row) throws(BaselineData.Problem) in
        if isFirst {
          isFirst = false
          return
        }
        for place in texts {
          let isMissing = BaselineTable.number(row[place])?.isNaN ?? false
          cells.append(isMissing ? "" : row[place])
        }
      }
    }
    batch = try reading.batch(texts, cells)
  }

  /// What a first reading finds.
  private struct Reading {
    let isHeaderless: Bool
    let excluded: Set<String>
    var names: [String]?
    var hasHeader = false
    /// Cells of a row.
    var width = 0
    /// Of the columns that are read.
    var places: [Int] = []
    var found: Set<String> = []
    var isText: [Bool] = []
    var rows = 0
    /// Row after row of the columns that are read; NaN for text.
    var values: [Double] = []

    mutating func take(_ cells: [String]) throws(BaselineData.Problem) {
      if width == 0 {
        width = cells.count
        hasHeader = !isHeaderless && cells.contains { BaselineTable.number($0) == nil }
        let left = cells.indices.filter { hasHeader && excluded.contains(cells[$0]) }
        found = Set(left.map { cells[$0] })
        places = cells.indices.filter { !left.contains($0) }
        isText = Array(repeating: false, count: width)
        guard places.count <= WireLimits.columns else {
          throw BaselineData.Problem("has \(places.count) columns, at most \(WireLimits.columns) are taken")
        }
        if hasHeader {
          names = places.map { cells[$0] }
          return
        }
      }
      guard cells.count == width else {
        throw BaselineData.Problem("has \(cells.count) cells, the first line has \(width)")
      }
      for place in places {
        let value = isText[place] ? .nan : BaselineTable.number(cells[place])
        if value == nil { isText[place] = true }
        values.append(value ?? .nan)
      }
      rows += 1
      guard rows <= BaselineData.maximumRows else {
        throw BaselineData.Problem("more than \(BaselineData.maximumRows) rows")
      }
    }

    func batch(_ texts: [Int], _ cells: [String]) throws(BaselineData.Problem) -> FeatureBatch {
      guard texts.count < places.count else { throw BaselineData.Problem("has no column of numbers") }
      guard names == nil || names?.count == places.count else {
        throw BaselineData.Problem("\(names?.count ?? 0) names for \(places.count) columns")
      }
      if let twice = names.flatMap(FeatureNames.firstDuplicate) {
        throw BaselineData.Problem("the name '\(twice.prefix(64))' stands twice")
      }
      let kept = places.indices.filter { !isText[places[$0]] }
      var numbers = values
      if kept.count < places.count {
        numbers = (0..<rows).flatMap { row in kept.map { values[row * places.count + $0] } }
      }
      var batch = FeatureBatch(
        names: names.flatMap { names in FeatureNames(kept.map { names[$0] }) },
        matrix: Matrix(rows: rows, columns: kept.count, values: numbers))
      guard !texts.isEmpty else { return batch }
      batch.texts = [TextBlock(rows: rows, columns: texts.count, cells: cells)]
      batch.textNames = names.flatMap { names in
        FeatureNames(places.indices.filter { isText[places[$0]] }.map { names[$0] })
      }
      return batch
    }
  }

  /// Goes through the lines that are not blank, cut into cells.
  private static func forEachRow(
    of data: Data, _ body: ([String]) throws(BaselineData.Problem) -> Void
  ) throws(BaselineData.Problem) {
    var number = 0
    var rest = data.starts(with: [0xef, 0xbb, 0xbf]) ? data.dropFirst(3) : data
    while !rest.isEmpty {
      number += 1
      let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
      let bytes = rest[rest.startIndex..<end]
      rest = end < rest.endIndex ? rest[(end + 1)...] : rest[rest.endIndex...]
      do throws(BaselineData.Problem) {
        guard let line = String(validating: bytes, as: UTF8.self) else {
          throw BaselineData.Problem("no UTF-8")
        }
        if line.utf8.allSatisfy({ [0x20, 0x09, 0x0d].contains($0) }) { continue }
        try body(try cells(of: line))
      } catch {
        throw BaselineData.Problem("line \(number): \(error.description)")
      }
    }
  }

  /// Cells between commas, without the white space around them; quotes are taken off.
  static func cells(of line: String) throws(BaselineData.Problem) -> [String] {
    let utf8 = line.utf8
    guard utf8.contains(UInt8(ascii: "\"")) else {
      return utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        .map { trimmed(Substring($0)) }
    }
    var cells: [String] = []
    var cell = ""
    // Within quotes everything stands for itself but a quote, which stands doubled.
    var isQuoted = false
    var wasQuoted = false
    var rest = Substring(line).unicodeScalars
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\"" where isQuoted && rest.first == "\"":
        rest.removeFirst()
        cell.unicodeScalars.append("\"")
      case "\"" where isQuoted: isQuoted = false
      case "\"" where trimmed(Substring(cell)).isEmpty && !wasQuoted:
        (cell, isQuoted, wasQuoted) = ("", true, true)
      case "," where !isQuoted:
        cells.append(wasQuoted ? cell : trimmed(Substring(cell)))
        (cell, wasQuoted) = ("", false)
      case " ", "\t", "\r":
        // Behind the closing quote it is no part of the cell.
        if isQuoted || !wasQuoted { cell.unicodeScalars.append(scalar) }
      default: cell.unicodeScalars.append(scalar)
      }
    }
    guard !isQuoted else { throw BaselineData.Problem("a quote that does not end on its line") }
    cells.append(wasQuoted ? cell : trimmed(Substring(cell)))
    return cells
  }

  private static func trimmed(_ text: Substring) -> String {
    var bytes = text.utf8
    while let first = bytes.first, [0x20, 0x09, 0x0d].contains(first) { bytes.removeFirst() }
    while let last = bytes.last, [0x20, 0x09, 0x0d].contains(last) { bytes.removeLast() }
    return String(Substring(bytes))
  }
}
