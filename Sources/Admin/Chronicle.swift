import Synchronization

/// The last messages about alerts and decisions, as they were published.
///
/// Memory: ``capacity`` of each, of about 1 KiB and as much again once somebody has asked: 4 MiB. An older one is
/// forgotten for a newer.
package final class Chronicle: Sendable {
  package static let capacity = 1_024

  package enum Kind: String, Sendable {
    case alert
    case decision
  }

  private struct State: Sendable {
    var epoch: UInt64 = 0
    var alerts: [ToldMessage] = []
    var decisions: [ToldMessage] = []
    /// The largest number that is no longer kept, or that there was before the first.
    var forgotten: UInt64 = 0
    var last: UInt64 = 0
  }

  private let state = Mutex(State())
  /// Called after each message, without a lock held.
  private let bell = Mutex<(@Sendable () -> Void)?>(nil)

  init() {}

  /// A message was published.
  ///
  /// - Parameter body: its JSON.
  package func note(_ kind: Kind, epoch: UInt64, number: UInt64, subject: String?, body: [UInt8]) {
    let message = ToldMessage(kind: kind, epoch: epoch, number: number, subject: subject, body: body)
    state.withLock { state in
      if state.epoch != epoch { state = State(epoch: epoch, forgotten: number - 1) }
      state.last = max(state.last, number)
      switch kind {
      case .alert: Self.append(message, to: &state.alerts, &state.forgotten)
      case .decision: Self.append(message, to: &state.decisions, &state.forgotten)
      }
    }
    bell.withLock { $0 }?()
  }

  /// Half as many again are held before the oldest go, so that moving the rest up costs little.
  private static func append(
    _ message: ToldMessage, to messages: inout [ToldMessage], _ forgotten: inout UInt64
  ) {
    messages.append(message)
    guard messages.count > capacity + capacity / 2 else { return }
    let excess = messages.count - capacity
    forgotten = max(forgotten, messages[excess - 1].number)
    messages.removeFirst(excess)
  }

  func ring(_ body: (@Sendable () -> Void)?) { bell.withLock { $0 = body } }

  /// The last messages of a kind, oldest first.
  func messages(_ kind: Kind) -> ArraySlice<ToldMessage> {
    state.withLock { kind == .alert ? $0.alerts : $0.decisions }.suffix(Self.capacity)
  }

  /// A place to go on from.
  struct Place: Sendable, Equatable {
    var epoch: UInt64
    var number: UInt64
  }

  /// Before the first message that is kept.
  var beginning: Place { state.withLock { Place(epoch: $0.epoch, number: $0.forgotten) } }
  var end: Place { state.withLock { Place(epoch: $0.epoch, number: $0.last) } }

  /// Messages after a place, in order, and how many between are no longer kept.
  ///
  /// - Returns: nil when the place is of another numbering.
  func messages(after place: Place, limit: Int) -> (messages: [ToldMessage], lost: UInt64)? {
    state.withLock { state in
      guard place.epoch == state.epoch, place.number <= state.last else { return nil }
      guard place.number < state.last else { return ([], 0) }
      let from = max(place.number, state.forgotten)
      let later = (Self.after(from, state.alerts) + Self.after(from, state.decisions))
        .sorted { $0.number < $1.number }
      return (Array(later.prefix(limit)), from - place.number)
    }
  }

  private static func after(_ number: UInt64, _ messages: [ToldMessage]) -> ArraySlice<ToldMessage> {
    var (low, high) = (0, messages.count)
    while low < high {
      let middle = (low + high) / 2
      if messages[middle].number > number { high = middle } else { low = middle + 1 }
    }
    return messages[low...]
  }
}
