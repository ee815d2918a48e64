/// What a reader of numbered messages can say is lost, of one source (`protocol/specification.md`, "A reader").
package struct ReaderAccount: Sendable {
  package enum Verdict: Equatable, Sendable {
    /// Taken; so many messages before it are lost. Where nobody can count, 1 stands for at least one.
    case taken(lost: UInt64)
    /// It came before and is to be dropped.
    case duplicate
  }

  /// Topics whose last number is remembered, of at most 200 bytes each; beyond that the account begins anew,
  /// as if the reader had just subscribed: 8 MiB.
  package static let maximumTopics = 32_768

  private let isExact: Bool
  private var epoch: UInt64?
  /// The number before the first that this reader was there for.
  private var start: UInt64 = 0
  private var highest: UInt64 = 0
  private var lastOfTopic: [[UInt8]: UInt64] = [:]

  /// - Parameter isExact: whether the subscriptions cover every kind of this numbering, without a filter.
  package init(isExact: Bool) { self.isExact = isExact }

  /// Takes a numbered message.
  package mutating func take(_ header: FramedHeader, topic: UnsafeRawBufferPointer) -> Verdict {
    begin(header.epoch, header.number &- 1)
    let topic = Array(topic)
    let known = lastOfTopic[topic]
    let before = known ?? start
    if known == nil && lastOfTopic.count >= Self.maximumTopics {
      lastOfTopic.removeAll()
      start = header.number &- 1
    }
    lastOfTopic[topic] = max(header.number, known ?? 0)
    guard header.number > (isExact ? highest : before) else { return .duplicate }
    let lost = isExact ? header.number - highest - 1 : header.previous > before ? 1 : 0
    highest = max(highest, header.number)
    return .taken(lost: lost)
  }

  /// Takes a head or bye. Returns how many messages at the end are lost; 0 where nobody can count.
  package mutating func takeSign(_ header: FramedHeader) -> UInt64 {
    begin(header.epoch, header.number)
    let lost = isExact && header.number > highest ? header.number - highest : 0
    highest = max(highest, header.number)
    return lost
  }

  /// A higher epoch counts from its number 1, a lower one from what is heard first.
  private mutating func begin(_ epoch: UInt64, _ number: UInt64) {
    guard epoch != self.epoch else { return }
    start = self.epoch.map { epoch > $0 } == true ? 0 : number
    (self.epoch, highest) = (epoch, start)
    lastOfTopic.removeAll()
  }
}
