/// One piece of state as it lies in the journal: what kind, which one, and its bytes.
package struct StateRecord: Sendable, Hashable {
  /// Kinds are the engine's business; see `MonitoringEngine`.
  package var kind: UInt8
  package var key: Int64
  /// Nil: it is no more.
  package var value: [UInt8]?

  package init(kind: UInt8, key: Int64, value: [UInt8]?) {
    self.kind = kind
    self.key = key
    self.value = value
  }
}

/// Why bytes are no state of this build.
package struct StateError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String
  /// The version that was found and the one that this build knows, when a later build wrote it.
  package let later: Versions?

  package struct Versions: Equatable, Sendable {
    package let found: Int
    package let known: Int
  }

  package init(_ description: String) { (self.description, later) = (description, nil) }

  init(found: UInt8, known: UInt8, of what: String) {
    description = "a record of \(what) of version \(found); this build knows \(known)"
    later = found > known ? Versions(found: Int(found), known: Int(known)) : nil
  }
}

/// Writes state as bytes: little-endian numbers of fixed size, texts behind their length. No names, no tags:
/// a reader of the same version reads the same parts in the same order.
package struct StateWriter {
  package private(set) var bytes: [UInt8] = []

  package init() { bytes.reserveCapacity(2_048) }

  package mutating func write(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  package mutating func write(_ value: Int) { write(Int64(value)) }
  package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }
  package mutating func write(_ value: Double) { write(value.bitPattern) }
  package mutating func write(_ value: Timestamp) { write(value.nanoseconds) }
  package mutating func write(_ value: Duration) { write(value.clampedNanoseconds) }

  package mutating func write(_ text: String) {
    write(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// Numbers one after the other, in one copy.
  package mutating func write(_ values: [Double]) {
    write(UInt32(values.count))
    values.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  /// Whether there is one, then the value.
  package mutating func write<Value>(
    _ value: Value?, _ body: (inout StateWriter, Value) -> Void
  ) {
    write(value != nil)
    if let value { body(&self, value) }
  }

  package mutating func write<Element>(
    _ values: [Element], _ body: (inout StateWriter, Element) -> Void
  ) {
    write(UInt32(values.count))
    for value in values { body(&self, value) }
  }
}

/// Reads what ``StateWriter`` wrote; anything else is an error, never a trap.
package struct StateReader: ~Copyable {
  private let bytes: [UInt8]
  private var offset = 0

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  private mutating func advance(_ count: Int) throws(StateError) -> Int {
    guard count <= bytes.count - offset else { throw StateError("ends after \(bytes.count) bytes") }
    defer { offset += count }
    return offset
  }

  package mutating func read<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(StateError)
    -> Value
  {
    let start = try advance(MemoryLayout<Value>.size)
    return bytes.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: type)) }
  }

  /// The version that a record begins with, from 1 to `known`.
  ///
  /// - Throws: with ``StateError/later`` for one above `known`.
  @discardableResult
  package mutating func readVersion(upTo known: UInt8, of what: String) throws(StateError) -> UInt8 {
    let found = try read(UInt8.self)
    guard found >= 1, found <= known else { throw StateError(found: found, known: known, of: what) }
    return found
  }

  /// A number that is counted on with, far from where that would overflow.
  package mutating func readCount() throws(StateError) -> UInt64 {
    let count = try read(UInt64.self)
    guard count < 1 << 62 else { throw StateError("a count of \(count)") }
    return count
  }

  package mutating func readInt() throws(StateError) -> Int { Int(truncatingIfNeeded: try read(Int64.self)) }
  package mutating func readBool() throws(StateError) -> Bool { try read(UInt8.self) != 0 }
  package mutating func readDouble() throws(StateError) -> Double { Double(bitPattern: try read()) }
  package mutating func readTimestamp() throws(StateError) -> Timestamp { Timestamp(nanoseconds: try read()) }
  package mutating func readDuration() throws(StateError) -> Duration {
    .nanoseconds(try read(Int64.self))
  }

  package mutating func readText() throws(StateError) -> String {
    let count = Int(try read(UInt32.self))
    let start = try advance(count)
    guard let text = String(validating: bytes[start..<start + count], as: UTF8.self) else {
      throw StateError("a text at byte \(start) is no UTF-8")
    }
    return text
  }

  package mutating func readDoubles() throws(StateError) -> [Double] {
    let count = Int(try read(UInt32.self))
    let start = try advance(count * 8)
    return bytes.withUnsafeBytes { bytes in
      (0..<count).map { bytes.loadUnaligned(fromByteOffset: start + 8 * $0, as: Double.self) }
    }
  }

  package mutating func readOptional<Value>(
    _ body: (inout StateReader) throws(StateError) -> Value
  ) throws(StateError) -> Value? {
    try readBool() ? body(&self) : nil
  }

  package mutating func readArray<Element>(
    _ body: (inout StateReader) throws(StateError) -> Element
  ) throws(StateError) -> [Element] {
    var elements: [Element] = []
    for _ in 0..<(try read(UInt32.self)) { elements.append(try body(&self)) }
    return elements
  }

  /// One of the words of a closed vocabulary.
  package mutating func readWord<Word: RawRepresentable>(_ type: Word.Type = Word.self) throws(StateError)
    -> Word where Word.RawValue == String
  {
    let text = try readText()
    guard let word = Word(rawValue: text) else { throw StateError("'\(text.prefix(40))' is no \(type)") }
    return word
  }

  package var isAtEnd: Bool { offset == bytes.count }

  /// - Throws: when something is left over.
  package consuming func end() throws(StateError) {
    guard isAtEnd else { throw StateError("\(bytes.count - offset) bytes are left over") }
  }
}
