import Wire

/// The topic prefixes that somebody subscribes to, as XPUB reports them.
///
/// With XPUB_VERBOSE a prefix is reported for each subscriber and taken back when the last one
/// leaves, so a set is the truth. At most ``maximumPrefixes`` are kept; once there were more, everything
/// counts as subscribed until the daemon ends, which costs encoding and loses nothing. A prefix longer
/// than any topic matches none and is not kept.
struct SubscriptionTable {
  /// 1,024 prefixes of up to 200 bytes: 200 KiB, and that many comparisons an assessment at worst.
  static let maximumPrefixes = 1_024

  private var prefixes: Set<[UInt8]> = []
  private var hasOverflowed = false

  /// Takes one message of the XPUB socket: 1 or 0, then the prefix. Anything else is left alone.
  ///
  /// - Returns: whether somebody subscribed.
  mutating func apply(_ message: UnsafeRawBufferPointer) -> Bool {
    guard message.count <= 1 + WireLimits.topicBytes else { return false }
    let prefix = Array(message.dropFirst())
    switch message.first {
    case 1:
      if prefixes.count < Self.maximumPrefixes {
        prefixes.insert(prefix)
      } else if !prefixes.contains(prefix) {
        hasOverflowed = true
      }
      return true
    case 0:
      prefixes.remove(prefix)
      return false
    default: return false
    }
  }

  /// Whether anybody could want a topic that begins with `kind`; a quick no before any encoding.
  func mayWant(_ kind: StaticString) -> Bool {
    if hasOverflowed { return true }
    if prefixes.isEmpty { return false }
    let kind = UnsafeBufferPointer(start: kind.utf8Start, count: kind.utf8CodeUnitCount)
    return prefixes.contains { prefix in prefix.starts(with: kind) || kind.starts(with: prefix) }
  }

  /// Whether somebody subscribes to `topic`.
  func wants(_ topic: [UInt8]) -> Bool { hasOverflowed || prefixes.contains { topic.starts(with: $0) } }
}
