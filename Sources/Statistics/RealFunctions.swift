import CKernels

// Functions of the C library for rooms that do not know Foundation. Their last digits may differ between processors;
// what must replay alike uses ``Elementary``.

/// The cosine of an angle in radians.
package func cosine(_ x: Double) -> Double { tidemark_cos(x) }

/// Φ(x), the standard normal distribution function.
package func normalCumulative(_ x: Double) -> Double { 0.5 * tidemark_erfc(-x * 0.5.squareRoot()) }

/// Φ⁻¹(p), 0 < p < 1; relative error below 1e-9 after one step of refinement.
///
/// Peter Acklam's rational approximation (2003) and one step of Halley's method.
package func normalQuantile(_ p: Double) -> Double {
  guard p > 0 else { return -.infinity }
  guard p < 1 else { return .infinity }
  let tail = 0.02425
  var x: Double
  if p < tail || p > 1 - tail {
    let q = (-2 * Elementary.ln(min(p, 1 - p))).squareRoot()
    let above =
      (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838) * q
        - 2.549732539343734) * q + 4.374664141464968) * q + 2.938163982698783)
    let below =
      ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996) * q
        + 3.754408661907416) * q + 1)
    x = p < tail ? above / below : -above / below
  } else {
    let q = p - 0.5
    let r = q * q
    let above =
      (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r
        + 1.383577518672690e+02) * r - 3.066479806614716e+01) * r + 2.506628277459239) * q
    let below =
      (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r
        + 6.680131188771972e+01) * r - 1.328068155288572e+01) * r + 1)
    x = above / below
  }
  let error = normalCumulative(x) - p
  let step = error * (2 * Double.pi).squareRoot() * Elementary.exp(x * x / 2)
  x -= step / (1 + x * step / 2)
  return x
}
