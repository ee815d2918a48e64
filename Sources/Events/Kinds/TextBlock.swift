/// Columns of text that came with a feature batch, cell after cell, row after row.
///
/// Cells are bytes, meant to be UTF-8 and not checked; an empty one stands for a missing value. Received
/// ones are valid as long as the message they came in, as ``Matrix`` is.
package struct TextBlock: @unchecked Sendable {
  /// Each cell after its length, a little-endian u32.
  private enum Storage {
    case received(UnsafeRawBufferPointer)
    case owned([UInt8])
  }

  package let rows: Int
  package let columns: Int
  private let storage: Storage

  /// - Parameter bytes: the cells where they were received.
  /// - Precondition: they are rows × columns cells and nothing else (the decoder checks it).
  package init(rows: Int, columns: Int, received bytes: UnsafeRawBufferPointer) {
    (self.rows, self.columns, storage) = (rows, columns, .received(bytes))
  }

  /// Cost: one copy of the text; memory: 4 bytes a cell and the text.
  ///
  /// - Precondition: rows × columns cells, row after row.
  package init(rows: Int, columns: Int, cells: [String]) {
    precondition(cells.count == rows * columns)
    var packed = Cells()
    for cell in cells { packed.append(cell.utf8) }
    self.init(rows: rows, columns: columns, packed)
  }

  /// - Precondition: rows × columns cells, row after row.
  package init(rows: Int, columns: Int, _ cells: consuming Cells) {
    precondition(cells.count == rows * columns)
    (self.rows, self.columns, storage) = (rows, columns, .owned(cells.bytes))
  }

  /// Cells being gathered, row after row.
  package struct Cells: Sendable {
    fileprivate var bytes: [UInt8] = []
    package private(set) var count = 0

    /// - Parameter byteCount: of all cells with their lengths, as far as it is known.
    package init(reserving byteCount: Int = 0) { bytes.reserveCapacity(byteCount) }

    /// - Precondition: fewer than 2^32 bytes (frames are smaller).
    package mutating func append(_ text: some Collection<UInt8>) {
      withUnsafeBytes(of: UInt32(text.count).littleEndian) { bytes.append(contentsOf: $0) }
      bytes.append(contentsOf: text)
      count += 1
    }
  }

  /// The cells in place, each after its length as a little-endian u32, row after row.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    switch storage {
    case .received(let bytes): try body(bytes)
    case .owned(let bytes): try bytes.withUnsafeBytes(body)
    }
  }

  /// Goes through the cells, row after row.
  ///
  /// - Parameter body: is given the column and the cell, valid for that call.
  package func eachCell(_ body: (_ column: Int, _ cell: UnsafeRawBufferPointer) -> Void) {
    withBytes { bytes in
      var offset = 0
      for _ in 0..<rows {
        for column in 0..<columns {
          let length = Int(
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
          offset += 4
          body(column, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
          offset += length
        }
      }
    }
  }
}
