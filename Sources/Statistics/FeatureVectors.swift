import CKernels

// Sums over vectors of features, in C, since Swift may not reorder sums to make them wide.

/// Σ (part·a − total·b)².
package func squaredDistance(
  _ part: UnsafeBufferPointer<Double>, times a: Double, _ total: [Double], times b: Double
) -> Double {
  precondition(part.count == total.count)
  return total.withUnsafeBufferPointer {
    tidemark_squared_distance(part.baseAddress!, $0.baseAddress!, a, b, part.count)
  }
}

/// Σ (a − mean)(b − mean) of two rows of a matrix.
///
/// - Precondition: the matrix has both rows, of as many values as the mean.
package func centredProduct(
  _ matrix: UnsafeBufferPointer<Double>, rows a: Int, _ b: Int, around mean: [Double]
) -> Double {
  let width = mean.count
  precondition(a >= 0 && b >= 0 && (max(a, b) + 1) * width <= matrix.count)
  return mean.withUnsafeBufferPointer {
    tidemark_centred_product(
      matrix.baseAddress! + a * width, matrix.baseAddress! + b * width, $0.baseAddress!, width)
  }
}

/// scale · cos(ωᵀx + b) for every feature, a run of frequencies of the row's length each.
package func cosines(
  of row: UnsafeBufferPointer<Double>, frequencies: [Double], phases: [Double], scale: Double,
  into features: UnsafeMutableBufferPointer<Double>
) {
  precondition(features.count == phases.count && frequencies.count == phases.count * row.count)
  tidemark_cosines(
    frequencies, phases, row.baseAddress!, row.count, phases.count, scale, features.baseAddress!)
}
