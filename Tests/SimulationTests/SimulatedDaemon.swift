import Engine
import Events
import Journal
import Wire

@testable import Daemon

/// The daemon as its operating system sees it: processes that begin with what the journal holds, serve as
/// `ServeLoop` does, and end in order or at any point between two effects.
final class SimulatedDaemon {
  /// A point at which a process dies.
  enum CrashPoint: CaseIterable {
    case afterEvent, beforeSubmit, afterSubmit, afterApply, afterCompletion, beforeSend, afterSend
    case beforeReply, afterReply, beforeAnswer, afterAnswer, atAnyTime
  }

  /// What the engine was given, so that another one can be given the same.
  enum Input {
    /// A process begins.
    case settle(Timestamp)
    /// Time was told, at the start or with a commit.
    case time(Timestamp)
    case message(Message, isReliable: Bool, at: Timestamp)
    case report(Message, at: Timestamp)
    /// The engine is held, or no more; and up to when deadlines had fired before.
    case hold(Bool, since: Timestamp)
  }

  /// One life of the daemon.
  private final class Process {
    var delivery: Delivery
    var wakeAt = Timestamp.max
    var commitAllowed = Timestamp.min
    /// How much of the history the batch under way, or the one that failed, includes.
    var mark: Int?
    var isStopping = false
    /// Whether the engine was held when it was last looked at.
    var wasHeld = false
    var lastCommits = 0
    /// For a canary alone: what each ticket asked.
    var asked: [String: Feedback] = [:]
    var crash: (point: CrashPoint, passes: Int)?

    init(_ delivery: consuming Delivery) { self.delivery = delivery }
  }

  static let name = SourceName("sim")!
  private static let headMilliseconds = 1_000

  let world: World
  let journal: SimulatedJournal
  let checks: Checks
  private let settings: EngineSettings
  private let checkpoints: CheckpointPolicy
  let canary: Canary?
  private var decoder = MessageDecoder()
  private let answers = AnswerEncoder(name: name)
  private var process: Process?
  private var links: [Link] = []
  private var outputs: [(link: Link, prefixes: [[UInt8]])] = []
  /// What every engine state that can still come back has taken, and after it what may yet be lost.
  private(set) var history: [Input] = []
  /// How much of it is committed.
  private var survived = 0
  private(set) var starts = 0
  private(set) var crashes = 0
  private(set) var received = 0
  private(set) var crashPoints: [String: Int] = [:]
  /// When time was last told.
  private(set) var lastTurn = World.start
  /// How far the machine's clock is from the world's, and the process's, which does not change while it lives.
  private var machineOffset = Duration.zero
  private var clockOffset = Duration.zero
  /// Whether it is set, back or on, while no process runs; at most ``largestStep`` from the world's.
  var setsClock = false
  static let largestStep = Duration.seconds(8)
  /// The account of every source as the last process left it.
  private(set) var lastReports: [SourceReport] = []
  private var isOver = false

  init(
    _ world: World, _ journal: SimulatedJournal, _ checks: Checks, settings: EngineSettings,
    checkpoints: CheckpointPolicy, canary: Canary?
  ) {
    (self.world, self.journal, self.checks) = (world, journal, checks)
    (self.settings, self.checkpoints, self.canary) = (settings, checkpoints, canary)
  }

  /// Arrival time.
  private var now: Timestamp { world.now.advanced(by: clockOffset) }

  // MARK: Peers

  func add(_ link: Link) {
    links.append(link)
    if isRunning { link.daemonStarted() }
  }

  func addOutput(_ link: Link, prefixes: [[UInt8]]) {
    add(link)
    outputs.append((link, prefixes))
  }

  var isRunning: Bool { process != nil }
  func position(of source: SourceName) -> SequenceNumber? { process?.delivery.engine.position(of: source) }

  // MARK: Lives

  func start() {
    guard process == nil else { return }
    if setsClock, world.fault(400) {
      machineOffset = .milliseconds(world.pick(0...16_000)) - Self.largestStep
    }
    clockOffset = machineOffset
    do {
      var recovered = try journal.database.recover()
      if starts > 0, let canary { recovered = canary.recovered(recovered) }
      let engine = try MonitoringEngine(settings: settings, restoring: recovered.states)
      // As `ServeClock` does: arrival goes on from where the journal stood.
      if now < engine.arrival { clockOffset += now.duration(to: engine.arrival) }
      var delivery = Delivery(
        engine, name: Self.name, checkpoints: checkpoints, journal: recovered, now: now)
      // Nothing depends on it.
      delivery.reportsAssessments = world.chance(300)
      process = Process(delivery)
    } catch {
      world.violate(.replayEqualsLive, "the journal cannot be recovered: \(error)")
      return
    }
    starts += 1
    history.append(.settle(now))
    process?.delivery.settle(at: now)
    if world.fault(900) {
      let point = CrashPoint.allCases[world.pick(CrashPoint.allCases.count)]
      process?.crash = (point, world.pick(1...40))
      if point == .atAnyTime { crashSoon() }
    }
    for link in links { link.daemonStarted() }
    sendHeads(of: process)
    turn()
  }

  private func crashSoon() {
    let process = process
    world.after(milliseconds: world.pick(1...8_000)) { [self] in
      if self.process === process, world.areFaultsOn { crash() }
    }
  }

  /// Dies here, if this is the point.
  private func dies(at point: CrashPoint) -> Bool {
    guard world.areFaultsOn, let crash = process?.crash, crash.point == point else { return false }
    guard crash.passes <= 1 else {
      process?.crash?.passes -= 1
      return false
    }
    self.crash()
    return true
  }

  private func crash() {
    crashes += 1
    crashPoints[process?.crash.map { "\($0.point)" } ?? "-", default: 0] += 1
    end(lingerMilliseconds: world.pick(0...30))
    world.after(milliseconds: world.pick(5...2_000)) { [self] in start() }
  }

  private func end(lingerMilliseconds linger: Int) {
    process = nil
    history.removeLast(history.count - survived)
    for link in links { link.daemonEnded(lingerMilliseconds: linger) }
  }

  /// Ends in order, for good.
  func stop() {
    isOver = true
    restart()
  }

  /// Ends in order, and begins again.
  func restart() {
    guard let process, !process.isStopping else { return }
    process.isStopping = true
    let patience = ServeLoop.lastCommitPatience
    world.after(patience) { [self] in
      if self.process === process { finish() }
    }
    storeTheLast()
  }

  /// As `ServeLoop` does at its end: what is under way, and then the rest.
  private func storeTheLast() {
    guard let process, !process.delivery.isCommitting else { return }
    process.lastCommits += 1
    if process.lastCommits <= 2, let last = process.delivery.lastTransaction(at: now) {
      submit(last)
    } else {
      finish()
    }
  }

  private func finish() {
    sendSign(.bye)
    lastReports = process?.delivery.engine.sourceReports ?? []
    end(lingerMilliseconds: 1_000)
    guard !isOver else { return }
    world.after(milliseconds: world.pick(5...1_500)) { [self] in start() }
  }

  // MARK: In

  /// A message on the ingest socket, or on the reliable one.
  func receive(_ message: Message, reliablyFrom link: Link? = nil) {
    guard let process, !process.isStopping else { return }
    received += 1
    let now = self.now
    history.append(.message(message, isReliable: link != nil, at: now))
    Frames.with(message) { frames in
      do throws(Remark) {
        let event = try decoder.decode(frames)
        if let link {
          process.delivery.take(event, fromPeer: link.identity, at: now)
        } else {
          process.delivery.take(event, at: now)
        }
      } catch {
        if let link, let event = MessageDecoder.refusal(of: frames, error) {
          process.delivery.take(event, fromPeer: link.identity, at: now)
        }
      }
    }
    canary?.took(message, from: link, by: self)
    if dies(at: .afterEvent) { return }
    perform()
    turn()
  }

  /// A request on the control socket.
  func receiveRequest(_ message: Message, from link: Link) {
    guard let process, !process.isStopping else { return }
    let now = self.now
    do throws(Remark) {
      let request = try Frames.with(message) { (frames) throws(Remark) in
        try ControlRequest(parsing: frames)
      }
      switch request.body {
      case .fetch(let fetch): answer(fetch, request.number, to: link)
      case .silence(let silence):
        history.append(.report(message, at: now))
        process.delivery.take(
          .silence(silence), of: request.header,
          ControlTicket(peer: link.identity, epoch: request.epoch, number: request.number, isSilence: true),
          at: now)
        if dies(at: .afterEvent) { return }
        perform()
        turn()
      case .feedback(let feedback):
        history.append(.report(message, at: now))
        if canary != nil { process.asked["\(link.identity) \(request.number)"] = feedback }
        process.delivery.take(
          feedback, of: request.header,
          ControlTicket(peer: link.identity, epoch: request.epoch, number: request.number), at: now)
        if dies(at: .afterEvent) { return }
        perform()
        turn()
      }
    } catch { world.violate(.noDecisionLost, "a request was refused: \(error)") }
  }

  /// As `ControlPort` does.
  private func answer(_ fetch: ControlFetch, _ number: UInt64, to link: Link) {
    guard !world.fault(20) else {
      let end = AnswerEncoder.End(.busy, epoch: journal.epoch, first: 1, next: fetch.from, head: 0)
      return link.down.send(answers.frames(end, toSnapshot: fetch.onlyOpen, number: number, at: now))
    }
    do throws(JournalError) {
      let found = try journal.reader.fetch(
        FetchRequest(
          epoch: fetch.epoch, from: fetch.from, limit: fetch.limit, byteLimit: fetch.byteLimit,
          prefixes: fetch.prefixes, onlyOpen: fetch.onlyOpen))
      for stored in found.messages {
        var header = stored.header
        header[11] |= UInt8(FramedHeader.Flags.replayed.rawValue)
        link.down.send([stored.topic, header, stored.body])
      }
      guard let status = AnswerEncoder.End.Status(rawValue: found.status.rawValue) else { return }
      let end = AnswerEncoder.End(
        status, epoch: found.epoch, first: found.first, next: found.next, head: found.head)
      link.down.send(answers.frames(end, toSnapshot: fetch.onlyOpen, number: number, at: now))
    } catch { world.violate(.noDecisionLost, "a fetch failed: \(error)") }
  }

  // MARK: A turn

  private func turn() {
    guard let process, !process.isStopping else { return }
    process.delivery.advance(to: now)
    lastTurn = now
    perform()
    guard self.process === process else { return }
    if now >= process.commitAllowed, let next = process.delivery.nextTransaction(at: now) {
      submit(next)
    }
    guard self.process === process else { return }
    checks.memory.measure(waiting: process.delivery.journalReport(bytes: nil).waiting)
    wakeLater()
  }

  private func wakeLater() {
    guard let process, let due = process.delivery.nextDue, due != .max else { return }
    let soonest = now.advanced(byNanoseconds: 1)
    let wake = max(due.advanced(byNanoseconds: 1), soonest, process.commitAllowed)
    guard wake < process.wakeAt else { return }
    process.wakeAt = wake
    world.after(now.duration(to: wake)) { [self] in
      guard self.process === process, process.wakeAt == wake else { return }
      process.wakeAt = .max
      turn()
    }
  }

  private func submit(_ transaction: JournalTransaction) {
    guard let process, !dies(at: .beforeSubmit) else { return }
    // What failed comes again as it was, and includes no more than it did.
    if process.mark == nil { history.append(.time(lastTurn)) }
    let mark = process.mark ?? history.count
    process.mark = mark
    let stored = canary?.submitted(transaction, by: self) ?? transaction
    journal.submit(
      stored, isAlive: { [self] in self.process === process },
      applied: { [self] in
        survived = mark
        checks.applied(stored)
        expectLive(stored.messages, of: process)
        _ = dies(at: .afterApply)
      },
      done: { [self] error in
        if self.process === process, canary?.completes() ?? true { complete(process, error) }
      })
    process.commitAllowed = now.advanced(by: .milliseconds(world.pick(0...20)))
    _ = dies(at: .afterSubmit)
  }

  /// A process that lives on sends what it stored, though readers could fetch it.
  private func expectLive(_ messages: [StoredMessage], of process: Process) {
    guard !messages.isEmpty else { return }
    world.after(milliseconds: 100) { [self] in
      if self.process === process { checks.publication.requireSent(messages) }
    }
  }

  private func complete(_ process: Process, _ error: JournalError?) {
    if let error {
      process.delivery.failed(error.description, at: now)
    } else {
      process.mark = nil
      process.delivery.committed(at: now)
    }
    if process.delivery.engine.isHeld != process.wasHeld {
      process.wasHeld.toggle()
      history.append(.hold(process.wasHeld, since: lastTurn))
    }
    if dies(at: .afterCompletion) { return }
    perform()
    guard self.process === process else { return }
    if process.isStopping { storeTheLast() } else { turn() }
  }

  // MARK: Out

  private func perform() {
    guard let process, process.delivery.hasActions else { return }
    let actions = Self.ordered(process.delivery.takeActions())
    checks.memory.measure(actions: actions.count)
    for action in actions {
      guard self.process === process else { return }
      switch action {
      case .account, .publishLive: break
      case .send(let message, _):
        if dies(at: .beforeSend) { return }
        publish(message)
        if dies(at: .afterSend) { return }
      case .reply(let peer, let frames):
        if dies(at: .beforeReply) { return }
        reply(frames, to: peer)
        if dies(at: .afterReply) { return }
      case .answer(let ticket, let answer):
        if dies(at: .beforeAnswer) { return }
        let answer = told(answer, ticket)
        let frames = answers.frames(
          answer, toSilence: ticket.isSilence, epoch: ticket.epoch, number: ticket.number, at: now)
        links.first { $0.identity == ticket.peer }?.down.send(frames)
        checks.ownership.answered(answer)
        if dies(at: .afterAnswer) { return }
      }
    }
  }

  private func told(_ answer: FeedbackAnswer, _ ticket: ControlTicket) -> FeedbackAnswer {
    guard let canary, let asked = process?.asked["\(ticket.peer) \(ticket.number)"] else { return answer }
    return canary.answers(answer, to: asked)
  }

  /// Replies that follow each other go to other peers each, in an order that nothing promises; here by peer, so
  /// that a seed is one run.
  private static func ordered(_ actions: [Delivery.Action]) -> [Delivery.Action] {
    var ordered: [Delivery.Action] = []
    var replies: [(offset: Int, peer: [UInt8], action: Delivery.Action)] = []
    func flush() {
      replies.sort { left, right in
        left.peer == right.peer ? left.offset < right.offset : left.peer.lexicographicallyPrecedes(right.peer)
      }
      ordered += replies.map(\.action)
      replies.removeAll()
    }
    for (offset, action) in actions.enumerated() {
      if case .reply(let peer, _) = action {
        replies.append((offset, peer, action))
      } else {
        flush()
        ordered.append(action)
      }
    }
    flush()
    return ordered
  }

  func reply(_ frames: Message, to peer: [UInt8]) {
    // A ROUTER drops what is for a peer that has left.
    links.first { $0.identity == peer }?.down.send(frames)
    let source = String(decoding: peer.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
    checks.acknowledgements.replied(frames, to: source)
  }

  func publish(_ message: StoredMessage) {
    checks.published(message)
    for output in outputs where Self.wants(message.topic, output.prefixes) {
      output.link.down.send([message.topic, message.header, message.body])
    }
  }

  private static func wants(_ topic: [UInt8], _ prefixes: [[UInt8]]) -> Bool {
    prefixes.isEmpty || prefixes.contains { topic.starts(with: $0) }
  }

  private func sendHeads(of process: Process?) {
    guard let process, self.process === process, !process.isStopping else { return }
    sendSign(.head)
    world.after(milliseconds: Self.headMilliseconds) { [self] in sendHeads(of: process) }
  }

  private func sendSign(_ kind: FramedHeader.Kind) {
    guard let process else { return }
    let number = process.delivery.published
    checks.headed(number)
    let header = FramedHeader(
      kind: kind.rawValue, frames: 3, epoch: process.delivery.epoch, number: number,
      eventTime: now.nanoseconds, sendTime: now.nanoseconds)
    let message = [Array("\(kind.word)/-/-/sim".utf8), header.bytes, Array(#"{"dropped":0}"#.utf8)]
    for output in outputs { output.link.down.send(message) }
  }
}
