import CKernels

/// Count and mean of every column of a matrix, as the distance from an origin: what a rule needs that
/// compares means alone.
///
/// NaN and infinities are missing. Memory: 24 bytes a column. Cost: one pass at the speed of reading
/// memory. Error: distances are summed in tiles of 8 rows, so the distance of n rows is off by at most
/// about (8 + n / 8) units in the last place of the largest partial sum of distances; a column that
/// equals its origin is at distance 0 exactly.
package struct ColumnMeans: Sendable, Equatable {
  package let columns: Int
  /// What each column is measured from; finite.
  private let origin: [Double]
  /// Two runs of `columns` values: count, sum of distances.
  private var state: [Double]

  /// - Parameter origin: one value a column; one that is not finite counts as 0.
  package init(origin: [Double]) {
    columns = origin.count
    self.origin = origin.map { $0.isFinite ? $0 : 0 }
    state = [Double](repeating: 0, count: 2 * columns)
  }

  /// Forgets what was folded and folds in `values`, whole rows of a row-major matrix.
  ///
  /// - Precondition: `values` holds whole rows of this many columns.
  package mutating func replace(with values: [Double]) {
    guard columns > 0 else { return }
    precondition(values.count % columns == 0)
    for index in state.indices { state[index] = 0 }
    state.withUnsafeMutableBufferPointer { state in
      values.withUnsafeBufferPointer { values in
        guard let base = state.baseAddress, let first = values.baseAddress else { return }
        tidemark_sum_columns(first, values.count / columns, columns, origin, base, base + columns)
      }
    }
  }

  /// How many values of the column are finite.
  package func present(in column: Int) -> Int { Int(state[column]) }

  /// The mean's distance from the origin; NaN without a present value.
  package func distance(of column: Int) -> Double { state[columns + column] / state[column] }

  /// The mean; NaN without a present value.
  package func mean(of column: Int) -> Double { origin[column] + distance(of: column) }
}
