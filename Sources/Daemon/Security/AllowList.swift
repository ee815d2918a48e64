package import ZeroMQ

/// What a client may do.
package struct ClientRoles: OptionSet, Sendable, CustomStringConvertible {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Send events, on the ingest, features and reliable sockets.
  package static var publish: ClientRoles { ClientRoles(rawValue: 1) }
  /// Read outputs, live and stored.
  package static var consume: ClientRoles { ClientRoles(rawValue: 2) }
  /// Report on decisions.
  package static var acknowledge: ClientRoles { ClientRoles(rawValue: 4) }

  /// The word of each in files and messages.
  package static let words: [(word: String, role: ClientRoles)] = [
    ("publish", .publish), ("consume", .consume), ("acknowledge", .acknowledge),
  ]

  package var description: String {
    Self.words.filter { contains($0.role) }.map(\.word).joined(separator: ", ")
  }
}

/// One key that is let in.
package struct AllowedClient: Sendable {
  /// What people call it; two keys may share one, while the older is replaced.
  package var name: String
  package var key: PublicKey
  package var roles: ClientRoles
  /// Where its sources lie; nil only of a client that does not publish.
  package var sources: SourcePrefix?

  package init(name: String, key: PublicKey, roles: ClientRoles, sources: SourcePrefix?) {
    self.name = name
    self.key = key
    self.roles = roles
    self.sources = sources
  }
}

/// The beginning of the names of sources that a client may speak for.
///
/// It ends at the end of a word: `pod-1` covers `pod-1` and `pod-1/a`, and neither `pod-12` nor `pod`. Letters,
/// digits and everything beyond ASCII make words. `*` covers every source.
package struct SourcePrefix: Sendable, Equatable, CustomStringConvertible {
  package let text: String
  private let bytes: [UInt8]
  private let endsInWord: Bool

  /// - Returns: nil for an empty text, or one longer than any source's name.
  package init?(_ text: String) {
    bytes = Array(text.utf8)
    guard let last = bytes.last, bytes.count <= 180 else { return nil }
    self.text = text
    endsInWord = Self.isOfWord(last)
  }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), 0x80...:
      true
    default: false
    }
  }

  /// Whether a source of this name lies under it. Compares bytes and allocates nothing.
  package func covers(_ source: String) -> Bool {
    if text == "*" { return true }
    var source = source
    return source.withUTF8 { name in
      guard name.count >= bytes.count, name.starts(with: bytes) else { return false }
      return name.count == bytes.count || !endsInWord || !Self.isOfWord(name[bytes.count])
    }
  }

  package var description: String { text }
}

/// The keys that are let in, and what each may do: immutable, and replaced as a whole.
///
/// Every message of a secured socket is looked up here, by the 40 bytes of its sender's key, in a table with open
/// addressing; keys are as good as random, so eight of their bytes spread well, and nothing is allocated.
package final class AllowList: Sendable {
  /// 10,000 keys of about 250 bytes: 2.5 MB.
  package static let maximumClients = 10_000

  package let clients: [AllowedClient]
  /// Five words for each client: its key in Z85.
  private let words: [UInt64]
  /// Places of clients, −1 where there is none; a power of two, at most half full.
  private let slots: [Int32]

  /// - Parameter clients: at most ``maximumClients``, each with a key of its own.
  package init(_ clients: [AllowedClient]) {
    precondition(clients.count <= Self.maximumClients)
    var size = 2
    while size < 2 * clients.count { size *= 2 }
    var words: [UInt64] = []
    var slots = [Int32](repeating: -1, count: size)
    for (index, client) in clients.enumerated() {
      let key = client.key.text.utf8.withContiguousStorageIfAvailable { Self.words($0) } ?? []
      words += key
      var slot = Self.place(key[1], of: size)
      while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      slots[slot] = Int32(index)
    }
    (self.clients, self.words, self.slots) = (clients, words, slots)
  }

  private static func place(_ word: UInt64, of size: Int) -> Int {
    Int(truncatingIfNeeded: (word &* 0x9e37_79b9_7f4a_7c15) >> 32) & (size - 1)
  }

  private static func words(_ text: UnsafeBufferPointer<UInt8>) -> [UInt64] {
    (0..<5).map { UnsafeRawPointer(text.baseAddress!).loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
  }

  /// The place of a key in ``clients``; nil when it is not let in.
  ///
  /// - Parameter text: Z85.
  package func index(of text: UnsafeBufferPointer<UInt8>) -> Int? {
    guard text.count == PublicKey.textBytes else { return nil }
    let raw = UnsafeRawPointer(text.baseAddress!)
    let word = { (index: Int) in raw.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self) }
    var slot = Self.place(word(1), of: slots.count)
    while slots[slot] >= 0 {
      let first = 5 * Int(slots[slot])
      if words[first] == word(0), words[first + 1] == word(1), words[first + 2] == word(2),
        words[first + 3] == word(3), words[first + 4] == word(4)
      {
        return Int(slots[slot])
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// The client of a key; nil when it is not let in.
  package func client(of key: PublicKey) -> AllowedClient? {
    var text = key.text
    return text.withUTF8 { index(of: $0) }.map { clients[$0] }
  }
}
