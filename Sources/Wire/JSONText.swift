import Events

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension UnsafeRawBufferPointer {
  /// Whether these are the same bytes as those.
  func hasSameBytes(as other: [UInt8]) -> Bool {
    other.withUnsafeBufferPointer { other in
      count == other.count && (count == 0 || hasSameBytes(as: other.baseAddress!))
    }
  }

  /// Whether as many bytes as these stand at `other`.
  func hasSameBytes(as other: UnsafeRawPointer) -> Bool {
    guard let baseAddress else { return true }
    return memcmp(baseAddress, other, count) == 0
  }
}

/// A JSON string where it stands: the bytes between its quotes, escapes not yet resolved.
///
/// Valid as long as the bytes it was read from.
struct JSONText {
  let bytes: UnsafeRawBufferPointer
  let hasEscapes: Bool

  /// Whether the text is `word`, which must be ASCII.
  func equals(_ word: StaticString) -> Bool {
    guard !hasEscapes else { return (try? resolved()) == word.description }
    return bytes.count == word.utf8CodeUnitCount && bytes.hasSameBytes(as: UnsafeRawPointer(word.utf8Start))
  }

  /// The text with escapes resolved.
  ///
  /// - Throws: `malformed` for anything but valid UTF-8 and JSON's escapes.
  func resolved() throws(Remark) -> String {
    if hasEscapes { return try unescaped() }
    if isASCII { return String(decoding: bytes, as: UTF8.self) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Remark(.malformed, "a string is not UTF-8")
    }
    return text
  }

  /// The text where it stands, if it has no escapes and is ASCII.
  var plainBytes: UnsafeRawBufferPointer? { !hasEscapes && isASCII ? bytes : nil }

  /// Eight bytes at a time; most names and ids are ASCII, for which validation is this much.
  private var isASCII: Bool {
    var offset = 0
    var seen: UInt64 = 0
    while offset + 8 <= bytes.count {
      seen |= bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      offset += 8
    }
    while offset < bytes.count {
      seen |= UInt64(bytes[offset])
      offset += 1
    }
    return seen & 0x8080_8080_8080_8080 == 0
  }

  /// The decimal whole number that the text is, of digits alone.
  var wholeNumber: UInt64? {
    guard !bytes.isEmpty else { return nil }
    var value: UInt64 = 0
    for byte in bytes {
      let digit = byte &- UInt8(ascii: "0")
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(UInt64(digit))
      guard digit < 10, !overflow, !carry else { return nil }
      value = sum
    }
    return value
  }

  // MARK: Escapes

  private func unescaped() throws(Remark) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var offset = 0
    while offset < bytes.count {
      let byte = bytes[offset]
      offset += 1
      if byte == UInt8(ascii: "\\") {
        try appendEscape(at: &offset, to: &text)
      } else {
        text.append(byte)
      }
    }
    guard let string = String(validating: text, as: UTF8.self) else {
      throw Remark(.malformed, "a string is not UTF-8")
    }
    return string
  }

  /// The escape whose letter stands at `offset`; there is one, since the closing quote came after it.
  private func appendEscape(at offset: inout Int, to text: inout [UInt8]) throws(Remark) {
    let letter = bytes[offset]
    offset += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0c)
    case UInt8(ascii: "n"): text.append(0x0a)
    case UInt8(ascii: "r"): text.append(0x0d)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal(at: &offset)
      if code & 0xfc00 == 0xd800 {
        // A surrogate pair, or nothing at all: a lone surrogate is no character.
        guard offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
          bytes[offset + 1] == UInt8(ascii: "u")
        else { throw Remark(.malformed, "a lone surrogate in a string") }
        offset += 2
        let low = try hexadecimal(at: &offset)
        guard low & 0xfc00 == 0xdc00 else { throw Remark(.malformed, "a lone surrogate in a string") }
        code = 0x10000 + (code & 0x3ff) << 10 + (low & 0x3ff)
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw Remark(.malformed, "a lone surrogate in a string")
      }
      text.append(contentsOf: String(scalar).utf8)
    default: throw Remark(.malformed, "an unknown escape in a string")
    }
  }

  private func hexadecimal(at offset: inout Int) throws(Remark) -> UInt32 {
    guard offset + 4 <= bytes.count else { throw Remark(.malformed, "an escape that ends early") }
    var value: UInt32 = 0
    for index in offset..<offset + 4 {
      guard let digit = Character(Unicode.Scalar(bytes[index])).hexDigitValue else {
        throw Remark(.malformed, "an escape without four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
    }
    offset += 4
    return value
  }
}
