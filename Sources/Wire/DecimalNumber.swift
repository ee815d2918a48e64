/// A number as JSON writes it, taken apart: digits × 10^exponent.
struct DecimalNumber {
  private var isNegative = false
  /// The first 19 significant digits.
  private var digits: UInt64 = 0
  private var exponent = 0
  /// More than 19 significant digits: `digits` is cut short.
  private var isCut = false
  /// The offset after the number.
  private(set) var end: Int

  /// Nil when no number of RFC 8259's grammar begins at `start`.
  init?(_ bytes: UnsafeRawBufferPointer, from start: Int) {
    end = start
    if end < bytes.count, bytes[end] == UInt8(ascii: "-") {
      isNegative = true
      end += 1
    }
    let integerStart = end
    takeDigits(bytes, scale: 0)
    guard end > integerStart, end == integerStart + 1 || bytes[integerStart] != UInt8(ascii: "0") else {
      return nil
    }
    if end < bytes.count, bytes[end] == UInt8(ascii: ".") {
      end += 1
      let fractionStart = end
      takeDigits(bytes, scale: -1)
      guard end > fractionStart else { return nil }
    }
    if end < bytes.count, bytes[end] | 0x20 == UInt8(ascii: "e") {
      end += 1
      guard takeExponent(bytes) else { return nil }
    }
  }

  private mutating func takeDigits(_ bytes: UnsafeRawBufferPointer, scale: Int) {
    while end < bytes.count {
      let digit = bytes[end] &- UInt8(ascii: "0")
      guard digit < 10 else { return }
      // 19 digits always fit 64 bits.
      if digits < 1_000_000_000_000_000_000 {
        digits = digits * 10 + UInt64(digit)
        exponent += scale
      } else {
        isCut = isCut || digit != 0
        exponent += scale + 1
      }
      end += 1
    }
  }

  private mutating func takeExponent(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var isDown = false
    if end < bytes.count, bytes[end] == UInt8(ascii: "-") || bytes[end] == UInt8(ascii: "+") {
      isDown = bytes[end] == UInt8(ascii: "-")
      end += 1
    }
    let start = end
    var value = 0
    while end < bytes.count, bytes[end] &- UInt8(ascii: "0") < 10 {
      // Any exponent beyond this is zero or infinity, however many digits it has.
      value = min(value * 10 + Int(bytes[end] &- UInt8(ascii: "0")), 1_000_000)
      end += 1
    }
    exponent += isDown ? -value : value
    return end > start
  }

  /// The nearest double, ties to even.
  ///
  /// Up to 19 digits and |exponent| ≤ 27, which is what telemetry writes, the exact quotient or
  /// product by 5^|exponent| (< 2^63) is taken in 128 bits and rounded once; anything else goes
  /// through the standard library.
  func value(in bytes: UnsafeRawBufferPointer, from start: Int) -> Double {
    guard digits != 0 || isCut else { return isNegative ? -0.0 : 0.0 }
    if !isCut, abs(exponent) < Self.powersOfFive.count {
      let magnitude = exponent < 0 ? quotient(-exponent) : product(exponent)
      return isNegative ? -magnitude : magnitude
    }
    let text = String(decoding: bytes[start..<end], as: UTF8.self)
    return Double(text) ?? .nan
  }

  private static let powersOfFive: [UInt64] = (0...27).map { power in
    (0..<power).reduce(1) { product, _ in product * 5 }
  }

  /// digits / 5^power / 2^power, rounded once.
  private func quotient(_ power: Int) -> Double {
    let five = Self.powersOfFive[power]
    let divisorShift = five.leadingZeroBitCount
    let digitsShift = digits.leadingZeroBitCount
    let divisor = five << divisorShift
    // Halved, so that the high word is below the divisor and the quotient fits 64 bits.
    let high = (digits << digitsShift) >> 1
    let low = (digits << digitsShift) << 63
    let (quotient, remainder) = divisor.dividingFullWidth((high, low))
    return Self.rounded(
      quotient, sticky: remainder != 0, scale: divisorShift - digitsShift + 1 - 64 - power)
  }

  /// digits · 5^power · 2^power, rounded once.
  private func product(_ power: Int) -> Double {
    let (high, low) = digits.multipliedFullWidth(by: Self.powersOfFive[power])
    guard high != 0 else { return Self.rounded(low, sticky: false, scale: power) }
    let shift = high.leadingZeroBitCount
    let top = shift == 0 ? high : high << shift | low >> (64 - shift)
    return Self.rounded(top, sticky: low << shift != 0, scale: power + 64 - shift)
  }

  /// significand · 2^scale with the bits below it known to be zero or not; the result is normal,
  /// since 19 digits and 5^27 reach nowhere near the ends of the exponent's range.
  private static func rounded(_ significand: UInt64, sticky: Bool, scale: Int) -> Double {
    let shift = significand.leadingZeroBitCount
    let wide = significand << shift
    // 53 bits are kept, 11 dropped.
    var kept = wide >> 11
    let dropped = wide & 0x7ff
    if dropped > 0x400 || dropped == 0x400 && (sticky || kept & 1 == 1) { kept += 1 }
    return Double(sign: .plus, exponent: scale - shift + 11, significand: Double(kept))
  }
}
