/// Reads what a summary wrote as its state, from numbers that may be anything: each read says nil
/// where no summary can have written what stands there, and nothing traps.
struct NumberReader {
  /// The largest count that a state can hold exactly.
  static let largestCount = 1 << 53

  private let numbers: [Double]
  private var place = 0

  init(_ numbers: [Double]) { self.numbers = numbers }

  /// Whether all was read.
  var isAtEnd: Bool { place == numbers.count }

  mutating func number() -> Double? {
    guard place < numbers.count else { return nil }
    defer { place += 1 }
    return numbers[place]
  }

  mutating func finite() -> Double? {
    guard let value = number(), value.isFinite else { return nil }
    return value
  }

  /// A whole number in a range whose ends are within ± 2^53.
  mutating func whole(in range: ClosedRange<Int>) -> Int? {
    guard let value = number(), let whole = Int(exactly: value), range.contains(whole) else { return nil }
    return whole
  }

  mutating func count() -> Int? { whole(in: 0...Self.largestCount) }

  /// 64 bits, written as two halves.
  mutating func bits() -> UInt64? {
    guard let high = whole(in: 0...0xffff_ffff), let low = whole(in: 0...0xffff_ffff) else { return nil }
    return UInt64(high) << 32 | UInt64(low)
  }

  /// As many numbers as said; nil, and no memory taken, when there are fewer.
  mutating func slice(_ length: Int) -> ArraySlice<Double>? {
    guard length >= 0, length <= numbers.count - place else { return nil }
    defer { place += length }
    return numbers[place..<place + length]
  }

  /// Bytes, six a number.
  mutating func bytes(_ length: Int) -> [UInt8]? {
    guard length >= 0, let words = slice((length + 5) / 6) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(words.count * 6)
    for word in words {
      guard let whole = UInt64(exactly: word), whole < 1 << 48 else { return nil }
      for index in 0..<6 { bytes.append(UInt8(truncatingIfNeeded: whole >> (8 * UInt64(index)))) }
    }
    guard bytes[length...].allSatisfy({ $0 == 0 }) else { return nil }
    bytes.removeLast(bytes.count - length)
    return bytes
  }
}

extension [Double] {
  /// What ``NumberReader/bits()`` reads.
  mutating func append(bits: UInt64) {
    append(Double(bits >> 32))
    append(Double(bits & 0xffff_ffff))
  }

  /// What ``NumberReader/bytes(_:)`` reads.
  mutating func append(bytes: some Collection<UInt8>) {
    var word: UInt64 = 0
    var held: UInt64 = 0
    for byte in bytes {
      word |= UInt64(byte) << (8 * held)
      held += 1
      if held == 6 {
        append(Double(word))
        (word, held) = (0, 0)
      }
    }
    if held > 0 { append(Double(word)) }
  }
}
