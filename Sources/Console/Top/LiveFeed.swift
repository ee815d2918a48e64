import Events
import Foundation
import Synchronization

/// What `top` shows, kept up to date by a thread of its own: the terminal never waits for the network.
///
/// At the beginning everything is fetched; then the daemon tells what changes (`/api/v1/events`), and the status and the
/// page in front are fetched every other second. Where there is no stream, the list is fetched as well.
final class LiveFeed: Sendable {
  private static let statusInterval = Duration.seconds(2)
  /// The list as a whole, for each page of it: a change that was missed and models that went are seen by it alone,
  /// and decoding a page of 1,000 models takes some 0.1 s.
  private static let listInterval = Duration.seconds(30)
  private static let listIntervalPolling = Duration.seconds(4)
  /// Changes that follow one another fetch a page once.
  private static let pageInterval = Duration.milliseconds(300)
  /// Neither the terminal nor memory needs more at once; beyond it, the list is fetched again.
  private static let maximumWaiting = 256

  private struct Shared {
    var interest = Interest.fleet
    var isAsked = false
    var isBehind = false
    var isStopped = false
    var waiting: [FeedMessage] = []
  }

  private let client: DaemonClient
  private let shared = Mutex(Shared())
  private let asked: WakePipe
  private let arrived: WakePipe

  init(_ client: DaemonClient) throws(HTTPFailure) {
    self.client = client
    asked = try WakePipe()
    arrived = try WakePipe()
  }

  /// Readable when there is something to take.
  var descriptor: Int32 { arrived.descriptor }

  func take() -> [FeedMessage] {
    arrived.drain()
    return shared.withLock { shared in
      defer { shared.waiting = [] }
      return shared.waiting
    }
  }

  /// Fetches for another page, or again, at once.
  func ask(_ interest: Interest) {
    shared.withLock { shared in
      shared.interest = interest
      shared.isAsked = true
    }
    asked.signal()
  }

  func stop() {
    shared.withLock { $0.isStopped = true }
    asked.signal()
  }

  private func post(_ message: FeedMessage) {
    shared.withLock { shared in
      if shared.waiting.count < Self.maximumWaiting {
        shared.waiting.append(message)
      } else {
        shared.isBehind = true
      }
    }
    arrived.signal()
  }

  private var isStopped: Bool { shared.withLock { $0.isStopped } }

  // MARK: The thread

  func start() { Thread.detachNewThread { self.run() } }

  /// Before the n-th attempt in a row, from 0.
  static func backoff(_ attempt: Int) -> Duration { .milliseconds(min(15_000, 500 << min(attempt, 5))) }

  private func run() {
    var failures = 0
    while !isStopped {
      do throws(ClientFailure) {
        try follow { failures = 0 }
      } catch {
        let wait = Self.backoff(failures)
        failures += 1
        post(.link(.lost(why: error.description, retry: SystemTime.now.advanced(by: wait))))
        _ = awaitReadable([asked.descriptor], wait)
        asked.drain()
      }
    }
  }

  /// When what is fetched next.
  private struct Agenda {
    var status = ContinuousClock.now + LiveFeed.statusInterval
    var page = ContinuousClock.now + LiveFeed.statusInterval
    var list = ContinuousClock.now
    /// When a stream is tried again; nil while there is one, which wakes by itself.
    private(set) var stream: ContinuousClock.Instant?
    /// Of the list.
    var pages: Int

    init(pages: Int) { self.pages = pages }

    var next: ContinuousClock.Instant { min(status, page, list, stream ?? list) }

    /// The stream has come, was not to be had, or has gone.
    mutating func setStream(isLive: Bool, again: Duration = LiveFeed.listInterval) {
      stream = isLive ? nil : .now + again
      setList(isLive: isLive)
    }

    /// The list was fetched.
    mutating func setList(isLive: Bool) {
      list = .now + (isLive ? LiveFeed.listInterval : LiveFeed.listIntervalPolling) * pages
    }
  }

  /// Until it is stopped or the daemon does not answer.
  private func follow(_ connected: () -> Void) throws(ClientFailure) {
    try fetchStatus()
    var agenda = Agenda(pages: try fetchList())
    connected()
    var stream = openStream()
    agenda.setStream(isLive: stream != nil)
    try fetchPage()
    while !isStopped {
      var waited = [asked.descriptor]
      if let stream { waited.append(stream.descriptor) }
      let patience = stream?.hasEvents == true ? .zero : max(.zero, agenda.next - .now)
      let readable = awaitReadable(waited, patience)
      if readable[0] { asked.drain() }
      if let open = stream, open.hasEvents || readable[1], !take(open, &agenda) {
        stream = nil
        // The status says at once whether the daemon has gone, or this stream alone.
        agenda.status = .now
        agenda.setStream(isLive: false, again: Self.statusInterval)
      }
      try fetchDue(&agenda, isLive: stream != nil)
      if let again = agenda.stream, .now >= again {
        stream = openStream()
        agenda.setStream(isLive: stream != nil)
        // What changed in between was told to nobody.
        if stream != nil { agenda.list = .now }
      }
    }
  }

  private func fetchDue(_ agenda: inout Agenda, isLive: Bool) throws(ClientFailure) {
    let (isAsked, isBehind) = shared.withLock { shared in
      defer { (shared.isAsked, shared.isBehind) = (false, false) }
      return (shared.isAsked, shared.isBehind)
    }
    if isAsked { agenda.page = .now }
    if isBehind { agenda.list = .now }
    if .now >= agenda.status {
      try fetchStatus()
      agenda.status = .now + Self.statusInterval
      if !isLive { post(.link(.polling)) }
    }
    if .now >= agenda.list {
      agenda.pages = try fetchList()
      agenda.setList(isLive: isLive)
    }
    if .now >= agenda.page {
      try fetchPage()
      agenda.page = .now + Self.statusInterval
    }
  }

  /// Nil when the daemon has too many listeners, or is of a version without a stream.
  private func openStream() -> EventStream? {
    do throws(HTTPFailure) {
      let stream = try client.http.stream(Path.events, within: DaemonClient.patience)
      post(.link(.live))
      return stream
    } catch {
      post(.link(.polling))
      return nil
    }
  }

  /// Returns false when the stream is over.
  private func take(_ stream: EventStream, _ agenda: inout Agenda) -> Bool {
    do throws(HTTPFailure) {
      guard let events = try stream.events(within: .milliseconds(1)) else { return false }
      for event in events { take(event, &agenda) }
      return true
    } catch {
      return error == .timedOut
    }
  }

  private func take(_ event: ServerEvent, _ agenda: inout Agenda) {
    switch event.name {
    case "fleet":
      do throws(ClientFailure) {
        let delta = try decode(FleetDelta.self, from: Array(event.data.utf8))
        post(.delta(delta))
        if delta.truncated { agenda.list = min(agenda.list, .now + Self.statusInterval) }
      } catch { agenda.list = min(agenda.list, .now + Self.statusInterval) }
    case "alert", "decision": agenda.page = min(agenda.page, .now + Self.pageInterval)
    case "lost": agenda.list = min(agenda.list, .now + Self.pageInterval)
    default: break
    }
  }

  // MARK: Fetching

  private func fetchStatus() throws(ClientFailure) {
    post(.status(try client.get(Path.status, as: StatusAnswer.self)))
  }

  /// All models, a page at a time; what changes between two pages is told again by the stream.
  ///
  /// - Returns: how many pages it has.
  private func fetchList() throws(ClientFailure) -> Int {
    var models: [ModelSummary] = []
    var pages = 0
    repeat {
      pages += 1
      let page = try client.get(Path.models(from: models.count), as: ModelListAnswer.self)
      models += page.models
      guard page.models.count < Path.page || models.count >= min(page.total, TopState.maximumModels) else {
        continue
      }
      post(.fleet(models, at: page.at, total: page.total, byState: page.byState))
      return pages
    } while true
  }

  private func fetchPage() throws(ClientFailure) {
    let interest = shared.withLock { $0.interest }
    do throws(ClientFailure) { try fetch(interest) } catch {
      // That there is none of that name, or that it is busy, is something else than that nobody answers.
      guard case .problem = error else { throw error }
      post(.missing(interest, error.description))
    }
  }

  private func fetch(_ interest: Interest) throws(ClientFailure) {
    switch interest {
    case .fleet: break
    case .model(let name): post(.model(try client.get(Path.model(name), as: ModelDetail.self)))
    case .decision(let id):
      let detail = try client.get(Path.decision(id), as: DecisionDetail.self)
      post(.decision(detail, try client.model(detail.decision.name)))
    case .account:
      let list = try client.get(Path.sources(), as: SourceList.self)
      post(.sources(list.sources, total: list.total))
    case .alerts: post(.alerts(try client.get(Path.alerts, as: AlertList.self)))
    }
  }
}

extension DaemonClient {
  /// Nil when the model is not watched.
  func model(_ name: ModelName) throws(ClientFailure) -> ModelDetail? {
    do throws(ClientFailure) { return try get(Path.model(name), as: ModelDetail.self) } catch {
      guard case .problem(404, _, _) = error else { throw error }
      return nil
    }
  }
}
