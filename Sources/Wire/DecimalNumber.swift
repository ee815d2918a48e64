/// A number as JSON writes it, taken apart: digits × 10^exponent.
struct DecimalNumber {
  private let isNegative: Bool
  /// The first 19 significant digits.
  private let digits: UInt64
  private let exponent: Int
  /// Whether digits other than zero were cut off behind them.
  private let isCut: Bool
  /// The offset after the number.
  let end: Int

  /// Nil when no number of RFC 8259's grammar begins at `start`.
  init?(_ bytes: UnsafeRawBufferPointer, from start: Int) {
    // Locals, so that the loops below keep them in registers.
    var scan = Scan(bytes: bytes, end: start)
    isNegative = scan.take(UInt8(ascii: "-"))
    let integerStart = scan.end
    scan.takeDigits(fraction: false)
    guard scan.end > integerStart,
      scan.end == integerStart + 1 || bytes[integerStart] != UInt8(ascii: "0")
    else { return nil }
    if scan.take(UInt8(ascii: ".")) {
      let fractionStart = scan.end
      scan.takeDigits(fraction: true)
      guard scan.end > fractionStart else { return nil }
    }
    if scan.end < bytes.count, bytes[scan.end] | 0x20 == UInt8(ascii: "e") {
      scan.end += 1
      guard scan.takeExponent() else { return nil }
    }
    digits = scan.digits
    exponent = scan.exponent
    isCut = scan.isCut
    end = scan.end
  }

  private struct Scan {
    let bytes: UnsafeRawBufferPointer
    var end: Int
    var digits: UInt64 = 0
    var exponent = 0
    var isCut = false

    mutating func take(_ byte: UInt8) -> Bool {
      guard end < bytes.count, bytes[end] == byte else { return false }
      end += 1
      return true
    }

    mutating func takeDigits(fraction: Bool) {
      var offset = end
      var value = digits
      // 19 digits always fit 64 bits.
      while offset < bytes.count, value < 1_000_000_000_000_000_000 {
        let digit = bytes[offset] &- UInt8(ascii: "0")
        guard digit < 10 else { break }
        value = value &* 10 &+ UInt64(digit)
        offset += 1
      }
      if fraction { exponent -= offset - end }
      digits = value
      end = offset
      while end < bytes.count, bytes[end] &- UInt8(ascii: "0") < 10 {
        isCut = isCut || bytes[end] != UInt8(ascii: "0")
        if !fraction { exponent += 1 }
        end += 1
      }
    }

    mutating func takeExponent() -> Bool {
      let isDown = take(UInt8(ascii: "-"))
      if !isDown { _ = take(UInt8(ascii: "+")) }
      let start = end
      var value = 0
      while end < bytes.count, bytes[end] &- UInt8(ascii: "0") < 10 {
        // More than a frame has digits, so that what is beyond it is zero or infinity.
        value = min(value * 10 + Int(bytes[end] &- UInt8(ascii: "0")), 1 << 40)
        end += 1
      }
      exponent += isDown ? -value : value
      return end > start
    }
  }

  // MARK: Value

  /// The nearest double, ties to even.
  ///
  /// Up to 19 digits and |exponent| ≤ 27 is what telemetry writes. There, 53 bits and |exponent| ≤ 22
  /// take one exact operation on doubles (Clinger 1990); the rest multiply by a 64-bit power of five
  /// or reciprocal, which leaves a rounding in doubt once in about 700 (the idea of Lemire 2021); doubt
  /// and everything else go through the standard library.
  func value(in bytes: UnsafeRawBufferPointer, from start: Int) -> Double {
    guard digits != 0 || isCut else { return isNegative ? -0.0 : 0.0 }
    if let magnitude = isCut ? nil : fastMagnitude { return isNegative ? -magnitude : magnitude }
    return Double(String(decoding: bytes[start..<end], as: UTF8.self)) ?? .nan
  }

  private var fastMagnitude: Double? {
    let power = abs(exponent)
    guard power < Self.powersOfFive.count else { return nil }
    if digits <= 1 << 53, power < Self.powersOfTen.count {
      let value = Double(digits)
      return exponent < 0 ? value / Self.powersOfTen[power] : value * Self.powersOfTen[power]
    }
    let shift = digits.leadingZeroBitCount
    let normalised = digits << shift
    let factor = exponent < 0 ? Self.reciprocalsOfFive[power] : Self.powersOfFive[power]
    let (high, low) = normalised.multipliedFullWidth(by: factor.significand)
    // high · 2^64 + low, short of the truth by less than 2^64 where the factor was cut.
    return Self.rounded(
      high, low, isExact: factor.isExact, scale: 64 - shift + factor.scale + (exponent < 0 ? -power : power))
  }

  /// significand · 2^scale, the significand's highest bit set.
  private struct Factor {
    var significand: UInt64
    var scale: Int
    var isExact: Bool
  }

  private static let powersOfTen: [Double] = (0...22).map { power in
    (0..<power).reduce(1.0) { product, _ in product * 10 }
  }

  private static func power(_ exponent: Int) -> UInt64 {
    (0..<exponent).reduce(1) { product, _ in product * 5 }
  }

  /// 5^0 to 5^27, the last below 2^63: exact.
  private static let powersOfFive: [Factor] = (0...27).map { exponent in
    let five = power(exponent)
    let shift = five.leadingZeroBitCount
    return Factor(significand: five << shift, scale: -shift, isExact: true)
  }

  /// 2^(63 + b) / 5^p, b the bits of 5^p, cut to 64 bits.
  private static let reciprocalsOfFive: [Factor] = (0...27).map { exponent in
    // 5^0 is a power of two, of which the reciprocal would have 65 bits.
    guard exponent > 0 else { return Factor(significand: 1 << 63, scale: -63, isExact: true) }
    let five = power(exponent)
    let bits = 64 - five.leadingZeroBitCount
    let quotient = (UInt128(1) << UInt128(63 + bits)) / UInt128(five)
    return Factor(significand: UInt64(quotient), scale: -(63 + bits), isExact: false)
  }

  /// (high · 2^64 + low) · 2^(scale − 64) to 53 bits, or nil when bits that are not known decide.
  /// The result is normal: 19 digits and 10^27 reach nowhere near the ends of the exponent's range.
  private static func rounded(_ high: UInt64, _ low: UInt64, isExact: Bool, scale: Int) -> Double? {
    let shift = high.leadingZeroBitCount
    let wide = shift == 0 ? high : high << shift | low >> (64 - shift)
    let rest = shift == 0 ? low : low << shift
    var kept = wide >> 11
    let dropped = wide & 0x7ff
    if isExact {
      if dropped > 0x400 || dropped == 0x400 && (rest != 0 || kept & 1 == 1) { kept += 1 }
    } else {
      // The truth is less than three units of `wide` higher: up to two for the reciprocal that was cut,
      // and less than one for the bits in `rest`.
      if (0x3fe...0x400).contains(dropped) { return nil }
      if dropped > 0x400 { kept += 1 }
    }
    let carry = Int(kept >> 53)
    let exponent = scale - shift + 63 + carry
    return Double(bitPattern: UInt64(exponent + 1_023) << 52 | kept >> UInt64(carry) & (1 << 52 - 1))
  }
}
