package import Events
import NIOCore
import Synchronization

/// Where the thread that serves and those who ask over HTTP meet. Each side holds its lock for a few copies of
/// references; nobody waits for the other but who asks, and he for a second at most.
///
/// The serving thread posts a snapshot only when somebody asked, and no more often than ``leastAge`` apart.
package final class Board: Sendable {
  /// A snapshot this young answers without another being made, so at most four are made a second.
  static let leastAge = Duration.milliseconds(250)
  /// Nobody asked for so long: changes are no longer noted.
  package static let interest = Duration.seconds(10)
  /// What a request waits for the serving thread.
  static let patience = TimeAmount.seconds(1)
  /// Requests that wait at a time; more are `busy`. As many as are handled at once, and the event stream.
  static let maximumWaiting = AdminLimits.requestsAtOnce + 1
  /// Models of which details are made in one turn; each takes some 10 µs, or 0.5 ms with 5,000 features.
  package static let detailsPerTurn = 4

  package enum Phase: Int, Sendable {
    case starting
    case serving
    case draining
  }

  /// What requests want of the serving thread.
  package struct Asked: Sendable {
    package var wantsSnapshot = false
    package var details: [ModelKey] = []
  }

  private struct State: Sendable {
    var snapshot: FleetSnapshot?
    var nextTicket: UInt64 = 0
    var waiting: [UInt64: CheckedContinuation<FleetSnapshot?, Never>] = [:]
    var details: [(ticket: UInt64, key: ModelKey, CheckedContinuation<DetailAnswer, Never>)] = []
    var lastAsked = Timestamp.min
    var journal = HealthCheck(state: "off", detail: nil, since: nil)
    var since = Timestamp.min
    var surroundings: @Sendable () -> Surroundings = { Surroundings() }
  }

  /// What became of asking for one model.
  enum DetailAnswer: Sendable {
    case found(ModelDetail)
    case unknown
    case unavailable
  }

  private let state = Mutex(State())
  private let hasAsked = Atomic(false)
  private let phaseNumber = Atomic(Phase.starting.rawValue)
  private let lastTurn = Atomic(Int64.min)
  /// Messages about alerts and decisions.
  package let chronicle = Chronicle()
  let now: @Sendable () -> Timestamp
  private let wake: @Sendable () -> Void

  /// - Parameters:
  ///   - now: the arrival clock.
  ///   - wake: makes the serving thread turn.
  package init(now: @escaping @Sendable () -> Timestamp, wake: @escaping @Sendable () -> Void) {
    (self.now, self.wake) = (now, wake)
    state.withLock { $0.since = now() }
  }

  // MARK: The serving thread

  /// It turned.
  package func turned(at now: Timestamp) { lastTurn.store(now.nanoseconds, ordering: .relaxed) }

  package func setPhase(_ phase: Phase) { phaseNumber.store(phase.rawValue, ordering: .releasing) }

  /// Something that the daemon depends on changed.
  package func setJournal(_ check: HealthCheck) { state.withLock { $0.journal = check } }

  /// - Parameter read: the figures of what lives beside the serving loop, at any time and on any thread.
  package func setSurroundings(_ read: @escaping @Sendable () -> Surroundings) {
    state.withLock { $0.surroundings = read }
  }

  /// What is asked, once; nil when nothing is.
  package func takeAsked() -> Asked? {
    guard hasAsked.load(ordering: .acquiring) else { return nil }
    return state.withLock { state in
      // What is left over makes the next turn.
      let isMore = state.details.count > Self.detailsPerTurn
      hasAsked.store(isMore, ordering: .releasing)
      if isMore { wake() }
      return Asked(
        wantsSnapshot: !state.waiting.isEmpty,
        details: Array(Set(state.details.prefix(Self.detailsPerTurn).map(\.key))))
    }
  }

  /// Whether anybody asked lately.
  package func isOfInterest(at now: Timestamp) -> Bool {
    state.withLock { $0.lastAsked.duration(to: now) <= Self.interest }
  }

  package func post(_ snapshot: FleetSnapshot) {
    let waiting = state.withLock { state in
      state.snapshot = snapshot
      defer { state.waiting = [:] }
      return state.waiting
    }
    for continuation in waiting.values { continuation.resume(returning: snapshot) }
  }

  /// Nobody asks any more: the memory is given back.
  package func forget() { state.withLock { $0.snapshot = nil } }

  /// - Parameter detail: nil for a model that is not watched.
  package func answer(_ key: ModelKey, _ detail: ModelDetail?) {
    let waiting = state.withLock { state in
      let own = state.details.filter { $0.key == key }
      state.details.removeAll { $0.key == key }
      return own
    }
    for (_, _, continuation) in waiting {
      continuation.resume(returning: detail.map(DetailAnswer.found) ?? .unknown)
    }
  }

  // MARK: Requests

  var phase: Phase { Phase(rawValue: phaseNumber.load(ordering: .acquiring)) ?? .starting }
  var journal: HealthCheck { state.withLock { $0.journal } }
  var surroundings: Surroundings { state.withLock { $0.surroundings }() }
  var since: Timestamp { state.withLock { $0.since } }
  /// Nil before the first turn.
  var lastTurned: Timestamp? {
    let last = lastTurn.load(ordering: .relaxed)
    return last == .min ? nil : Timestamp(nanoseconds: last)
  }

  /// The last snapshot, or the next one when that is older than ``leastAge``.
  ///
  /// - Returns: nil when the serving thread makes none in time, or too many wait.
  func snapshot(on loop: any EventLoop) async -> FleetSnapshot? {
    await withCheckedContinuation { continuation in
      let now = now()
      enum Outcome {
        case answered(FleetSnapshot?)
        case waits(UInt64)
      }
      let outcome = state.withLock { state -> Outcome in
        state.lastAsked = now
        if let young = state.snapshot, young.at.duration(to: now) <= Self.leastAge { return .answered(young) }
        guard state.waiting.count < Self.maximumWaiting else { return .answered(nil) }
        state.nextTicket += 1
        state.waiting[state.nextTicket] = continuation
        return .waits(state.nextTicket)
      }
      switch outcome {
      case .answered(let snapshot): continuation.resume(returning: snapshot)
      case .waits(let ticket):
        ask()
        loop.scheduleTask(in: Self.patience) {
          let late = self.state.withLock { $0.waiting.removeValue(forKey: ticket) }
          late?.resume(returning: nil)
        }
      }
    }
  }

  func detail(of key: ModelKey, on loop: any EventLoop) async -> DetailAnswer {
    await withCheckedContinuation { continuation in
      let now = now()
      let ticket = state.withLock { state -> UInt64? in
        state.lastAsked = now
        guard state.details.count < Self.maximumWaiting else { return nil }
        state.nextTicket += 1
        state.details.append((state.nextTicket, key, continuation))
        return state.nextTicket
      }
      guard let ticket else { return continuation.resume(returning: .unavailable) }
      ask()
      loop.scheduleTask(in: Self.patience) {
        let late = self.state.withLock { state in
          state.details.firstIndex { $0.ticket == ticket }.map { state.details.remove(at: $0).2 }
        }
        late?.resume(returning: .unavailable)
      }
    }
  }

  private func ask() {
    hasAsked.store(true, ordering: .releasing)
    wake()
  }
}

/// How something does that the daemon depends on.
package struct HealthCheck: Sendable, Equatable {
  /// `ok`, `failing` or `off`.
  package var state: String
  package var detail: String?
  package var since: Timestamp?

  package init(state: String, detail: String?, since: Timestamp?) {
    (self.state, self.detail, self.since) = (state, detail, since)
  }
}
