/// Logarithm and exponential that give the same bits on every processor and with every C library.
///
/// What a replay answers must be what the daemon answered, while libm's own choose between
/// implementations by the processor they find. Error: within 2 units in the last place. Cost: about 10 ns.
/// Memory: none.
package enum Elementary {
  private static let ln2High = 6.931471803691238e-01
  private static let ln2Low = 1.9082149292705877e-10
  private static let halfRoot = 0.7071067811865476

  /// The natural logarithm: NaN below 0, −∞ at 0.
  ///
  /// x = 2^k·f with f in [√½, √2), and ln f = 2·artanh((f−1)/(f+1)) by its series, whose argument is at
  /// most 0.172.
  package static func ln(_ x: Double) -> Double {
    guard x > 0 else { return x == 0 ? -.infinity : .nan }
    guard x < .infinity else { return x }
    var exponent = Double(x.exponent)
    var fraction = x.significand
    if fraction > 2 * halfRoot { (fraction, exponent) = (fraction / 2, exponent + 1) }
    return exponent * ln2High + (logarithm(of: fraction - 1) + exponent * ln2Low)
  }

  /// ln(1 + x), exact also near 0: NaN below −1, −∞ at −1.
  package static func ln1p(_ x: Double) -> Double {
    abs(x) < 0.29 ? logarithm(of: x) : ln(1 + x)
  }

  /// e to the power x; 0 and +∞ beyond the range of a double.
  ///
  /// x = k·ln 2 + r with |r| ≤ ½·ln 2, and e^r by 13 terms of its series.
  package static func exp(_ x: Double) -> Double {
    guard x > -745.2 else { return x.isNaN ? x : 0 }
    guard x < 709.79 else { return x.isNaN ? x : .infinity }
    let power = (x * 1.4426950408889634).rounded()
    let rest = (x - power * ln2High) - power * ln2Low
    var sum = 1.0
    for divisor in stride(from: 13.0, through: 1, by: -1) { sum = 1 + rest / divisor * sum }
    // In two steps, so that neither factor leaves the range before the product does.
    let half = (power / 2).rounded()
    return sum * power2(half) * power2(power - half)
  }

  /// ln(1 + e^x), without overflow; 0 at −∞.
  package static func softplus(_ x: Double) -> Double {
    x > 0 ? x + ln1p(exp(-x)) : ln1p(exp(x))
  }

  /// ln Σ e^x over `values`, without overflow; −∞ for none.
  package static func lnSumExp(_ values: some Sequence<Double>) -> Double {
    var largest = -Double.infinity
    var sum = 0.0
    for value in values {
      guard value > -.infinity else { continue }
      if value <= largest {
        sum += exp(value - largest)
      } else {
        sum = sum * exp(largest - value) + 1
        largest = value
      }
    }
    return largest + ln(sum)
  }

  /// ln(1 + x) for |x| ≤ 0.42.
  private static func logarithm(of x: Double) -> Double {
    let ratio = x / (2 + x)
    let square = ratio * ratio
    var sum = 0.0
    for divisor in stride(from: 23.0, through: 3, by: -2) { sum = (sum + 1 / divisor) * square }
    return 2 * ratio + 2 * ratio * sum
  }

  private static func power2(_ exponent: Double) -> Double {
    Double(sign: .plus, exponent: Int(exponent), significand: 1)
  }
}
