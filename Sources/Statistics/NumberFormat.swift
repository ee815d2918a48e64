import CKernels

/// How the numbers of a matrix are stored, little-endian.
package enum NumberFormat: Sendable, CaseIterable {
  case float64
  case float32
  /// Beyond 2^53 the nearest double is taken.
  case int64
  case int32
  /// One byte: 0 counts as 0, all else as 1.
  case bool

  /// Bytes of one number.
  package var size: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .bool: 1
    }
  }

  var kernel: tidemark_format {
    switch self {
    case .float64: TIDEMARK_FLOAT64
    case .float32: TIDEMARK_FLOAT32
    case .int64: TIDEMARK_INT64
    case .int32: TIDEMARK_INT32
    case .bool: TIDEMARK_BOOL
    }
  }
}
