import Events

/// Values by the bytes they were parsed from, so that what a steady stream repeats is parsed once.
///
/// Direct-mapped: each slot holds the last value whose bytes hashed to it, so memory is bounded by
/// `slots` and by ``maximumBytes`` each, and nobody who aims collisions gets more than misses.
struct InternTable<Value> {
  private struct Entry {
    var bytes: [UInt8]
    var value: Value
  }

  /// Longer keys are parsed each time.
  let maximumBytes: Int
  private var entries: [Entry?]

  /// - Parameter slots: a power of two.
  init(slots: Int, maximumBytes: Int) {
    precondition(slots > 0 && slots & (slots - 1) == 0)
    self.maximumBytes = maximumBytes
    entries = [Entry?](repeating: nil, count: slots)
  }

  /// The value of `bytes`, parsed unless it was the last of its slot.
  mutating func value(
    for bytes: UnsafeRawBufferPointer, parse: () throws(Remark) -> Value
  ) throws(Remark) -> Value {
    let slot = Self.hash(bytes) & (entries.count - 1)
    if let entry = entries[slot], entry.bytes.count == bytes.count,
      entry.bytes.withUnsafeBufferPointer({ $0.isEmpty || bytes.hasSameBytes(as: $0.baseAddress!) })
    {
      return entry.value
    }
    let value = try parse()
    if bytes.count <= maximumBytes { entries[slot] = Entry(bytes: Array(bytes), value: value) }
    return value
  }

  /// Eight bytes a step; spreads well enough for slots, and promises nothing else.
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
    var hash = UInt64(truncatingIfNeeded: bytes.count) &* 0x9e37_79b9_7f4a_7c15
    var offset = 0
    while offset + 8 <= bytes.count {
      hash = (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0xbf58_476d_1ce4_e5b9
      hash ^= hash >> 29
      offset += 8
    }
    while offset < bytes.count {
      hash = (hash ^ UInt64(bytes[offset])) &* 0x94d0_49bb_1331_11eb
      offset += 1
    }
    return Int(truncatingIfNeeded: hash ^ (hash >> 32))
  }
}
