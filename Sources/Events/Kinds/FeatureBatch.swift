/// Rows of a model's inputs (`tidemark.features.v1`).
package struct FeatureBatch: Sendable {
  /// One name a column; nil when the producer gave none and columns are matched by position.
  package var names: FeatureNames?
  package var matrix: Matrix

  /// - Precondition: there are as many names as columns (the decoder refuses anything else).
  package init(names: FeatureNames?, matrix: Matrix) {
    precondition(names == nil || names!.count == matrix.columns)
    self.names = names
    self.matrix = matrix
  }
}

/// A dense matrix of 64-bit floats, row after row; NaN and infinities stand for missing values.
package struct Matrix: Sendable, Equatable {
  package let rows: Int
  package let columns: Int
  /// `rows × columns` values; row `r`, column `c` at `r · columns + c`.
  package let values: [Double]

  /// - Precondition: `values` has rows × columns elements.
  package init(rows: Int, columns: Int, values: [Double]) {
    precondition(rows >= 0 && columns >= 0 && values.count == rows * columns)
    self.rows = rows
    self.columns = columns
    self.values = values
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
