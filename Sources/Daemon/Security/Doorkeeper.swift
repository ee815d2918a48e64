import Events
import Foundation
import Synchronization
import ZeroMQ

/// Says who is let in: the allow-list in force, and the thread that answers libzmq about each connection.
///
/// It fails closed: sockets enforce their domains, so while no thread answers, nobody new is let in; and when the
/// thread ends before it is told to, the daemon ends. Callable from any thread.
final class Doorkeeper: Sendable {
  /// The user id of a connection by plain ipc. No key is of this length.
  static let localUser = "@ipc"

  private struct State: Sendable {
    var list: AllowList
    /// Accepted at the door while the daemon tries itself, and good for no message.
    var visitor: PublicKey?
    var limit = HandshakeLimit()
    /// Not taken yet, by reason: how many, and the words for the last.
    var refused: [Reason: Remark] = [:]
    var isStopping = false
    var failure: ZeroMQError?
    /// Whether a reader's key was taken from the list since ``takeReaderLoss()``.
    var hasLostReader = false
  }

  private let settings: SecuritySettings
  private let state: Mutex<State>
  /// One more with each list.
  private let revision = Atomic<UInt64>(0)
  private let thread = Mutex<SocketThread?>(nil)
  private let stopped: Wakeup
  /// Wakes the serving thread when there is something to take or the thread has ended.
  let changed: Wakeup

  init(_ settings: SecuritySettings) throws(ZeroMQError) {
    self.settings = settings
    state = Mutex(State(list: settings.clients))
    stopped = try Wakeup()
    changed = try Wakeup()
  }

  /// The doorkeeper of a configuration; nil without `security`.
  static func make(_ configuration: Configuration) throws(ServeFailure) -> Doorkeeper? {
    guard let settings = configuration.security else { return nil }
    return try ServeFailure.ofSockets { () throws(ZeroMQError) in try Doorkeeper(settings) }
  }

  /// Tries every secured endpoint; see ``SelfTest``.
  ///
  /// - Parameter bound: the endpoints as bound.
  /// - Throws: when a key that nobody knows is let in, or a known one is not.
  func testItself(
    _ context: borrowing Context, _ bound: Configuration.Sockets
  ) throws(ServeFailure) {
    try SelfTest(door: self, settings: settings).run(context, bound)
  }

  // MARK: The list

  /// The list in force.
  var list: AllowList { state.withLock { $0.list } }

  /// Changes with the list; cheap enough to look at before each message.
  var currentRevision: UInt64 { revision.load(ordering: .acquiring) }

  /// Puts another list into force, at once and as a whole. Keys that are gone are refused from now on, at the door
  /// and with every message of connections that they have.
  func replace(_ list: AllowList) {
    state.withLock { state in
      let readers = state.list.clients.filter { $0.roles.contains(.consume) }
      if readers.contains(where: { list.client(of: $0.key)?.roles.contains(.consume) != true }) {
        state.hasLostReader = true
      }
      state.list = list
      state.limit.keep(list)
    }
    revision.add(1, ordering: .releasing)
    changed.signal()
  }

  /// What is taken of a configuration that was read again, its file of clients with it; see `Reloading.Follower`.
  func follow(_ configuration: Configuration) -> @Sendable () -> Void {
    let list = configuration.security?.clients
    return { if let list { self.replace(list) } }
  }

  /// Whether a reader's key has gone since the last call: what it reads must be cut.
  func takeReaderLoss() -> Bool {
    state.withLock { state in
      defer { state.hasLostReader = false }
      return state.hasLostReader
    }
  }

  // MARK: The thread

  /// Binds the handler and starts to answer; returns when it is bound.
  func start(_ context: borrowing Context) throws(ZeroMQError) {
    let (bound, shared) = (Start(), Shared(context.share()))
    try thread.withLock { (thread) throws(ZeroMQError) in
      thread = try SocketThread(name: "tidemark-door") { [self] in
        guard let context = shared.take() else { return }
        do throws(ZeroMQError) {
          var handler = try ZAPHandler(context, stop: stopped)
          bound.say(nil)
          try handler.run(
            isStopped: { self.isStopping }, decide: { self.decide($0) },
            onMalformed: { self.count(Remark(.malformed, "a request to the authentication handler")) })
        } catch {
          state.withLock { $0.failure = error }
          bound.say(error)
        }
        hasEnded.store(true, ordering: .releasing)
        changed.signal()
      }
    }
    if let error = bound.wait() { throw error }
  }

  /// Ends the thread. From then on nobody new is let in.
  func stop() {
    state.withLock { $0.isStopping = true }
    stopped.signal()
    let running = thread.withLock { $0.take() }
    running?.join()
  }

  private let hasEnded = Atomic(false)

  /// - Throws: when nobody answers any more.
  func requireAlive() throws(ZeroMQError) {
    guard hasEnded.load(ordering: .acquiring) else { return }
    let why = state.withLock { $0.failure }.map { ": \($0)" } ?? ""
    throw ZeroMQError(
      code: EIO, operation: "security",
      detail: "the authentication handler has ended, nobody can be let in\(why)"
    )
  }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  /// What one thread says to the one that started it.
  private final class Start: Sendable {
    private let result = Mutex<ZeroMQError?>(nil)
    private let changed = DispatchSemaphore(value: 0)

    func say(_ error: ZeroMQError?) {
      result.withLock { $0 = error }
      changed.signal()
    }

    func wait() -> ZeroMQError? {
      changed.wait()
      return result.withLock { $0 }
    }
  }

  /// Hands a context over to another thread.
  private final class Shared: Sendable {
    private let context: Mutex<Context?>
    init(_ context: consuming sending Context) { self.context = Mutex(context) }
    func take() -> Context? { context.withLock { $0.take() } }
  }

  // MARK: Answers

  func decide(_ request: ZAPRequest, at now: Timestamp = ServeClock().now) -> ZAPAnswer {
    guard let (doorway, isPlain) = Doorway.find(request.domain) else {
      count(Remark(.keyRefused, "a connection to '\(request.domain)', which is no socket of ours"))
      return .refused
    }
    switch request.mechanism {
    case .null where isPlain && settings.ipc == .plain: return .accepted(userID: Self.localUser)
    case .curve(let key) where !isPlain: return decide(key, doorway, request.address, at: now)
    default:
      count(Remark(.keyRefused, "a connection to \(doorway) from \(request.address) without a key"))
      return .refused
    }
  }

  private func decide(
    _ key: PublicKey, _ doorway: Doorway, _ address: String, at now: Timestamp
  ) -> ZAPAnswer {
    state.withLock { state in
      if state.visitor == key { return .accepted(userID: key.text) }
      guard let client = state.list.client(of: key) else {
        Self.count(
          Remark(.keyRefused, "key \(key) from \(address) on \(doorway) is not in the list of clients"),
          &state)
        changed.signal()
        return .refused
      }
      guard !client.roles.isDisjoint(with: doorway.roles) else {
        Self.count(
          Remark(
            .roleMissing,
            "'\(client.name)' from \(address) on \(doorway) may \(client.roles), and needs \(doorway.roles)"),
          &state)
        changed.signal()
        return .refused
      }
      guard state.limit.take(key.text, at: now) else {
        Self.count(
          Remark(.handshakeLimited, "'\(client.name)' from \(address) on \(doorway) connects too often"),
          &state)
        changed.signal()
        return .later
      }
      return .accepted(userID: key.text)
    }
  }

  /// Lets a key in at the door while `body` runs, for the daemon's trial of itself.
  func whileVisited<Result>(
    by key: PublicKey, _ body: () throws(ServeFailure) -> Result
  ) throws(ServeFailure) -> Result {
    state.withLock { $0.visitor = key }
    defer { state.withLock { $0.visitor = nil } }
    return try body()
  }

  // MARK: The account

  private func count(_ remark: Remark) {
    state.withLock { Self.count(remark, &$0) }
    changed.signal()
  }

  private static func count(_ remark: Remark, _ state: inout State) {
    var remark = remark
    remark.count = remark.count.addingSaturating(state.refused[remark.reason]?.count ?? 0)
    state.refused[remark.reason] = remark
  }

  /// What was refused at the door since the last call: one remark a reason, with the words for the last.
  func takeRefused() -> [Remark] {
    changed.drain()
    return state.withLock { state in
      defer { state.refused = [:] }
      return state.refused.values.sorted { $0.reason.index < $1.reason.index }
    }
  }
}
