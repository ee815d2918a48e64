import Engine
import Events
import Foundation
import Logging
import Synchronization
import ZeroMQ

/// Reads the configuration again on a thread of its own, and hands a whole one to the serving thread.
///
/// Requests that come while one is being read are one more, however many they are. The serving thread never
/// waits: it takes an offer between two turns, swaps, and says what came of it.
final class Reloading: Sendable {
  /// A configuration that is right, for the serving thread to take.
  struct Offer: Sendable {
    var settings: EngineSettings
    /// For a recording.
    var origin: Configuration.Origin
  }

  enum Outcome: Sendable {
    /// With the time that serving stood still for it.
    case taken(cost: Duration)
    case refused(StateError)
  }

  /// What else follows the configuration. It is asked once the file was read, before anything is swapped, and
  /// throws what is wrong, with which nothing changes; what it returns is run when the engine has the new
  /// settings.
  typealias Follower = @Sendable (Configuration) throws(ConfigurationProblems) -> @Sendable () -> Void

  private struct State: Sendable {
    var isRequested = false
    var isStopped = false
    var isBusy = false
    var offer: Offer?
    /// Of the last offer; nil while it waits.
    var outcome: Outcome?
  }

  /// Of a file with more problems the first are told, and how many there are.
  static let problemsTold = 20

  private let state = Mutex(State())
  /// Wakes the reloading thread.
  private let work: Wakeup
  /// Wakes the serving thread.
  let offered: Wakeup
  private let thread = Mutex<SocketThread?>(nil)
  private let running: Mutex<Configuration>
  private let followers: [Follower]
  private let service: ServiceState
  private let notice: ServiceNotice?
  private let clock: ServeClock
  private let log: Logger

  init(
    _ configuration: Configuration, followers: [Follower], service: ServiceState, notice: ServiceNotice?,
    clock: ServeClock, log: Logger
  ) throws(ZeroMQError) {
    work = try Wakeup()
    offered = try Wakeup()
    running = Mutex(configuration)
    self.followers = followers
    self.service = service
    self.notice = notice
    self.clock = clock
    self.log = log
  }

  // MARK: From other threads

  /// Asks for a reload; at most one waits.
  func request() {
    state.withLock { $0.isRequested = true }
    work.signal()
  }

  /// The configuration to take, once.
  func takeOffer() -> Offer? {
    offered.drain()
    return state.withLock { state in
      defer { state.offer = nil }
      return state.offer
    }
  }

  /// Says what came of the offer.
  func settle(_ outcome: Outcome) {
    state.withLock { $0.outcome = outcome }
    work.signal()
  }

  func start() throws(ZeroMQError) {
    try thread.withLock { (thread) throws(ZeroMQError) in
      thread = try SocketThread(name: "tidemark-reload") { [self] in
        do throws(ZeroMQError) { try run() } catch { log.error("reload: \(error)") }
      }
    }
  }

  /// Ends the thread. One that is reading files is not waited for: it changes nothing by itself.
  func stop() {
    let isBusy = state.withLock { state in
      state.isStopped = true
      return state.isBusy
    }
    work.signal()
    guard !isBusy else { return }
    let running = thread.withLock { $0.take() }
    running?.join()
  }

  // MARK: The thread

  private func run() throws(ZeroMQError) {
    var poller = Poller()
    _ = poller.add(work)
    while true {
      let (isRequested, isStopped) = state.withLock { state in
        defer { (state.isRequested, state.isBusy) = (false, state.isRequested && !state.isStopped) }
        return (state.isRequested, state.isStopped)
      }
      if isStopped { return }
      guard isRequested else {
        _ = try poller.wait(milliseconds: nil)
        work.drain()
        continue
      }
      notice?.reloading()
      try reload(&poller)
      notice?.ready(service.summary)
    }
  }

  private func reload(_ poller: inout Poller) throws(ZeroMQError) {
    let old = running.withLock { $0 }
    guard let origin = old.origin else {
      return log.notice("nothing to reload: there is no configuration file (serve --config)")
    }
    let configuration: Configuration
    let keys: [String]
    var follow: [@Sendable () -> Void] = []
    do throws(ConfigurationProblems) {
      let read = try Configuration.load(origin.file, allowsPlaintext: origin.allowsPlaintext)
      (configuration, keys) = old.reloaded(with: read)
      for follower in followers { follow.append(try follower(configuration)) }
    } catch { return refuse(error) }
    guard let origin = configuration.origin else { return }
    let cost: Duration
    switch try outcome(of: Offer(settings: configuration.engine, origin: origin), &poller) {
    case nil: return
    case .refused(let error):
      return refuse(.init(file: origin.file, problems: [.init(line: nil, key: "", message: "\(error)")]))
    case .taken(let time): cost = time
    }
    for follow in follow { follow() }
    running.withLock { $0 = configuration }
    LogStream.standardError.settings = configuration.log
    service.reloaded(revision: configuration.engine.revision, at: clock.now)
    for key in keys {
      log.warning("\(key) needs a restart; it stays as it is", metadata: ["key": .string(key)])
    }
    log.notice(
      "reloaded",
      metadata: [
        "file": .string(origin.file), "revision": .string(configuration.engine.revision),
        "models": .stringConvertible(configuration.configuredModels),
        "took_us": .stringConvertible(cost.clampedNanoseconds / 1_000),
      ])
  }

  /// Waits until the serving thread has taken the offer; nil when it ends instead.
  private func outcome(of offer: Offer, _ poller: inout Poller) throws(ZeroMQError) -> Outcome? {
    state.withLock { ($0.offer, $0.outcome) = (offer, nil) }
    offered.signal()
    while true {
      let (outcome, isStopped) = state.withLock { ($0.outcome, $0.isStopped) }
      if let outcome { return outcome }
      if isStopped { return nil }
      _ = try poller.wait(milliseconds: nil)
      work.drain()
    }
  }

  private func refuse(_ problems: ConfigurationProblems) {
    service.reloadFailed()
    let lines = problems.description.split(separator: "\n")
    for line in lines.prefix(Self.problemsTold) {
      log.error("\(line)", metadata: ["reason": "reload_refused"])
    }
    log.error(
      "reload refused: the configuration stays as it was",
      metadata: [
        "file": .string(problems.file), "problems": .stringConvertible(problems.problems.count),
        "revision": .string(service.reloads.revision),
      ])
  }
}
