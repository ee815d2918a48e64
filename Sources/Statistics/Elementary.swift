/// Logarithm and exponential that give the same bits on every processor and with every C library.
///
/// What a replay answers must be what the daemon answered, while libm's own choose between
/// implementations by the processor they find. Error: within 2 units in the last place. Cost: about 10 ns.
/// Memory: none.
package enum Elementary {
  /// ln 10: natural logarithms over this are decimal ones.
  package static let ln10 = 2.302585092994046
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
    // Unrolled: a loop over an array, or a stride of doubles, costs more than the arithmetic.
    var sum = 1.0 / 6_227_020_800
    sum = sum * rest + 1.0 / 479_001_600
    sum = sum * rest + 1.0 / 39_916_800
    sum = sum * rest + 1.0 / 3_628_800
    sum = sum * rest + 1.0 / 362_880
    sum = sum * rest + 1.0 / 40_320
    sum = sum * rest + 1.0 / 5_040
    sum = sum * rest + 1.0 / 720
    sum = sum * rest + 1.0 / 120
    sum = sum * rest + 1.0 / 24
    sum = sum * rest + 1.0 / 6
    sum = sum * rest + 1.0 / 2
    sum = (sum * rest + 1) * rest + 1
    // In two steps, so that neither factor leaves the range before the product does.
    let half = (power / 2).rounded()
    return sum * power2(half) * power2(power - half)
  }

  /// ln(1 + e^x), without overflow; 0 at −∞.
  package static func softplus(_ x: Double) -> Double {
    x > 0 ? x + ln1p(exp(-x)) : ln1p(exp(x))
  }

  /// The logarithm of the mean of e^x over three values, without overflow.
  package static func lnMeanExp(_ first: Double, _ second: Double, _ third: Double) -> Double {
    let largest = max(first, second, third)
    guard largest > -.infinity else { return largest }
    return largest + ln((exp(first - largest) + exp(second - largest) + exp(third - largest)) / 3)
  }

  /// ln(1 + x) for |x| ≤ 0.42.
  private static func logarithm(of x: Double) -> Double {
    let ratio = x / (2 + x)
    let square = ratio * ratio
    var sum = square * (1.0 / 23)
    sum = (sum + 1.0 / 21) * square
    sum = (sum + 1.0 / 19) * square
    sum = (sum + 1.0 / 17) * square
    sum = (sum + 1.0 / 15) * square
    sum = (sum + 1.0 / 13) * square
    sum = (sum + 1.0 / 11) * square
    sum = (sum + 1.0 / 9) * square
    sum = (sum + 1.0 / 7) * square
    sum = (sum + 1.0 / 5) * square
    sum = (sum + 1.0 / 3) * square
    return 2 * ratio + 2 * ratio * sum
  }

  private static func power2(_ exponent: Double) -> Double {
    Double(sign: .plus, exponent: Int(exponent), significand: 1)
  }
}
