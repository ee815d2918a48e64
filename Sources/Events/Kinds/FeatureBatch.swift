/// Rows of a model's inputs (`tidemark.features.v1`).
package struct FeatureBatch: Sendable {
  /// One name a column; nil when the producer gave none and columns are matched by position.
  package var names: FeatureNames?
  /// Matrices of equally many rows whose columns stand side by side; one, unless the producer's
  /// columns differ in type.
  package var blocks: [Matrix]
  /// Columns of text that came with these, of as many rows; judged by preset `standard` alone.
  package var texts: [TextBlock] = []
  /// One name a column of text; nil when the producer gave none.
  package var textNames: FeatureNames?

  /// - Precondition: there are as many names as columns, and as many rows in every block (the decoder
  ///   refuses anything else).
  package init(names: FeatureNames?, blocks: [Matrix]) {
    self.names = names
    self.blocks = blocks
    precondition(names == nil || names!.count == columns)
    precondition(blocks.allSatisfy { $0.rows == rows })
  }

  package init(names: FeatureNames?, matrix: Matrix) { self.init(names: names, blocks: [matrix]) }

  package var rows: Int { blocks.first?.rows ?? 0 }
  /// Of numbers.
  package var columns: Int { blocks.reduce(0) { $0 + $1.columns } }
  package var textColumns: Int { texts.reduce(0) { $0 + $1.columns } }
}

/// A dense matrix of numbers, row after row; NaN and infinities stand for missing values.
///
/// Its values are its own, or stand where they were received. Received ones are valid until the
/// message they came in is replaced, so whoever keeps an event beyond handling it copies them with
/// ``values``; that contract is what makes it `Sendable`.
package struct Matrix: @unchecked Sendable {
  /// How one value is stored; little-endian.
  package enum Format: Sendable, CaseIterable {
    case float64
    case float32
    case int64
    case int32
    /// One byte; 0 is false and counts as 0, all else as 1.
    case bool

    /// Bytes of one value.
    package var size: Int {
      switch self {
      case .float64, .int64: 8
      case .float32, .int32: 4
      case .bool: 1
      }
    }
  }

  private enum Storage {
    case owned([Double])
    case received(UnsafeRawBufferPointer)
  }

  package let rows: Int
  package let columns: Int
  package let format: Format
  private let storage: Storage

  /// - Precondition: `values` has rows × columns elements; row `r`, column `c` at `r · columns + c`.
  package init(rows: Int, columns: Int, values: [Double]) {
    precondition(rows >= 0 && columns >= 0 && values.count == rows * columns)
    (self.rows, self.columns, format, storage) = (rows, columns, .float64, .owned(values))
  }

  /// - Parameter bytes: the values where they were received; they need no alignment.
  /// - Precondition: `bytes` holds rows × columns values of this format.
  package init(rows: Int, columns: Int, format: Format, received bytes: UnsafeRawBufferPointer) {
    precondition(rows >= 0 && columns >= 0 && bytes.count == rows * columns * format.size)
    (self.rows, self.columns, self.format, storage) = (rows, columns, format, .received(bytes))
  }

  /// The values in place, `rows × columns` of ``format``, row after row and unaligned.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    switch storage {
    case .owned(let values): try values.withUnsafeBytes(body)
    case .received(let bytes): try body(bytes)
    }
  }

  /// The values as doubles, a copy unless they are that already.
  package var values: [Double] {
    if case .owned(let values) = storage { return values }
    return withBytes { bytes in
      (0..<rows * columns).map { index in
        let offset = index * format.size
        switch format {
        case .float64: return bytes.loadUnaligned(fromByteOffset: offset, as: Double.self)
        case .float32: return Double(bytes.loadUnaligned(fromByteOffset: offset, as: Float.self))
        case .int64: return Double(bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self))
        case .int32: return Double(bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
        case .bool: return bytes[offset] == 0 ? 0 : 1
        }
      }
    }
  }
}

/// An ordered list of distinct feature names, shared by every batch that bears the same list.
///
/// A steady stream repeats its names, so decoders hand out one object for equal lists and a monitor
/// that has matched it once knows it by identity.
package final class FeatureNames: Sendable, Equatable {
  package let names: [String]

  /// Nil when a name stands twice; ``firstDuplicate(in:)`` says which.
  package init?(_ names: [String]) {
    guard Self.firstDuplicate(in: names) == nil else { return nil }
    self.names = names
  }

  package var count: Int { names.count }

  /// The first name that stands a second time.
  package static func firstDuplicate(in names: [String]) -> String? {
    var seen = Set<String>(minimumCapacity: names.count)
    return names.first { !seen.insert($0).inserted }
  }

  package static func == (left: FeatureNames, right: FeatureNames) -> Bool {
    left === right || left.names == right.names
  }
}
