import Engine
import Events
import Journal
import Logging
import Sinks
import Wire
import ZeroMQ

/// The one thread that reads events, runs the engine and publishes: nothing is shared, nothing waits.
///
/// libzmq's own I/O thread does the network on the other core; the journal's thread writes the disk and the
/// control socket's thread reads it. This one polls the sockets for events, the output socket's subscriptions and
/// the wake-ups of the other threads, with what falls due next as its timeout.
struct ServeLoop: ~Copyable {
  /// Messages taken before subscriptions and deadlines are looked at again: at 1 M msg/s this is 0.3 ms.
  static let messagesPerTurn = 256
  /// And how long a turn may take, since messages can be megabytes.
  static let turn = Duration.milliseconds(5)
  /// A transaction costs this thread the encoding of what changed, and the journal's the writing of it. While
  /// more can be read at once than a turn takes, the next one begins no earlier than this many times as much
  /// processor time later, so that commits that cost less than 0.8 ms take at most a twenty-fourth of a core from
  /// reading; what dearer ones take is bounded by ``longestCommitPause`` alone.
  static let commitPauseUnderLoad = 24
  /// And when there is nothing to read, this many times the encoding: it alone would delay the next event.
  static let commitPause = 8
  /// Neither pause is longer.
  static let longestCommitPause = Duration.milliseconds(20)
  /// What a stop waits for the last commit, from its beginning on.
  static let lastCommitPatience = DrainSchedule.committing

  /// What the loop is made of besides its sockets.
  struct Parts {
    var configuration: Configuration
    var engine: MonitoringEngine
    /// Nil without a journal.
    var recovered: RecoveredJournal?
    /// Nil without a journal.
    var journal: JournalThread?
    /// Nil without a control socket.
    var exchange: ControlExchange?
    /// Nil without `security`.
    var door: Doorkeeper?
    var reloading: Reloading?
    var service: ServiceState
    /// Nil when no service manager is to be told anything.
    var notice: ServiceNotice?
    /// Nil when nobody is notified.
    var sinks: SinkExchange?
    /// Nil without HTTP.
    var desk: ReportDesk?
    var stop: StopSignal
    var clock: ServeClock
    var log: Logger
  }

  private var ports: IngestPorts
  private var output: OutputPort
  private var poller: Poller
  private let finishedSlot: Poller.Slot?
  private let askedSlot: Poller.Slot?
  private let door: Doorkeeper?
  private let doorSlot: Poller.Slot?
  private var gate: Gate
  private let answers: AnswerEncoder
  private let offeredSlot: Poller.Slot?
  private let deskSlot: Poller.Slot?
  private let journal: JournalThread?
  private let exchange: ControlExchange?
  private let reloading: Reloading?
  private let service: ServiceState
  private let notice: ServiceNotice?
  private let sinks: SinkExchange?
  private let stop: StopSignal
  private let clock: ServeClock

  private var decoder: MessageDecoder
  private var delivery: Delivery
  private var alertRepeats = AlertRepeats()
  private var account: Account
  private var traffic = Traffic()
  private var desk: ReportDesk?
  /// Of the last transaction.
  private var lastSubmission = Timestamp.min
  private var encodingCost = Duration.zero
  private var writingCost = Duration.zero
  /// Whether the last turn left nothing to read.
  private var isDrained = true
  /// Of the end, once it was asked for.
  private var drain = DrainSchedule()
  /// When a service manager is to be told that the loop turns.
  private var nextNotice = Timestamp.max
  /// Writes down what is received, when asked to.
  private var recorder: Recorder?

  /// Makes and binds the sockets, on the thread that will run the loop.
  ///
  /// - Throws: when a socket cannot be bound.
  init(
    _ parts: Parts, context: borrowing Context, recorder: consuming Recorder?
  ) throws(ServeFailure) {
    let configuration = parts.configuration
    let now = parts.clock.now
    let delivery = Delivery(
      parts.engine, name: configuration.name, checkpoints: configuration.checkpoints,
      journal: parts.recovered, now: now)
    var poller = Poller()
    // Outputs first: whoever waits for the ingest address can rely on the other one.
    let durable = SequenceNumber(epoch: delivery.epoch, number: delivery.published)
    let output = try ServeFailure.ofSockets { () throws(ZeroMQError) in
      try OutputPort(
        context, name: configuration.name, endpoints: configuration.sockets.output,
        binding: configuration.binding, durable: durable, now: now)
    }
    let ports = try ServeFailure.ofSockets { () throws(ZeroMQError) in
      try IngestPorts(context, configuration, hasReliable: parts.recovered != nil, &poller)
    }
    output.add(to: &poller)
    _ = poller.add(parts.stop.wakeup)
    if let journal = parts.journal { finishedSlot = poller.add(journal.finished) } else { finishedSlot = nil }
    if let exchange = parts.exchange { askedSlot = poller.add(exchange.asked) } else { askedSlot = nil }
    if let door = parts.door { doorSlot = poller.add(door.changed) } else { doorSlot = nil }
    (door, gate) = (parts.door, Gate(parts.door))
    answers = AnswerEncoder(name: configuration.name)
    if let reloading = parts.reloading {
      offeredSlot = poller.add(reloading.offered)
    } else {
      offeredSlot = nil
    }
    if let desk = parts.desk { deskSlot = poller.add(desk.asked) } else { deskSlot = nil }
    desk = parts.desk
    (journal, exchange, stop, clock) = (parts.journal, parts.exchange, parts.stop, parts.clock)
    (reloading, service, notice) = (parts.reloading, parts.service, parts.notice)
    if notice?.watchdogInterval != nil { nextNotice = now }
    sinks = parts.sinks
    decoder = MessageDecoder(limits: configuration.wire)
    account = Account(log: parts.log)
    self.poller = poller
    self.output = output
    self.ports = ports
    self.delivery = delivery
    self.recorder = recorder
  }

  /// The sockets of `configuration`, as bound.
  func bound(_ sockets: Configuration.Sockets) -> Configuration.Sockets {
    var bound = sockets
    bound.output = output.endpoints
    (bound.ingest, bound.features, bound.reliable) = (ports.ingest, ports.features, ports.reliable)
    return bound
  }

  /// The numbering of what is published.
  var epoch: UInt64 { delivery.epoch }

  /// Runs until told to stop; then what has arrived is taken, stored and published as ``DrainSchedule`` says,
  /// and goes out while the sockets linger.
  ///
  /// - Returns: the account of the run.
  mutating func run() throws(ZeroMQError) -> Logger.Metadata {
    // Sources that begin from here on are accounted from their first message.
    let start = clock.now
    recorder?.tell(start)
    delivery.settle(at: start)
    while goesOn() {
      _ = try poller.wait(milliseconds: stop.isRequested ? DrainSchedule.quiet.wholeMilliseconds : timeout)
      // Before every turn, ready or not: libzmq acts on a subscription when it next sends, and whoever
      // is sent alerts should be sent the assessments that he subscribed to.
      try output.takeSubscriptions(at: clock.now)
      delivery.reportsAssessments = output.wantsAssessments
      isDrained = true
      for way in IngestPorts.Way.allCases where ports.isReadable(way, poller) { try takeMessages(from: way) }
      takeFeedback()
      try heedDoor()
      takeReload()
      let now = clock.now
      tellAlive(at: now)
      delivery.advance(to: now)
      recorder?.flush(at: now)
      takeOutcome(at: now)
      try perform(at: now)
      submit(at: now)
      try output.sendHeads(at: now)
      try alertRepeats.send(delivery, &output, at: now)
      if output.owesSources(at: now) { try sendStatus(at: now) }
      attendDesk(at: now)
    }
    try finish()
    account.enter(recorder?.close(within: drain.left(for: DrainSchedule.recording, at: clock.now)))
    try output.setLinger(drain.linger(at: clock.now))
    try ports.setLinger(drain.linger(at: clock.now))
    return account.metadata
  }

  /// Tells what was asked for over HTTP.
  private mutating func attendDesk(at now: Timestamp) {
    let (account, traffic, journal) = (account, traffic, journal)
    desk?.attend(&delivery, isRung: deskSlot.map { poller.isReadable($0) } ?? false, at: now) {
      .init(account: account.report(traffic), journalBytes: journal?.bytes)
    }
  }

  private mutating func sendStatus(at now: Timestamp) throws(ZeroMQError) {
    try output.sendSources(
      delivery.engine.sourceReports, received: account.received, rejected: account.rejected, at: now)
    try output.sendJournal(delivery.journalReport(bytes: journal?.bytes), at: now)
  }

  /// Milliseconds to what is due next, rounded up and at most an hour; nil when nothing is.
  private var timeout: Int? {
    let signs = min(output.nextDue ?? .max, nextNotice, alertRepeats.nextDue(output))
    var due = min(delivery.nextDue ?? .max, signs, recorder.nextFlush ?? .max)
    if desk?.isBusy ?? false { return 0 }
    guard due != .max else { return nil }
    if due < commitAllowed { due = min(commitAllowed, signs) }
    let nanoseconds = clock.now.duration(to: due).clampedNanoseconds
    // To the millisecond at least, but what is due already is not waited for.
    return nanoseconds <= 0 ? 0 : Int(min(nanoseconds, 3_600_000_000_000) / 1_000_000) + 1
  }

  // MARK: Events

  private mutating func takeMessages(from way: IngestPorts.Way) throws(ZeroMQError) {
    var end: Timestamp?
    for _ in 0..<Self.messagesPerTurn {
      let receipt = try ports.receive(from: way)
      guard receipt != .nothing else { return }
      let now = clock.now
      do throws(Remark) {
        let sender = try gate.sender(ports.userID(of: way))
        try takeMessage(receipt, from: way, sender, at: now)
      } catch {
        // Whatever is refused for who sent it never came: it is neither recorded nor anybody's number.
        account.countReceived()
        traffic.noteUnreadable()
        account.enter(error, at: now)
        if way == .reliable { try tell(error, at: now) }
      }
      if delivery.hasActions { try perform(at: now) }
      end = end ?? now.advanced(by: Self.turn)
      if now >= end! { break }
    }
    isDrained = false
  }

  /// - Throws: when the sender may not send it; nothing of it is taken then.
  private mutating func takeMessage(
    _ receipt: Receipt, from way: IngestPorts.Way, _ sender: Gate.Sender, at now: Timestamp
  ) throws(Remark) {
    let event: Event
    do throws(Remark) { event = try decode(receipt, way) } catch {
      guard way == .reliable, let refused = MessageDecoder.refusal(of: ports.frames(of: way), error) else {
        recorder?.record(receipt, ports.frames(of: way), lane: way.lane, at: now)
        throw error
      }
      event = refused
    }
    try gate.admit(event.body, of: event.header.source, from: sender)
    recorder?.record(receipt, ports.frames(of: way), lane: way.lane, at: now)
    traffic.note(event, at: now)
    if event.body.isSign { account.countHead() } else { account.countReceived() }
    if way == .reliable {
      delivery.take(event, fromPeer: ports.peer, at: now)
    } else {
      delivery.take(event, at: now)
    }
  }

  /// Tells a publisher of the lossless lane why the last message was refused; who is let in no more is told nothing.
  private func tell(_ refusal: Remark, at now: Timestamp) throws(ZeroMQError) {
    guard refusal.reason.isOfSender, refusal.reason != .keyRefused,
      ports.frames(of: .reliable).count >= 2,
      let header = FramedHeader(parsing: ports.frames(of: .reliable)[1])
    else { return }
    let sequence = SequenceNumber(epoch: header.epoch, number: header.number)
    try ports.reply(to: ports.peer, answers.refusal(refusal, sequence, expected: nil, at: now))
  }

  /// Enters what was refused at the door, and ends when nobody answers there any more.
  private mutating func heedDoor() throws(ZeroMQError) {
    try output.bindAgain()
    guard let door, let doorSlot, poller.isReadable(doorSlot) else { return }
    // They are no events of any source: the reason alone counts.
    for remark in door.takeRefused() { account.enter(remark, isOfSign: true, at: clock.now) }
    try door.requireAlive()
    if door.takeReaderLoss() { try output.cutConnections() }
  }

  private mutating func decode(_ receipt: Receipt, _ way: IngestPorts.Way) throws(Remark) -> Event {
    if case .tooManyFrames(let count) = receipt {
      throw Remark(.malformed, "\(count) frames, at most \(Multipart.maximumFrames) are taken")
    }
    return try decoder.decode(ports.frames(of: way))
  }

  private mutating func takeFeedback() {
    guard let exchange, let askedSlot, poller.isReadable(askedSlot) else { return }
    for request in exchange.takeRequests() {
      let now = clock.now
      recorder?.record(request.frames, lane: .control, at: now)
      delivery.take(request.body, of: request.header, request.ticket, at: now)
    }
    for (reason, count) in exchange.takeRefused() {
      // They are no events of any source: the reason alone counts.
      account.enter(Remark(reason, count: count), isOfSign: true, at: clock.now)
    }
  }

  /// Does what is to be done, in its order.
  private mutating func perform(at now: Timestamp) throws(ZeroMQError) {
    for action in delivery.takeActions() {
      switch action {
      case .account(let remark, let isOfSign): account.enter(remark, isOfSign: isOfSign, at: now)
      case .publishLive(let publication):
        if try output.publish(publication, at: now) { account.countPublished(publication.output) }
      case .send(let message, let kind):
        try output.send(message)
        alertRepeats.note(message, kind, at: now)
        exchange?.setPublished(message.number)
        sinks?.offer(SinkMessage(message))
        account.countPublished(kind)
        desk?.note(message, kind, epoch: delivery.epoch, at: now)
      case .reply(let peer, let frames): try ports.reply(to: peer, frames)
      case .answer(let ticket, let answer): exchange?.answer(ticket, answer)
      }
    }
  }

  // MARK: The life of the service

  private mutating func goesOn() -> Bool {
    guard stop.isRequested else { return true }
    desk?.board.setPhase(.draining)
    // Else the wait for what comes late would end at once.
    stop.wakeup.drain()
    return drain.wantsTurn(at: clock.now, isDrained: isDrained)
  }

  /// Swaps the settings, if there are others, with everything that is known; see `Reloading`.
  private mutating func takeReload() {
    guard let reloading, let offeredSlot, poller.isReadable(offeredSlot), let offer = reloading.takeOffer()
    else {
      return
    }
    let now = clock.now
    delivery.advance(to: now)
    do throws(StateError) {
      try delivery.reload(offer.settings)
      recorder?.record(offer.origin, revision: offer.settings.revision, at: now)
      reloading.settle(.taken(cost: now.duration(to: clock.now)))
    } catch { reloading.settle(.refused(error)) }
  }

  private mutating func tellAlive(at now: Timestamp) {
    guard now >= nextNotice, let notice, let interval = notice.watchdogInterval else { return }
    nextNotice = now.advanced(by: interval)
    notice.alive("\(delivery.engine.modelCount) models, \(account.received) events, \(service.summary)")
  }

  // MARK: Journal

  private mutating func takeOutcome(at now: Timestamp) {
    if let thinned = journal?.takeThinned(), thinned > 0 {
      account.enter(Remark(.historyThinned, count: thinned), at: now)
    }
    guard let journal, let finishedSlot, poller.isReadable(finishedSlot) else { return }
    take(journal.takeOutcome(), at: now)
  }

  private mutating func take(_ outcome: JournalThread.Outcome?, at now: Timestamp) {
    switch outcome {
    case nil: break
    case .committed(let cost):
      writingCost = cost
      delivery.committed(at: now)
    case .failed(let error): delivery.failed(error.description, at: now)
    }
  }

  /// When the next transaction may be made.
  private var commitAllowed: Timestamp {
    let pause =
      isDrained ? encodingCost * Self.commitPause : (encodingCost + writingCost) * Self.commitPauseUnderLoad
    return lastSubmission.advanced(by: min(pause, Self.longestCommitPause))
  }

  private mutating func submit(at now: Timestamp) {
    guard let journal, now >= commitAllowed, let transaction = delivery.nextTransaction(at: now) else {
      return
    }
    lastSubmission = now
    encodingCost = now.duration(to: clock.now)
    journal.submit(transaction)
  }

  /// Stores everything, sends what was stored, and says that this is the end.
  private mutating func finish() throws(ZeroMQError) {
    sinks?.close(at: clock.now.advanced(by: SinkService.stopPatience))
    if let journal {
      let end = drain.end(of: Self.lastCommitPatience, at: clock.now)
      // What is under way, and then the rest.
      for _ in 0..<2 {
        if delivery.isCommitting { try awaitOutcome(of: journal, until: end) }
        guard !delivery.isCommitting, let last = delivery.lastTransaction(at: clock.now) else { break }
        journal.submit(last)
      }
      if delivery.isCommitting { try awaitOutcome(of: journal, until: end) }
    }
    try output.sendBye(at: clock.now)
  }

  private mutating func awaitOutcome(of journal: JournalThread, until end: Timestamp) throws(ZeroMQError) {
    var poller = Poller()
    _ = poller.add(journal.finished)
    while delivery.isCommitting, clock.now < end {
      let left = clock.now.nanoseconds(to: end) / 1_000_000
      _ = try poller.wait(milliseconds: max(0, Int(left)) + 1)
      take(journal.takeOutcome(), at: clock.now)
    }
    try perform(at: clock.now)
  }
}
