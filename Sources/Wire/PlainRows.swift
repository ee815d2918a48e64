import Events

/// The rows of a batch in the plain encoding: numbers, and columns of text.
///
/// A column is one of text when any of its cells is a string, even an empty one. There, numbers, `true` and
/// `false` are the text that they are written as, `null` and NaN are missing, and so is an empty string. In
/// other columns `null` is missing, and `true` and `false` are 1 and 0.
///
/// Rows of numbers alone are read once. At the first string, reading begins again: once to see which columns
/// are text, once to take the cells. Memory: 8 bytes a number, 4 and its bytes a cell of text, which has at
/// least two bytes where it was received.
struct PlainRows {
  /// Of all columns of numbers, in their order.
  let numbers: Matrix
  /// Of all columns of text; nil without any.
  let texts: TextBlock?
  /// One a column; empty when none is text.
  let isText: [Bool]

  var columns: Int { numbers.columns + (texts?.columns ?? 0) }

  /// - Throws: `malformed`; `shapeMismatch` for no rows, rows of different lengths and no column of numbers;
  ///   `tooLarge`.
  init(reading reader: inout JSONReader) throws(Remark) {
    _ = reader.peek()
    let start = reader.offset
    do throws(Remark) {
      (numbers, texts, isText) = (try Self.readNumbers(&reader), nil, [])
    } catch {
      // Reading numbers stops where a string begins, and at whatever is wrong.
      guard error.reason == .malformed, reader.peek() == UInt8(ascii: "\"") else { throw error }
      reader.rewind(to: start)
      let shape = try Shape(reading: &reader)
      guard shape.isText.contains(false) else { throw Remark(.shapeMismatch, "no column of numbers") }
      reader.rewind(to: start)
      (numbers, texts) = try Self.readCells(&reader, shape)
      isText = shape.isText
    }
  }

  /// Rows of equal length; `null` is a missing value, `true` and `false` are 1 and 0.
  private static func readNumbers(_ reader: inout JSONReader) throws(Remark) -> Matrix {
    var values: [Double] = []
    var rows = 0
    var columns = 0
    let start = reader.offset
    try reader.readArray { (reader) throws(Remark) in
      let before = values.count
      try reader.readArray { (reader) throws(Remark) in
        switch try reader.readLiteral() {
        case .null: values.append(.nan)
        case .bool(let bool): values.append(bool ? 1 : 0)
        case nil: values.append(try reader.readNumber())
        }
      }
      let count = values.count - before
      try check(count, row: rows, &columns)
      if rows == 0 {
        // Rows are about as long as the first: room for all of them at once, within the frame's limit.
        let estimate = (reader.bytes.count - start) / max(1, reader.offset - start) + 1
        values.reserveCapacity(columns * estimate)
      }
      rows += 1
    }
    guard rows > 0 else { throw Remark(.shapeMismatch, "no rows") }
    return Matrix(rows: rows, columns: columns, values: values)
  }

  /// Whether a row of `count` cells can follow `row` others; `columns` is set by the first.
  private static func check(_ count: Int, row: Int, _ columns: inout Int) throws(Remark) {
    guard row == 0 else {
      guard count == columns else {
        throw Remark(.shapeMismatch, "row 0 has \(columns) values, row \(row) has \(count)")
      }
      return
    }
    guard count > 0 else { throw Remark(.shapeMismatch, "rows without values") }
    guard count <= WireLimits.columns else {
      throw Remark(.tooLarge, "rows of \(count) values, at most \(WireLimits.columns) are taken")
    }
    columns = count
  }

  /// What a first look at all rows tells.
  private struct Shape {
    var rows = 0
    /// Whether a column has a string in any row.
    var isText: [Bool] = []
    /// Of a column's cells as text, each with four bytes for its length.
    private var bytes: [Int] = []

    init(reading reader: inout JSONReader) throws(Remark) {
      var columns = 0
      try reader.readArray { (reader) throws(Remark) in
        var column = 0
        try reader.readArray { (reader) throws(Remark) in
          let cell = try readCell(&reader)
          if rows == 0 {
            isText.append(cell.isString)
            bytes.append(0)
          }
          if column < bytes.count {
            if cell.isString { isText[column] = true }
            bytes[column] += 4 + cell.byteCount
          }
          column += 1
        }
        try check(column, row: rows, &columns)
        rows += 1
      }
    }

    var textBytes: Int { zip(bytes, isText).reduce(0) { $0 + ($1.1 ? $1.0 : 0) } }
  }

  /// A cell as it stands.
  private enum Cell {
    case missing
    case bool(Bool)
    /// A number and the text of it.
    case number(Double, UnsafeRawBufferPointer)
    case text(JSONText)

    var isString: Bool { if case .text = self { true } else { false } }

    /// As text; escapes make it shorter.
    var byteCount: Int {
      switch self {
      case .missing: 0
      case .bool: 5
      case .number(_, let text): text.count
      case .text(let text): text.bytes.count
      }
    }
  }

  private static func readCell(_ reader: inout JSONReader) throws(Remark) -> Cell {
    switch try reader.readLiteral() {
    case .null: return .missing
    case .bool(let bool): return .bool(bool)
    case nil: break
    }
    if reader.peek() == UInt8(ascii: "\"") { return .text(try reader.readText()) }
    let start = reader.offset
    let number = try reader.readNumber()
    return .number(number, UnsafeRawBufferPointer(rebasing: reader.bytes[start..<reader.offset]))
  }

  /// Takes rows that have this shape.
  private static func readCells(
    _ reader: inout JSONReader, _ shape: Shape
  ) throws(Remark) -> (Matrix, TextBlock?) {
    let isText = shape.isText
    let columns = isText.count { !$0 }
    var values: [Double] = []
    values.reserveCapacity(shape.rows * columns)
    var cells = TextBlock.Cells(reserving: shape.textBytes)
    try reader.readArray { (reader) throws(Remark) in
      var column = 0
      try reader.readArray { (reader) throws(Remark) in
        let cell = try readCell(&reader)
        if isText[column] { try append(cell, to: &cells) } else { values.append(number(cell)) }
        column += 1
      }
    }
    return (
      Matrix(rows: shape.rows, columns: columns, values: values),
      TextBlock(rows: shape.rows, columns: isText.count - columns, cells)
    )
  }

  private static func number(_ cell: Cell) -> Double {
    switch cell {
    case .missing, .text: .nan
    case .bool(let bool): bool ? 1 : 0
    case .number(let number, _): number
    }
  }

  private static func append(_ cell: Cell, to cells: inout TextBlock.Cells) throws(Remark) {
    switch cell {
    case .missing: cells.append(EmptyCollection())
    case .bool(let bool): cells.append((bool ? "true" : "false").utf8)
    // As everywhere, what is no finite number is missing.
    case .number(let number, let text):
      if number.isFinite { cells.append(text) } else { cells.append(EmptyCollection()) }
    case .text(let text):
      if let bytes = text.plainBytes { cells.append(bytes) } else { cells.append(try text.resolved().utf8) }
    }
  }
}
