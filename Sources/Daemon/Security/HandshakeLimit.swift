import Events

/// How often a client may shake hands: a token bucket for each key that is let in.
///
/// A handshake costs up to 1 ms of libzmq's thread (0.74 measured), which is the one that everybody's messages go
/// through. A fleet that shares one key and starts at once has its burst; a client in a loop is told `later`.
/// Memory: one entry a key, at most ``AllowList/maximumClients``.
struct HandshakeLimit {
  /// Handshakes at once.
  static let burst = 1_000.0
  /// And for each second after that.
  static let perSecond = 50.0

  private var buckets: [String: (tokens: Double, at: Timestamp)] = [:]

  /// Whether another may be let in now, which is then counted.
  mutating func take(_ key: String, at now: Timestamp) -> Bool {
    let before = buckets[key] ?? (Self.burst, now)
    let seconds = Double(max(0, before.at.nanoseconds(to: now))) / 1e9
    let tokens = min(Self.burst, before.tokens + seconds * Self.perSecond)
    buckets[key] = (max(0, tokens - 1), now)
    return tokens >= 1
  }

  /// Forgets the keys that are let in no more.
  mutating func keep(_ list: AllowList) {
    let keys = Set(list.clients.map(\.key.text))
    buckets = buckets.filter { keys.contains($0.key) }
  }
}
