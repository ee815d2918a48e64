import Events
import Wire

/// A reader that resumes: live outputs over a network that drops and doubles them, and what it missed fetched from
/// the control socket. It may be slow, and crash and come back with the cursor that it stored.
final class Subscriber {
  struct Manner {
    var prefixes: [String] = []
    /// Milliseconds for each live message; those that find ``queue`` others are dropped.
    var slowness = 0
    var crashes = false
    /// Whether it begins at number 1; otherwise with what comes live.
    var hasCursor = true
  }

  private static let queue = 50
  private static let patience = Duration.seconds(5)

  let name: String
  private let world: World
  private let checks: Checks
  private let manner: Manner
  private let prefixes: [[UInt8]]
  private var output: Link
  private var control: Link
  private var reader: ResumingReader
  /// What a crash goes back to.
  private var stored: ResumingReader.Cursor?
  private var known: Set<String> = []
  private var queued: [Message] = []
  private var isWorking = false
  private let requestEpoch: UInt64
  private var requests: UInt64 = 0
  private var askedAt: Timestamp?
  private(set) var crashes = 0
  /// Told of each message that is handed over for the first time.
  var onMessage: ((StoredFacts) -> Void)?

  init(_ world: World, name: String, _ manner: Manner, _ daemon: SimulatedDaemon) {
    (self.world, self.name, self.manner) = (world, name, manner)
    checks = daemon.checks
    prefixes = manner.prefixes.map { Array($0.utf8) }
    let cursor = manner.hasCursor ? ResumingReader.Cursor(epoch: daemon.journal.epoch, next: 1) : nil
    reader = ResumingReader(isExact: prefixes.isEmpty, cursor: cursor)
    stored = cursor
    requestEpoch = UInt64(clamping: world.now.nanoseconds)
    var give: (Message) -> Void = { _ in }
    var ask: (Message) -> Void = { _ in }
    var answer: (Message) -> Void = { _ in }
    output = Link(
      world, name: name + ".out", up: Channel(world, .init(isLossy: false, waiting: 0)) { _ in },
      down: Channel(world, .init(isLossy: true, waiting: 0)) { give($0) })
    control = Link(
      world, name: name + ".ctl", up: Channel(world, .init(isLossy: false, waiting: 20)) { ask($0) },
      down: Channel(world, .init(isLossy: false, waiting: 0)) { answer($0) })
    let prefixes = self.prefixes
    let signs = ["head/", "bye/"].map { Array($0.utf8) }
    daemon.addOutput(output, prefixes: prefixes.isEmpty ? [] : prefixes + signs)
    daemon.add(control)
    give = { [unowned self] in receive($0) }
    ask = { [control] in daemon.receiveRequest($0, from: control) }
    answer = { [unowned self] in takeAnswer($0) }
    output.peerStarted()
    control.peerStarted()
    tickSoon()
    cutSoon()
    if manner.crashes { crashSoon() }
  }

  /// What it must have been handed by now.
  var isExact: Bool { prefixes.isEmpty }
  var hasCursor: Bool { manner.hasCursor }
  func wants(_ topic: [UInt8]) -> Bool { prefixes.isEmpty || prefixes.contains { topic.starts(with: $0) } }

  // MARK: Live

  private func receive(_ message: Message) {
    guard manner.slowness > 0, world.areFaultsOn else { return take(message) }
    guard queued.count < Self.queue else { return }
    queued.append(message)
    workLater()
  }

  private func workLater() {
    guard !isWorking, !queued.isEmpty else { return }
    isWorking = true
    world.after(milliseconds: world.pick(1...manner.slowness)) { [self] in
      isWorking = false
      guard !queued.isEmpty else { return }
      take(queued.removeFirst())
      workLater()
    }
  }

  private func take(_ message: Message) {
    guard let header = FramedHeader(message[1]) else { return }
    switch FramedHeader.Kind(rawValue: header.kind) {
    case .head, .bye: reader.head(header.epoch, header.number)
    default:
      checks.seen(header, message)
      hand(
        over: reader.take(
          .init(number: header.number, epoch: header.epoch, previous: header.previous, message: message)))
    }
    askIfDue()
  }

  private func hand(over given: [ResumingReader.Given]) {
    for entry in given {
      switch entry {
      case .gap(let reason, let numbers): checks.delivery.gap(reason, numbers, at: name)
      case .message(let number, let message):
        let facts = StoredFacts(number: number, topic: message[0], body: message[2])
        checks.delivery.handed(facts, to: name, isExact: prefixes.isEmpty)
        if known.insert(facts.id).inserted { onMessage?(facts) }
      }
    }
    // It comes back for the next now and then only; a crash goes back to there.
    if world.chance(400) { stored = reader.cursor }
  }

  // MARK: Fetching

  private func askIfDue() {
    guard reader.ask != nil, askedAt == nil else { return }
    sendRequest()
  }

  private func sendRequest() {
    guard let ask = reader.ask else { return }
    requests += 1
    askedAt = world.now
    let list = prefixes.map { "\"\(String(decoding: $0, as: UTF8.self))\"" }.joined(separator: ",")
    let body =
      #"{"epoch":"\#(ask.epoch)","from":"\#(ask.next)","max":\#(world.pick(1...40))"#
      + (prefixes.isEmpty ? "}" : #","prefixes":[\#(list)]}"#)
    let header = FramedHeader(
      kind: FramedHeader.Kind.fetch.rawValue, frames: 3, epoch: requestEpoch, number: requests,
      sendTime: world.now.nanoseconds)
    control.up.send([Array("fetch/-/-/\(name)".utf8), header.bytes, Array(body.utf8)])
  }

  private func tickSoon() {
    world.after(milliseconds: 500) { [self] in
      if reader.ask == nil {
        askedAt = nil
      } else if askedAt.map({ $0.duration(to: world.now) >= Self.patience }) ?? true {
        sendRequest()
      }
      tickSoon()
    }
  }

  private func takeAnswer(_ message: Message) {
    guard let header = FramedHeader(message[1]) else { return }
    guard FramedHeader.Kind(rawValue: header.kind) == .end else {
      checks.seen(header, message)
      return hand(over: reader.fetched(header.number, message))
    }
    // An answer to an older request than the last is passed over.
    guard header.number == requests else { return }
    let text = Text(message[2])
    guard let status = text.text("status"), let next = text.number("next") else { return }
    if status == "busy" { return }
    askedAt = nil
    hand(over: reader.end(status, header.epoch, next: next))
    askIfDue()
  }

  // MARK: Faults

  private func cutSoon() {
    world.after(milliseconds: world.pick(3_000...25_000)) { [self] in
      guard world.areFaultsOn else { return }
      if world.chance(500) { output.cut() } else { control.cut() }
      cutSoon()
    }
  }

  private func crashSoon() {
    world.after(milliseconds: world.pick(3_000...20_000)) { [self] in
      guard world.areFaultsOn else { return }
      crash()
      crashSoon()
    }
  }

  private func crash() {
    crashes += 1
    output.peerEnded()
    control.peerEnded()
    queued = []
    world.after(milliseconds: world.pick(10...4_000)) { [self] in
      reader = ResumingReader(isExact: prefixes.isEmpty, cursor: stored)
      askedAt = nil
      checks.delivery.began(name)
      output.peerStarted()
      control.peerStarted()
      askIfDue()
    }
  }
}
