import CKernels

/// Functions that are alike on every processor, to the last bit, as a platform's own need not be.
package enum Exactly {
  /// The natural logarithm of a positive normal number, within 1 ulp.
  package static func log(_ x: Double) -> Double {
    var (x, result) = (x, 0.0)
    tidemark_log(&x, 1, &result)
    return result
  }

  /// The natural logarithm of each of some positive normal numbers, in their place: a fifth of the time of one after
  /// the other.
  package static func log(_ values: UnsafeMutableBufferPointer<Double>) {
    guard let base = values.baseAddress else { return }
    tidemark_log(base, values.count, base)
  }

  /// lnΓ of numbers from 1e-290 to 1e300: off by less than 1e-14, or than 1e-15 times the result where that
  /// is more.
  package static func logGamma(_ x: [Double]) -> [Double] {
    var result = x
    tidemark_log_gamma(x, x.count, &result)
    return result
  }

  /// ln(eᵃ + eᵇ); −∞ stands for nothing.
  package static func logAdd(_ a: Double, _ b: Double) -> Double { tidemark_log_add(a, b) }
}
