import Engine
import Events
import Wire

/// The lossless lane's side of the daemon: who is acknowledged up to where, who is told what.
///
/// A number is acknowledged when the state that includes its event is stored. One further on than the next is not
/// taken, and the source is told once which comes first; a duplicate is acknowledged again. Memory: one entry a
/// source, whose number the engine bounds.
struct ReliableLanes {
  /// Bytes that a source may have on the way beyond what is acknowledged.
  static let windowBytes = 64 << 20

  /// How far a source's state had come when a transaction was made.
  struct Reached {
    var source: SourceName
    var position: SequenceNumber
  }

  private struct Lane {
    /// ROUTER's name of the connection that was last heard.
    var peer: [UInt8]
    var durable: SequenceNumber
    /// The number that was last asked for again; nil when what came last was in order.
    var asked: UInt64?
  }

  private let encoder: AnswerEncoder
  /// Messages that a source may have on the way beyond what is acknowledged.
  private let window: Int
  private var lanes: [SourceName: Lane] = [:]
  private var replies: [(peer: [UInt8], frames: [[UInt8]])] = []
  /// Events taken since the last transaction was made.
  private(set) var unacknowledged = 0

  init(name: SourceName, window: Int) {
    encoder = AnswerEncoder(name: name)
    self.window = window
  }

  /// What is to be sent, since the last call.
  mutating func takeReplies() -> [(peer: [UInt8], frames: [[UInt8]])] {
    guard !replies.isEmpty else { return [] }
    defer { replies.removeAll(keepingCapacity: true) }
    return replies
  }

  /// Takes what became of a message.
  ///
  /// - Parameters:
  ///   - before: where its source stood before it; durable, when this process hears of the source first.
  mutating func note(
    _ event: Event, from peer: [UInt8], before: SequenceNumber?, after: SequenceNumber?, refusal: Remark?,
    at now: Timestamp
  ) {
    guard let sequence = event.header.sequence else { return }
    let source = event.header.source
    guard let after = after ?? Self.expectation(sequence, refusal) else {
      if let refusal { reply(peer, encoder.refusal(refusal, sequence, expected: nil, at: now)) }
      return
    }
    // What the journal gave back is durable. What a hello skips is not before the next checkpoint, so that a
    // publisher sees that the daemon has lost what it knew, baselines among it.
    var lane = lanes[source] ?? Lane(peer: peer, durable: before ?? Self.start(after))
    defer { lanes[source] = lane }
    // An older process under the same name is told no, and takes nobody's acknowledgements.
    if let refusal, event.body.isSign || refusal.reason == .staleEpoch {
      return reply(peer, encoder.refusal(refusal, sequence, expected: nil, at: now))
    }
    lane.peer = peer
    if lane.durable.epoch != after.epoch { lane.durable = Self.start(after) }
    if event.body.isSign {
      lane.asked = nil
      // Nobody waits for an answer to a bye.
      if case .head = event.body { acknowledge(source, lane, at: now) }
      return
    }
    guard let refusal else {
      lane.asked = nil
      unacknowledged += 1
      return
    }
    switch refusal.reason {
    case .outOfOrder:
      let expected = after.epoch == sequence.epoch ? after.number.addingSaturating(1) : 1
      guard lane.asked != expected else { return }
      lane.asked = expected
      reply(peer, encoder.refusal(refusal, sequence, expected: expected, at: now))
    case .duplicate: acknowledge(source, lane, at: now)
    default:
      // It has its number, which is acknowledged like any other.
      unacknowledged += 1
      reply(peer, encoder.refusal(refusal, sequence, expected: nil, at: now))
    }
  }

  /// Of a source that nobody knows, whose first message is not its number 1: nothing is taken, 1 is expected.
  private static func expectation(
    _ sequence: SequenceNumber, _ refusal: Remark?
  ) -> SequenceNumber? {
    refusal?.reason == .outOfOrder ? start(sequence) : nil
  }

  private static func start(_ position: SequenceNumber) -> SequenceNumber {
    SequenceNumber(epoch: position.epoch, number: 0)
  }

  /// How far every source has come that is not acknowledged up to there. A transaction is being made.
  mutating func reached(_ engine: borrowing MonitoringEngine) -> [Reached] {
    unacknowledged = 0
    var reached: [Reached] = []
    for (source, lane) in lanes {
      guard let position = engine.position(of: source) else {
        // The engine has forgotten it, and so do we.
        lanes[source] = nil
        continue
      }
      if position != lane.durable { reached.append(Reached(source: source, position: position)) }
    }
    return reached
  }

  /// The transaction was committed.
  mutating func acknowledge(_ reached: [Reached], at now: Timestamp) {
    for entry in reached {
      guard var lane = lanes[entry.source] else { continue }
      lane.durable = entry.position
      lanes[entry.source] = lane
      acknowledge(entry.source, lane, at: now)
    }
  }

  private mutating func acknowledge(_ source: SourceName, _ lane: Lane, at now: Timestamp) {
    reply(
      lane.peer,
      encoder.acknowledgement(
        of: source, lane.durable, credit: window, creditBytes: Self.windowBytes, at: now))
  }

  private mutating func reply(_ peer: [UInt8], _ frames: [[UInt8]]) { replies.append((peer, frames)) }
}
