import Events

/// Lists of feature names by the bytes they were read from, so that a steady stream parses its
/// names once and every batch of it shares one ``FeatureNames``.
///
/// Bounded by ``WireLimits/cachedNameLists`` and ``WireLimits/cachedNameBytes``; when either is
/// reached all are forgotten, which costs one parse for each stream that goes on.
struct FeatureNamesCache {
  private struct Entry {
    var bytes: [UInt8]
    var names: FeatureNames
  }

  private var entries: [Int: Entry] = [:]
  private var byteCount = 0

  func names(for bytes: UnsafeRawBufferPointer) -> FeatureNames? {
    guard let entry = entries[Self.hash(bytes)], entry.bytes.count == bytes.count,
      entry.bytes.elementsEqual(bytes)
    else { return nil }
    return entry.names
  }

  mutating func insert(_ names: FeatureNames, for bytes: UnsafeRawBufferPointer) {
    guard bytes.count <= WireLimits.cachedNameBytes else { return }
    if entries.count >= WireLimits.cachedNameLists || byteCount + bytes.count > WireLimits.cachedNameBytes {
      entries.removeAll(keepingCapacity: true)
      byteCount = 0
    }
    let old = entries.updateValue(Entry(bytes: Array(bytes), names: names), forKey: Self.hash(bytes))
    byteCount += bytes.count - (old?.bytes.count ?? 0)
  }

  /// Seeded for this process, so that a peer cannot aim collisions.
  private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
    var hasher = Hasher()
    hasher.combine(bytes: bytes)
    return hasher.finalize()
  }
}
