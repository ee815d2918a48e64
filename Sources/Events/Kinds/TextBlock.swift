/// Columns of text that came with a feature batch, cell after cell, row after row.
///
/// Cells are bytes, meant to be UTF-8 and not checked; an empty one stands for a missing value. Received
/// ones are valid as long as the message they came in, as ``Matrix`` is.
package struct TextBlock: @unchecked Sendable {
  private enum Storage {
    /// Each cell after its length, a little-endian u32.
    case received(UnsafeRawBufferPointer)
    case owned([String])
  }

  package let rows: Int
  package let columns: Int
  private let storage: Storage

  /// - Parameter bytes: the cells where they were received.
  /// - Precondition: they are rows × columns cells and nothing else (the decoder checks it).
  package init(rows: Int, columns: Int, received bytes: UnsafeRawBufferPointer) {
    (self.rows, self.columns, storage) = (rows, columns, .received(bytes))
  }

  /// - Precondition: rows × columns cells, row after row.
  package init(rows: Int, columns: Int, cells: [String]) {
    precondition(cells.count == rows * columns)
    (self.rows, self.columns, storage) = (rows, columns, .owned(cells))
  }

  /// Goes through the cells, row after row.
  ///
  /// - Parameter body: is given the column and the cell, valid for that call.
  package func forEach(_ body: (_ column: Int, _ cell: UnsafeRawBufferPointer) -> Void) {
    switch storage {
    case .received(let bytes):
      var offset = 0
      for element in 0..<rows * columns {
        let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        offset += 4
        body(element % columns, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
        offset += length
      }
    case .owned(let cells):
      for (element, cell) in cells.enumerated() {
        var cell = cell
        cell.withUTF8 { body(element % columns, UnsafeRawBufferPointer($0)) }
      }
    }
  }
}
