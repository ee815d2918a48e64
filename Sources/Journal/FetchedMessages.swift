/// What to read of the stored messages.
package struct FetchRequest: Sendable {
  package static let messages = 512
  package static let bytes = 4 << 20

  /// The numbering it speaks of; nil takes any.
  package var epoch: UInt64?
  /// The first number wanted, from 1.
  package var from: UInt64
  /// At most so many messages, from 1 to 512.
  package var limit: Int
  /// At most so many bytes of frames, but one message at least.
  package var byteLimit: Int
  /// Beginnings of topics, at most 16; empty: all.
  package var prefixes: [[UInt8]]
  /// Only messages of subjects that are not closed (a snapshot).
  package var onlyOpen: Bool

  package init(
    epoch: UInt64?, from: UInt64, limit: Int = FetchRequest.messages, byteLimit: Int = FetchRequest.bytes,
    prefixes: [[UInt8]] = [], onlyOpen: Bool = false
  ) {
    self.epoch = epoch
    self.from = from
    self.limit = limit
    self.byteLimit = byteLimit
    self.prefixes = prefixes
    self.onlyOpen = onlyOpen
  }
}

/// Stored messages in order, and where to go on.
package struct FetchedMessages: Sendable, Equatable {
  package enum Status: String, Sendable {
    /// Nothing further up to `head`.
    case complete
    /// Ask again from `next`.
    case more
    /// The first number asked for is no longer stored; no messages, `next` is `first`.
    case truncated
    /// Another numbering than asked for; no messages, `next` is `first`.
    case epochMismatch = "epoch_mismatch"
  }

  package var messages: [StoredMessage]
  package var status: Status
  package var epoch: UInt64
  /// Every number from here on is stored.
  package var first: UInt64
  package var next: UInt64
  /// The last number stored; 0 before the first.
  package var head: UInt64
}
