import CKernels

/// Count and mean of every column of a matrix: what a rule needs that looks at means alone.
///
/// NaN and infinities are missing. Memory: 16 bytes a column. Cost: one pass at the speed of reading
/// memory. Error: sums are taken in tiles of 8 rows, so a mean of n rows is off by at most about
/// (8 + n / 8) units in the last place of the largest partial sum.
package struct ColumnMeans: Sendable, Equatable {
  package let columns: Int
  /// Two runs of `columns` values: count, sum.
  private var state: [Double]

  package init(columns: Int) {
    self.columns = columns
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
        tidemark_sum_columns(first, values.count / columns, columns, base, base + columns)
      }
    }
  }

  /// How many values of the column are finite.
  package func present(in column: Int) -> Int { Int(state[column]) }

  /// The mean; NaN without a present value.
  package func mean(of column: Int) -> Double { state[columns + column] / state[column] }
}
