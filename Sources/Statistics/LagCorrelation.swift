import CKernels

/// How much the rows of a reference depend on the row before, column by column.
package enum LagCorrelation {
  /// Below this a correlation of about a thousand rows is noise.
  package static let least = 0.05
  /// Above this a sample says no more than that its rows are one.
  static let most = 0.98

  /// The lag-1 autocorrelation of every column of a row-major matrix, rows in the order of time:
  /// Σ (x_t − x̄)(x_{t+1} − x̄) / Σ (x_t − x̄)², pairs with a missing value left out. 0 for a column without
  /// deviation, and for one too large for its squares. Cost: two passes; memory 24 bytes a column.
  ///
  /// - Precondition: `values` holds whole rows of this many columns.
  package static func columns(
    of values: UnsafeRawBufferPointer, _ format: NumberFormat, columns: Int
  ) -> [Double] {
    guard columns > 0, let base = values.baseAddress else { return [Double](repeating: 0, count: columns) }
    let stride = columns * format.size
    precondition(values.count % stride == 0)
    var moments = ColumnMoments(columns: columns)
    moments.fold(values, format)
    let means = (0..<columns).map { moments.mean(of: $0) }
    var (products, squares) = ([Double](repeating: 0, count: columns), [Double](repeating: 0, count: columns))
    var (row, before) = (products, [Double](repeating: .nan, count: columns))
    for offset in Swift.stride(from: 0, to: values.count, by: stride) {
      tidemark_widen(base + offset, format.kernel, columns, &row)
      for column in 0..<columns {
        let distance = row[column] - means[column]
        row[column] = distance
        if distance.isFinite { squares[column] += distance * distance }
        let product = distance * before[column]
        if product.isFinite { products[column] += product }
      }
      swap(&row, &before)
    }
    return zip(products, squares).map { product, square in
      let correlation = product / square
      return correlation.isFinite ? correlation : 0
    }
  }

  /// By what evidence is divided when rows have this autocorrelation: (1 + ρ)/(1 − ρ), how many rows of a
  /// first-order autoregression say as much of its mean as one independent row; 1 below ``least``. It is an
  /// allowance and no proof: other dependence, and other quantities than a mean, need another.
  package static func dependence(_ correlation: Double) -> Double {
    guard correlation >= least else { return 1 }
    let bounded = min(correlation, most)
    return (1 + bounded) / (1 - bounded)
  }
}
