import Events

/// Every message that is stored reaches every reader that has a cursor, in the end; a reader of everything is
/// handed them in order.
final class NoDecisionLost {
  private let world: World
  private var handedTo: [String: Set<String>] = [:]
  private var firstNumber: [String: UInt64] = [:]
  private var lastNumber: [String: UInt64] = [:]
  private(set) var handovers = 0

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

  func gap(_ reason: String, at name: String) {
    world.violate(.noDecisionLost, "\(name) was told a gap: \(reason)")
  }

  func finish(_ stored: [StoredFacts], _ subscribers: [Subscriber]) {
    for subscriber in subscribers {
      let handed = handedTo[subscriber.name] ?? []
      let first = subscriber.hasCursor ? 1 : firstNumber[subscriber.name] ?? .max
      for facts in stored where facts.number >= first && subscriber.wants(facts.topic) {
        world.require(
          handed.contains(facts.id), .noDecisionLost,
          "\(subscriber.name) was never handed \(facts.number), \(facts.type) \(facts.id)")
      }
    }
  }
}
