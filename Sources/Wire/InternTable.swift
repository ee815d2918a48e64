import Events

/// Values by the bytes they were parsed from, so that what a steady stream repeats is parsed once.
///
/// A cache of sets of ``ways`` entries: a value that finds its set full takes the place of the one that
/// came first. Memory is bounded by the entries and by ``budget`` bytes of keys, beyond which everything
/// is forgotten; nobody who aims collisions gets more than misses.
struct InternTable<Value> {
  /// Entries that share a place: their hashes fill one cache line. With 10,000 of 32,768 in use, one in about
  /// 1,000 has no room and is parsed each time.
  static var ways: Int { 8 }

  /// Longer keys are parsed each time.
  let maximumBytes: Int
  /// Bytes of all keys together.
  let budget: Int
  // Three columns of one table, so that a search touches hashes alone and no reference count.
  /// 0 where there is no entry.
  private var hashes: [UInt64]
  private var keys: [[UInt8]]
  private var values: [Value?]
  private var held = 0
  /// Which entry of a set goes next; one counter for all is enough to spread them.
  private var victim = 0

  /// - Parameters:
  ///   - entries: a power of two, at least ``ways``.
  ///   - budget: nil means that every entry may be as long as allowed.
  init(entries: Int, maximumBytes: Int, budget: Int? = nil) {
    precondition(entries >= Self.ways && entries & (entries - 1) == 0)
    self.maximumBytes = maximumBytes
    self.budget = budget ?? entries * maximumBytes
    hashes = [UInt64](repeating: 0, count: entries)
    keys = [[UInt8]](repeating: [], count: entries)
    values = [Value?](repeating: nil, count: entries)
  }

  /// The value of `bytes`, parsed unless it is held.
  mutating func value(
    for bytes: UnsafeRawBufferPointer, parse: () throws(Remark) -> Value
  ) throws(Remark) -> Value {
    let hash = Self.hash(bytes)
    let first = Int(truncatingIfNeeded: hash >> 1) & (hashes.count - 1) & ~(Self.ways - 1)
    for place in first..<first + Self.ways where hashes[place] == hash && bytes.hasSameBytes(as: keys[place])
    {
      return values[place]!
    }
    let value = try parse()
    if bytes.count <= maximumBytes { insert(value, hash, bytes, in: first) }
    return value
  }

  private mutating func insert(_ value: Value, _ hash: UInt64, _ bytes: UnsafeRawBufferPointer, in first: Int)
  {
    if held + bytes.count > budget {
      for place in hashes.indices { (hashes[place], keys[place], values[place]) = (0, [], nil) }
      held = 0
    }
    victim = (victim + 1) % Self.ways
    let place = (first..<first + Self.ways).first { hashes[$0] == 0 } ?? first + victim
    held += bytes.count - keys[place].count
    (hashes[place], keys[place], values[place]) = (hash, Array(bytes), value)
  }

  /// Eight bytes a step; spreads well enough for places, and promises nothing else.
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: bytes.count) &* 0x9e37_79b9_7f4a_7c15
    var offset = 0
    while offset + 8 <= bytes.count {
      hash = (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0xbf58_476d_1ce4_e5b9
      hash ^= hash >> 29
      offset += 8
    }
    if offset < bytes.count {
      var rest: UInt64 = 0
      while offset < bytes.count {
        rest = rest << 8 | UInt64(bytes[offset])
        offset += 1
      }
      hash = (hash ^ rest) &* 0x94d0_49bb_1331_11eb
    }
    // Odd, so that none is 0; places are taken from the bits above.
    return hash ^ (hash >> 32) | 1
  }
}
