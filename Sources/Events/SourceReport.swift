/// The account of one source: what came of it, and what did not.
package struct SourceReport: Sendable, Equatable {
  package struct Counts: Sendable, Equatable {
    /// Events entered, refused ones included.
    package var received: UInt64 = 0
    /// Of these, refused for whatever reason.
    package var rejected: UInt64 = 0
    /// The same by reason.
    package var rejectedBy: [Reason: UInt64] = [:]
    /// Messages that are missing by their numbers.
    package var lost: UInt64 = 0
    /// Of the refused: numbers or ids that came before.
    package var duplicate: UInt64 = 0
    /// Of the refused: from an earlier epoch than the one in force.
    package var stale: UInt64 = 0
    package var late: UInt64 = 0
    package var unsequenced: UInt64 = 0
    package var restarts: UInt64 = 0
    /// By the source's own word, of the missing ones of this epoch, those that it dropped itself.
    package var dropped: UInt64 = 0

    package init() {}
  }

  package enum State: String, Sendable {
    /// Heads come.
    case live
    /// Three heads in a row did not come.
    case stale
    /// It said `bye`.
    case ended
    /// It never sent a head, so its silence means nothing.
    case silent
  }

  package var source: SourceName
  package var counts: Counts
  /// The last number that was heard of; nil for sources that do not count.
  package var position: SequenceNumber?
  package var state: State
  package var lastHeard: Timestamp
  /// How far the daemon's clock is ahead of the source's, delay included; nil without send times.
  package var clockOffset: Duration?

  package init(
    source: SourceName, counts: Counts, position: SequenceNumber?, state: State, lastHeard: Timestamp,
    clockOffset: Duration?
  ) {
    self.source = source
    self.counts = counts
    self.position = position
    self.state = state
    self.lastHeard = lastHeard
    self.clockOffset = clockOffset
  }
}
