import Events

/// Which sources speak of one model, and where their accounts stood when its last decision was made: what
/// the coverage of the next one is computed from.
struct SourceFeeds: Sendable {
  /// More sources than this count as one that nobody can answer for: coverage is then nil. 40 bytes each.
  static let maximum = 16

  private struct Feed: Sendable {
    /// Place in the engine's list of ledgers.
    var source: Int
    /// The ledger's own number, which stays when places move.
    var serial: Int64
    var taken: UInt64
    var lost: UInt64
    var unsequenced: UInt64
  }

  private var feeds: [Feed] = []
  private var hasOverflowed = false

  /// An event of the source came.
  @inline(__always)
  mutating func note(_ source: Int, _ sources: [SourceLedger]) {
    // Nearly always one source, or a few.
    for feed in feeds where feed.source == source { return }
    add(source, sources)
  }

  private mutating func add(_ source: Int, _ sources: [SourceLedger]) {
    guard feeds.count < Self.maximum else {
      hasOverflowed = true
      return
    }
    // As before this event: it counts as the first.
    var feed = Self.feed(source, sources[source])
    feed.taken -= min(1, feed.taken)
    if sources[source].position == nil { feed.unsequenced -= min(1, feed.unsequenced) }
    feeds.append(feed)
  }

  private static func feed(_ source: Int, _ ledger: SourceLedger) -> Feed {
    Feed(
      source: source, serial: ledger.serial, taken: ledger.taken, lost: ledger.counts.lost,
      unsequenced: ledger.counts.unsequenced)
  }

  /// Of the messages that these sources sent since the last ``restart(_:)``, the share that came.
  func coverage(_ sources: [SourceLedger]) -> Double? {
    guard !hasOverflowed, !feeds.isEmpty else { return nil }
    var taken = 0.0
    var lost = 0.0
    for feed in feeds {
      let now = Self.feed(feed.source, sources[feed.source])
      guard now.unsequenced == feed.unsequenced else { return nil }
      taken += Double(now.taken &- feed.taken)
      lost += Double(now.lost &- feed.lost)
    }
    return taken + lost > 0 ? taken / (taken + lost) : nil
  }

  /// Places in the engine's list of ledgers of those that sent events, and whether there are more.
  var sources: (known: [Int], hasMore: Bool) { (feeds.map(\.source), hasOverflowed) }

  /// A decision was made: the next one's coverage counts from here.
  mutating func restart(_ sources: [SourceLedger]) {
    for index in feeds.indices { feeds[index] = Self.feed(feeds[index].source, sources[feeds[index].source]) }
    hasOverflowed = false
  }

  /// Places have moved; sources that were forgotten are left out.
  mutating func relocate(_ places: [Int64: Int]) {
    feeds = feeds.compactMap { feed in
      places[feed.serial].map { place in
        var feed = feed
        feed.source = place
        return feed
      }
    }
  }

  func encode(to writer: inout StateWriter) {
    writer.write(hasOverflowed)
    writer.write(feeds) { writer, feed in
      writer.write(feed.serial)
      writer.write(feed.taken)
      writer.write(feed.lost)
      writer.write(feed.unsequenced)
    }
  }

  /// Places are not known yet: ``relocate(_:)`` follows.
  init(from reader: inout StateReader) throws(StateError) {
    hasOverflowed = try reader.readBool()
    feeds = try reader.readArray { (reader) throws(StateError) in
      Feed(
        source: -1, serial: try reader.read(), taken: try reader.read(), lost: try reader.read(),
        unsequenced: try reader.read())
    }
  }

  init() {}
}
