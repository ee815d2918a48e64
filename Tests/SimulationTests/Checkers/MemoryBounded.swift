/// What waits inside the daemon stays small, whatever the journal and the peers do.
final class MemoryBounded {
  /// Outputs that are not committed. A commit takes at most 2.5 s and may fail and be tried again after 1 s, while
  /// nothing is decided; until it fails at most 2.5 s of events come, of five publishers with at most 10 a
  /// second each but for bursts of 30, and an event makes at most three outputs, nearly always none.
  static let waiting = 150
  /// Of one call: what a commit lets go, with an acknowledgement for each source, or the deadlines of 3 s.
  static let actions = 250

  private let world: World
  private(set) var mostWaiting = 0
  private(set) var mostActions = 0

  init(_ world: World) { self.world = world }

  func measure(waiting: Int) {
    mostWaiting = max(mostWaiting, waiting)
    world.require(waiting <= Self.waiting, .memoryBounded, "\(waiting) outputs wait for the journal")
  }

  func measure(actions: Int) {
    mostActions = max(mostActions, actions)
    world.require(actions <= Self.actions, .memoryBounded, "\(actions) actions at once")
  }
}
