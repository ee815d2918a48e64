import Events
import NIOCore
import Synchronization
import Wire

/// The clients of the event stream. None has a queue: each has a place in the chronicle, and the number of the last
/// event `fleet` that it was sent, and reads on from there when it can. One that reads too slowly is told how much it
/// missed.
final class Listeners: Sendable {
  /// Between events `fleet`.
  static let pulse = TimeAmount.seconds(1)
  /// Nothing was sent for so long: a comment is.
  static let heartbeat = TimeAmount.seconds(15)
  /// Messages written before anything else is looked at.
  static let messagesAtOnce = 64

  private struct Client: Sendable {
    var place: Chronicle.Place
    var sentDelta: UInt64
    var waiting: CheckedContinuation<Bool, Never>?
    /// Something came while nobody waited.
    var isRung = false
    var isClosed = false
  }

  private struct State: Sendable {
    var clients: [UInt64: Client] = [:]
    var nextID: UInt64 = 0
    /// The last event `fleet`, and how many there were.
    var delta: [UInt8] = []
    var deltas: UInt64 = 0
    var snapshot: FleetSnapshot?
    var isPulsing = false
    var hasEnded = false
  }

  private let state = Mutex(State())
  private let board: Board
  private let loop: any EventLoop

  init(_ board: Board, on loop: any EventLoop) {
    (self.board, self.loop) = (board, loop)
    board.chronicle.ring { [weak self] in self?.ring() }
  }

  var count: Int { state.withLock { $0.clients.count } }

  // MARK: Clients

  /// - Parameter last: the place that it read up to.
  /// - Returns: its number and whether it goes on without a gap; nil when there are too many.
  func join(after last: Chronicle.Place?) -> (id: UInt64, isResumed: Bool)? {
    let end = board.chronicle.end
    let found = last.flatMap { board.chronicle.messages(after: $0, limit: 1) }
    let isResumed = found.map { $0.lost == 0 } ?? false
    let (id, isFirst) = state.withLock { state -> (UInt64?, Bool) in
      guard state.clients.count < AdminLimits.listeners, !state.hasEnded else { return (nil, false) }
      state.nextID += 1
      state.clients[state.nextID] = Client(
        place: isResumed ? last ?? end : end, sentDelta: state.deltas, isRung: isResumed)
      defer { state.isPulsing = true }
      return (state.nextID, !state.isPulsing)
    }
    if isFirst { beat() }
    return id.map { ($0, isResumed) }
  }

  func leave(_ id: UInt64) {
    let waiting = state.withLock { $0.clients.removeValue(forKey: id)?.waiting }
    waiting?.resume(returning: false)
  }

  /// What is to be written to a client next; empty when there is nothing, nil when it is over.
  func take(_ id: UInt64) -> [UInt8]? {
    state.withLock { state in
      guard var client = state.clients[id], !client.isClosed, !state.hasEnded else { return nil }
      client.isRung = false
      var events: [UInt8] = []
      // Of another numbering, as before the first message of all, it reads from the beginning.
      if board.chronicle.end.epoch != client.place.epoch { client.place = board.chronicle.beginning }
      let end = board.chronicle.end
      let found = board.chronicle.messages(after: client.place, limit: Self.messagesAtOnce)
      var lost = found?.lost ?? 0
      for message in found?.messages ?? [] {
        client.place = Chronicle.Place(epoch: message.epoch, number: message.number)
        events += Self.event(
          message.kind.rawValue, message.body, id: "\(message.epoch)-\(message.number)")
      }
      if found?.messages.isEmpty ?? true { client.place = end }
      if found?.messages.count == Self.messagesAtOnce { client.isRung = true }
      if state.deltas > client.sentDelta {
        lost += state.deltas - client.sentDelta - 1
        events += Self.event("fleet", state.delta)
        client.sentDelta = state.deltas
      }
      if lost > 0 { events += Self.event("lost", Array("{\"count\":\(lost)}".utf8)) }
      state.clients[id] = client
      return events
    }
  }

  static func event(_ name: String, _ data: [UInt8], id: String? = nil) -> [UInt8] {
    Array((id.map { "id: \($0)\n" } ?? "").utf8) + Array("event: \(name)\ndata: ".utf8) + data
      + Array("\n\n".utf8)
  }

  /// Waits for something to write.
  ///
  /// - Returns: false when a heartbeat is due first.
  func wait(_ id: UInt64) async -> Bool {
    await withCheckedContinuation { continuation in
      let isReady = state.withLock { state -> Bool in
        guard var client = state.clients[id], !client.isRung, !client.isClosed, !state.hasEnded else {
          return true
        }
        client.waiting = continuation
        state.clients[id] = client
        return false
      }
      guard !isReady else { return continuation.resume(returning: true) }
      loop.scheduleTask(in: Self.heartbeat) { self.wake(id, isHeartbeat: true) }
    }
  }

  private func wake(_ id: UInt64, isHeartbeat: Bool) {
    let waiting = state.withLock { state in
      defer {
        state.clients[id]?.waiting = nil
        if !isHeartbeat { state.clients[id]?.isRung = true }
      }
      return state.clients[id]?.waiting
    }
    waiting?.resume(returning: !isHeartbeat)
  }

  /// The client's connection is gone.
  func close(_ id: UInt64) {
    state.withLock { $0.clients[id]?.isClosed = true }
    wake(id, isHeartbeat: false)
  }

  /// Ends every stream.
  func end() {
    state.withLock { $0.hasEnded = true }
    board.chronicle.ring(nil)
    ring()
  }

  private func ring() {
    for id in state.withLock({ Array($0.clients.keys) }) { wake(id, isHeartbeat: false) }
  }

  // MARK: The fleet

  /// Compares the fleet with what it was a second ago, while anybody listens.
  private func beat() {
    Task {
      if let snapshot = await board.snapshot(on: loop) { compare(snapshot) }
      let goesOn = state.withLock { state in
        state.isPulsing = !state.clients.isEmpty && !state.hasEnded
        if !state.isPulsing { state.snapshot = nil }
        return state.isPulsing
      }
      if goesOn { loop.scheduleTask(in: Self.pulse) { self.beat() } }
    }
  }

  private func compare(_ snapshot: FleetSnapshot) {
    let earlier = state.withLock { state in
      defer { state.snapshot = snapshot }
      return state.snapshot
    }
    guard let earlier, let delta = snapshot.delta(since: earlier) else { return }
    state.withLock { state in
      state.delta = delta
      state.deltas += 1
    }
    ring()
  }
}
