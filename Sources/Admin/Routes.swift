import Events
import HTTPTypes
import NIOCore
import NIOPosix
import Synchronization
import Wire

/// Which request gets which answer.
struct Routes: Sendable {
  let name: String
  let version: String
  let board: Board
  let listeners: Listeners
  let loop: any EventLoop
  let gate: Gate
  /// Nil without a journal.
  let history: HistorySource?
  /// Runs what waits for a disk.
  let disk: NIOThreadPool
  private let readings = Load(limit: AdminLimits.historiesAtOnce)
  private let requests = Load(limit: AdminLimits.requestsAtOnce)

  init(
    name: String, version: String, board: Board, listeners: Listeners, loop: any EventLoop, gate: Gate,
    history: HistorySource?, disk: NIOThreadPool
  ) {
    (self.name, self.version, self.board, self.listeners) = (name, version, board, listeners)
    (self.loop, self.gate, self.history, self.disk) = (loop, gate, history, disk)
  }

  /// How long the serving loop may take for one turn before it counts as stuck.
  static let longestTurn = Duration.seconds(10)

  func answer(_ head: HTTPRequest) async -> Answer {
    guard let target = Target(head.path ?? "") else {
      return gate.refusal(of: head, isPage: false)
        ?? .problem(.badRequest, "target", "the path is not percent-encoded UTF-8")
    }
    let file = Embedded.file(at: target.segments)
    if let refusal = gate.refusal(of: head, isPage: file?.policy != nil) { return refusal }
    if let file { return file.answer(to: head) }
    // Probes are answered whatever else is asked.
    switch target.segments {
    case ["livez"]: return livez
    case ["readyz"]: return readyz
    case ["api", "v1", "events"]:
      var stream = Answer(.ok, "text/event-stream", [])
      stream.isStream = true
      return stream
    default: break
    }
    guard requests.begin() else {
      return .problem(
        .serviceUnavailable, "busy", "\(AdminLimits.requestsAtOnce) requests are being answered")
    }
    defer { requests.end() }
    do throws(BadParameter) {
      return try await answer(target, head)
    } catch { return .problem(.badRequest, "bad_parameter", error.detail) }
  }

  private func answer(_ target: Target, _ head: HTTPRequest) async throws(BadParameter) -> Answer {
    let segments = target.segments
    if segments == ["metrics"] { return await metrics(head) }
    guard segments.count >= 3, segments[0] == "api", segments[1] == "v1" else { return Self.unknownPath }
    switch (segments[2], segments.count) {
    case ("status", 3):
      return await withSnapshot { snapshot in
        snapshot.status(
          name: name, version: version, since: board.since, phase: board.phase,
          configuration: board.surroundings.configuration, listeners: listeners.count)
      }
    case ("models", 3):
      let selection = FleetSnapshot.Selection(
        limit: try target.integer("limit", 1...AdminLimits.page, default: 100),
        offset: try target.integer("offset", 0...1_000_000, default: 0),
        text: try target.short("q", atMost: 200), state: try target.choice("state", ModelSummary.State.self))
      return await withSnapshot { $0.page(selection) }
    case ("models", 5): return await model(segments[3], segments[4])
    case ("models", 6) where segments[5] == "history":
      return await history(of: segments[3], segments[4], try HistorySpan(target, now: board.now()))
    case ("alerts", 3): return try await alerts(target)
    case ("silences", 3):
      let limit = try target.integer("limit", 1...AdminLimits.page, default: 100)
      return await withSnapshot { $0.silencePage(limit: limit) }
    case ("decisions", 3): return try await decisions(target)
    case ("decisions", 4): return await decision(segments[3])
    case ("sources", 3):
      let limit = try target.integer("limit", 1...AdminLimits.page, default: 100)
      let offset = try target.integer("offset", 0...1_000_000, default: 0)
      return await withSnapshot { $0.sourcePage(limit: limit, offset: offset) }
    default: return Self.unknownPath
    }
  }

  private static let unknownPath = Answer.problem(
    .notFound, "unknown_path", "see /openapi.yaml for what there is")

  private func withSnapshot(_ body: (FleetSnapshot) -> Answer) async -> Answer {
    await board.snapshot(on: loop).map(body) ?? .unavailable
  }

  // MARK: Health

  private var livez: Answer {
    guard let last = board.lastTurned else { return Answer(text: "ok\n") }
    let age = last.duration(to: board.now())
    guard age > Self.longestTurn else { return Answer(text: "ok\n") }
    return Answer(.serviceUnavailable, text: "the serving loop last turned \(Int(age.secondsValue)) s ago\n")
  }

  private var readyz: Answer {
    let (phase, journal, sinks) = (board.phase, board.journal, board.surroundings.sinks)
    let isFailing = journal.state == "failing" || sinks.contains { $0.isFailing }
    let word =
      switch phase {
      case .starting: "starting"
      case .serving: isFailing ? "degraded" : "ready"
      case .draining: "draining"
      }
    return Answer(phase == .serving ? .ok : .serviceUnavailable) { writer in
      writer.member("status", word)
      writer.object("checks") { writer in
        writer.object("journal") { writer in
          writer.member("state", journal.state)
          writer.member("detail", journal.detail)
          writer.member("since", time: journal.since)
        }
        for sink in sinks {
          writer.key(text: "sink:\(sink.name)")
          writer.object { writer in
            writer.member("state", sink.isFailing ? "failing" : "ok")
            writer.member("detail", sink.health)
            writer.member("since", time: nil)
          }
        }
      }
    }
  }

  private func metrics(_ head: HTTPRequest) async -> Answer {
    let isOpenMetrics = head.headerFields[.accept]?.contains("application/openmetrics-text") ?? false
    return await withSnapshot { snapshot in
      var answer = Answer(
        .ok, isOpenMetrics ? MetricsText.openMetrics : MetricsText.plain,
        snapshot.metrics(
          isOpenMetrics: isOpenMetrics, version: version, surroundings: board.surroundings,
          since: board.since, listeners: listeners.count))
      answer.headers[.vary] = "Accept"
      return answer
    }
  }

  // MARK: Models

  private func key(_ name: String, _ version: String) -> ModelKey? {
    guard let name = ModelName(name), let version = version == "-" ? ModelVersion.none : ModelVersion(version)
    else {
      return nil
    }
    return ModelKey(name: name, version: version)
  }

  private static func unknownModel(_ name: String, _ version: String) -> Answer {
    .problem(.notFound, "unknown_model", "no model \(name.prefix(80)) \(version.prefix(40))")
  }

  private func model(_ name: String, _ version: String) async -> Answer {
    guard let key = key(name, version) else { return Self.unknownModel(name, version) }
    switch await board.detail(of: key, on: loop) {
    case .unavailable: return .unavailable
    case .unknown: return Self.unknownModel(name, version)
    case .found(let detail):
      let told = lastTold
      return detail.answer(at: board.now()) { told[$0]?.content }
    }
  }

  /// The last message about each alert.
  private var lastTold: [String: ToldMessage] {
    var last: [String: ToldMessage] = [:]
    for message in board.chronicle.messages(.alert) {
      if let subject = message.subject { last[subject] = message }
    }
    return last
  }

  private func history(of name: String, _ version: String, _ span: HistorySpan) async -> Answer {
    guard let key = key(name, version) else { return Self.unknownModel(name, version) }
    switch await board.detail(of: key, on: loop) {
    case .unavailable: return .unavailable
    case .unknown: return Self.unknownModel(name, version)
    case .found: break
    }
    guard let history else { return span.answer(key, nil, reason: "no_journal") }
    guard readings.begin() else { return span.answer(key, nil, reason: "busy") }
    defer { readings.end() }
    do {
      let samples = try await disk.runIfActive { try history(key, AdminLimits.historySamples) }
      return span.answer(key, samples, reason: nil)
    } catch { return span.answer(key, nil, reason: "busy") }
  }

  // MARK: Alerts and decisions

  private enum AlertSelection: String, CaseIterable {
    case open
    case recent
  }

  private func alerts(_ target: Target) async throws(BadParameter) -> Answer {
    let selection = try target.choice("state", AlertSelection.self) ?? .open
    let limit = try target.integer("limit", 1...AdminLimits.page, default: 100)
    let told = lastTold
    return await withSnapshot { snapshot in
      selection == .open ? snapshot.openAlerts(told, limit: limit) : snapshot.recentAlerts(told, limit: limit)
    }
  }

  private func decisions(_ target: Target) async throws(BadParameter) -> Answer {
    let limit = try target.integer("limit", 1...AdminLimits.page, default: 100)
    let model = try target.short("model", atMost: 500)
    let lives = DecisionLife.all(in: board.chronicle.messages(.decision)).filter {
      model == nil || $0.model == model
    }
    return Answer { writer in
      writer.member("at", time: board.now())
      writer.member("total", lives.count)
      writer.array("decisions", lives.prefix(limit)) { writer, life in
        writer.object { life.write(members: &$0) }
      }
    }
  }

  private func decision(_ id: String) async -> Answer {
    let own = board.chronicle.messages(.decision).filter { $0.subject == id }
    guard let life = DecisionLife.all(in: own).first else {
      return .problem(.notFound, "unknown_decision", "no decision \(id.prefix(64)) is kept")
    }
    var timers: [TimerReport] = []
    if let key = key(life.model, life.version),
      case .found(let detail) = await board.detail(of: key, on: loop),
      let decision = detail.summary.decision, decision.id.text == id, decision.isOpen
    {
      timers = detail.timers.filter { $0.kind != .elapsedTime && $0.kind != .noData }
    }
    return life.answer(at: board.now(), timers: timers)
  }
}

extension FleetSnapshot {
  fileprivate func openAlerts(_ told: [String: ToldMessage], limit: Int) -> Answer {
    var open = models.flatMap { model in model.summary.alerts.map { (model.summary.key, $0) } }
    open += sourceAlerts.map { (.unspecified, $0) }
    open.sort { left, right in
      let (one, other) = (left.1.episode, right.1.episode)
      return one.severity == other.severity ? one.openedAt > other.openedAt : one.severity > other.severity
    }
    return Answer { writer in
      writer.member("at", time: at)
      writer.member("total", open.count)
      writer.array("alerts", open.prefix(limit)) { writer, entry in
        entry.1.write(to: &writer, of: entry.0, told[entry.1.episodeID(of: entry.0)]?.content)
      }
    }
  }

  fileprivate func recentAlerts(_ told: [String: ToldMessage], limit: Int) -> Answer {
    let recent = told.values.sorted { $0.number > $1.number }.compactMap(\.content)
    return Answer { writer in
      writer.member("at", time: at)
      writer.member("total", recent.count)
      writer.array("alerts", recent.prefix(limit)) { $1.writeAlert(to: &$0) }
    }
  }
}

/// How much is under way, up to a limit.
final class Load: Sendable {
  private let limit: Int
  private let count = Mutex(0)

  init(limit: Int) { self.limit = limit }

  /// Whether there is room, which is then taken.
  func begin() -> Bool {
    count.withLock { count in
      guard count < limit else { return false }
      count += 1
      return true
    }
  }

  func end() { count.withLock { $0 -= 1 } }
}
