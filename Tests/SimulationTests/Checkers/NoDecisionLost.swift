import Events

/// Every message that is stored reaches every reader that has a cursor, in the end, or the reader was told that it is
/// stored no more; a reader of everything is handed them in order.
final class NoDecisionLost {
  private let world: World
  private var handedTo: [String: Set<String>] = [:]
  private var firstNumber: [String: UInt64] = [:]
  private var lastNumber: [String: UInt64] = [:]
  private var told: [String: [Range<UInt64>]] = [:]
  private(set) var handovers = 0
  private(set) var gaps = 0
  /// Whether the journal keeps few messages; otherwise no gap is right.
  var isPruned = false

  init(_ world: World) { self.world = world }

  /// A reader begins, or comes back.
  func began(_ name: String) { lastNumber[name] = 0 }

  func handed(_ facts: StoredFacts, to name: String, isExact: Bool) {
    handovers += 1
    handedTo[name, default: []].insert(facts.id)
    if firstNumber[name] == nil { firstNumber[name] = facts.number }
    if isExact {
      world.require(
        facts.number > lastNumber[name] ?? 0, .noDecisionLost,
        "\(name) was handed \(facts.number) after \(lastNumber[name] ?? 0)")
    }
    lastNumber[name] = facts.number
  }

  /// A reader was told that messages are stored no more.
  ///
  /// - Parameter numbers: which they are by what the daemon said.
  func gap(_ reason: String, _ numbers: Range<UInt64>, at name: String) {
    gaps += 1
    world.require(
      isPruned && reason == "truncated", .noDecisionLost, "\(name) was told a gap: \(reason)")
    told[name, default: []].append(numbers)
  }

  /// - Parameter stored: what was stored early enough before the daemon's end to be fetched.
  func finish(_ stored: some Sequence<StoredFacts>, _ subscribers: [Subscriber]) {
    for subscriber in subscribers {
      let handed = handedTo[subscriber.name] ?? []
      let first = subscriber.hasCursor ? 1 : firstNumber[subscriber.name] ?? .max
      for facts in stored where facts.number >= first && subscriber.wants(facts.topic) {
        let isTold = told[subscriber.name]?.contains { $0.contains(facts.number) } ?? false
        world.require(
          handed.contains(facts.id) || isTold, .noDecisionLost,
          "\(subscriber.name) was never handed \(facts.number), \(facts.type) \(facts.id)")
      }
    }
  }
}
