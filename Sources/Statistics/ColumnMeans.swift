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

  /// Forgets what was folded.
  package mutating func reset() {
    for index in state.indices { state[index] = 0 }
  }

  /// Folds in whole rows of a row-major matrix, which is some of the columns.
  ///
  /// - Parameters:
  ///   - values: read in place; they need no alignment.
  ///   - first: the column that the matrix's first one is.
  /// - Precondition: `values` holds rows × columns numbers, and `first + columns` are there.
  package mutating func fold(
    _ values: UnsafeRawBufferPointer, _ format: NumberFormat, rows: Int, columns: Int, at first: Int = 0
  ) {
    precondition(
      values.count == rows * columns * format.size && first >= 0 && first + columns <= self.columns)
    state.withUnsafeMutableBufferPointer { state in
      origin.withUnsafeBufferPointer { origin in
        guard let base = state.baseAddress, let from = origin.baseAddress, let start = values.baseAddress
        else { return }
        tidemark_sum_columns(
          start, format.kernel, rows, columns, from + first, base + first, base + self.columns + first)
      }
    }
  }

  /// Forgets what was folded and folds in `values`, whole rows of all columns.
  ///
  /// - Precondition: `values` holds whole rows of this many columns.
  package mutating func replace(with values: [Double]) {
    reset()
    guard columns > 0 else { return }
    precondition(values.count % columns == 0)
    values.withUnsafeBytes { fold($0, .float64, rows: values.count / columns, columns: columns) }
  }

  /// How many values of the column are finite.
  package func present(in column: Int) -> Int { Int(state[column]) }

  /// The mean's distance from the origin; NaN without a present value.
  package func distance(of column: Int) -> Double { state[columns + column] / state[column] }

  /// The mean; NaN without a present value.
  package func mean(of column: Int) -> Double { origin[column] + distance(of: column) }
}
