import Events

/// A pull reader of JSON text (RFC 8259) over bytes in place: no tree, no copy but of strings kept.
///
/// Beyond the RFC it takes the literals `NaN`, `Infinity` and `-Infinity` where numbers stand, since
/// Python's `json` writes them. Every failure is a ``Remark`` of reason `malformed` with the offset.
struct JSONReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  func failure(_ what: String) -> Remark { Remark(.malformed, "\(what) at byte \(offset)") }

  // MARK: Structure

  /// The next byte that is no white space, not consumed; nil at the end.
  mutating func peek() -> UInt8? {
    while offset < bytes.count {
      let byte = bytes[offset]
      guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
      offset += 1
    }
    return nil
  }

  mutating func expect(_ byte: UInt8) throws(Remark) {
    guard peek() == byte else { throw failure("want '\(Character(Unicode.Scalar(byte)))'") }
    offset += 1
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    offset += 1
    return true
  }

  /// Reads an object, handing each key to `member`, which consumes the value.
  mutating func readObject(
    _ member: (inout JSONReader, JSONText) throws(Remark) -> Void
  ) throws(Remark) {
    try expect(UInt8(ascii: "{"))
    if take(UInt8(ascii: "}")) { return }
    repeat {
      let key = try readText()
      try expect(UInt8(ascii: ":"))
      try member(&self, key)
    } while take(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"))
  }

  /// Reads an array, calling `element` at each value, which consumes it.
  mutating func readArray(_ element: (inout JSONReader) throws(Remark) -> Void) throws(Remark) {
    try expect(UInt8(ascii: "["))
    if take(UInt8(ascii: "]")) { return }
    repeat { try element(&self) } while take(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"))
  }

  /// Nothing but white space may be left.
  mutating func expectEnd() throws(Remark) {
    guard peek() == nil else { throw failure("text after the value") }
  }

  /// Goes back to a place that ``offset`` gave before.
  mutating func rewind(to offset: Int) { self.offset = offset }

  // MARK: Skipping

  /// Passes over one value of any kind, checking that brackets match and strings end.
  ///
  /// Cost: a few instructions a byte. Nesting above ``WireLimits/jsonDepth`` is refused.
  mutating func skipValue() throws(Remark) {
    // One bit a level: 1 for an object, 0 for an array.
    var kinds: UInt64 = 0
    var depth = 0
    repeat {
      guard let byte = peek() else { throw failure("the text ends early") }
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard depth < WireLimits.jsonDepth else { throw failure("nested too deep") }
        offset += 1
        depth += 1
        let isObject = byte == UInt8(ascii: "{")
        kinds = kinds << 1 | (isObject ? 1 : 0)
        if take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
          (depth, kinds) = (depth - 1, kinds >> 1)
        } else {
          if isObject { try skipKey() }
          continue
        }
      case UInt8(ascii: "\""): _ = try readText()
      default: try skipScalar(byte)
      }
      // A value has ended: close what ends with it, or go on to the next one of the same level.
      while depth > 0 {
        let isObject = kinds & 1 == 1
        if take(UInt8(ascii: ",")) {
          if isObject { try skipKey() }
          break
        }
        try expect(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        (depth, kinds) = (depth - 1, kinds >> 1)
      }
    } while depth > 0
  }

  private mutating func skipKey() throws(Remark) {
    guard peek() == UInt8(ascii: "\"") else { throw failure("want a key") }
    _ = try readText()
    try expect(UInt8(ascii: ":"))
  }

  private mutating func skipScalar(_ first: UInt8) throws(Remark) {
    if try readLiteral() != nil { return }
    _ = try readNumber()
  }

  // MARK: Scalars

  enum Literal {
    case null
    case bool(Bool)
  }

  /// Consumes `null`, `true` or `false`, or nothing.
  mutating func readLiteral() throws(Remark) -> Literal? {
    switch peek() {
    case UInt8(ascii: "n"):
      try expectWord("null")
      return .null
    case UInt8(ascii: "t"):
      try expectWord("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try expectWord("false")
      return .bool(false)
    default: return nil
    }
  }

  /// Consumes `null`, or nothing.
  mutating func readNull() throws(Remark) -> Bool {
    guard peek() == UInt8(ascii: "n") else { return false }
    try expectWord("null")
    return true
  }

  private mutating func expectWord(_ word: StaticString) throws(Remark) {
    let count = word.utf8CodeUnitCount
    guard offset + count <= bytes.count else { throw failure("the text ends early") }
    for index in 0..<count where bytes[offset + index] != word.utf8Start[index] {
      throw failure("want \(word)")
    }
    offset += count
  }

  /// Consumes a string and leaves it where it stands.
  mutating func readText() throws(Remark) -> JSONText {
    guard peek() == UInt8(ascii: "\"") else { throw failure("want a string") }
    let start = offset + 1
    var end = start
    var hasEscapes = false
    while end < bytes.count {
      // Eight bytes at a time, as long as all of them stand for themselves.
      while end + 8 <= bytes.count, !bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self).endsPlainText {
        end += 8
      }
      guard end < bytes.count else { break }
      let byte = bytes[end]
      if byte == UInt8(ascii: "\"") {
        offset = end + 1
        return JSONText(bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), hasEscapes: hasEscapes)
      }
      guard byte >= 0x20 else { throw failure("control character in a string") }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        end += 1
      }
      end += 1
    }
    throw failure("a string does not end")
  }

  /// Consumes a string; escapes are resolved, and anything but valid UTF-8 is refused.
  mutating func readString() throws(Remark) -> String { try readText().resolved() }

  /// Consumes a number, correctly rounded; beyond the range of a double it is an infinity.
  mutating func readNumber() throws(Remark) -> Double {
    guard let first = peek() else { throw failure("the text ends early") }
    switch first {
    case UInt8(ascii: "N"):
      try expectWord("NaN")
      return .nan
    case UInt8(ascii: "I"):
      try expectWord("Infinity")
      return .infinity
    case UInt8(ascii: "-") where offset + 1 < bytes.count && bytes[offset + 1] == UInt8(ascii: "I"):
      try expectWord("-Infinity")
      return -.infinity
    default: break
    }
    guard let number = DecimalNumber(bytes, from: offset) else { throw failure("want a number") }
    let value = number.value(in: bytes, from: offset)
    offset = number.end
    return value
  }
}

extension UInt64 {
  /// Whether one of these eight bytes is a quote, a backslash or a control character: for each, a byte
  /// that equals it becomes 0 under exclusive or, and subtracting 1 from 0 borrows into its high bit.
  fileprivate var endsPlainText: Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    let quote = self ^ (ones &* UInt64(UInt8(ascii: "\"")))
    let backslash = self ^ (ones &* UInt64(UInt8(ascii: "\\")))
    let found = ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
    return (found | ((self &- (ones &* 0x20)) & ~self)) & highs != 0
  }
}
