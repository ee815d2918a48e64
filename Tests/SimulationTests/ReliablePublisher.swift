import Events
import Wire

/// A publisher on the lossless lane, by the table "A reliable publisher" of the specification: a ring, a hello
/// first, credit, go back N, and everything from the acknowledged number on after each cut and restart.
final class ReliablePublisher {
  private enum State { case greeting, open }

  private static let ringMessages = 120
  private static let silence = Duration.seconds(3)

  private let world: World
  private let checks: Checks
  private let link: Link
  let signals: ModelSignals
  /// Whether the ring outlives its process.
  let hasFile: Bool
  private let milliseconds: Int
  /// The canary's: an ack that says nothing new is taken for a sign that all arrives.
  private let takesAnyAcknowledgement: Bool
  private(set) var numbering: SourceNumbering
  /// Numbered and not acknowledged, in order.
  private var ring: [Message] = []
  private(set) var acknowledged: UInt64 = 0
  /// The last number that was handed to the connection.
  private var handed: UInt64 = 0
  private var credit: UInt64 = 1
  private var state = State.greeting
  /// When an ack came in answer to a greeting, or moved on. Those that answer heads come each second whether or
  /// not what was sent after them has arrived.
  private var lastProgress: Timestamp
  private var lastHead = Timestamp.min
  private var reports: [Feedback] = []
  private(set) var refusedByFullRing = 0
  private(set) var sent = 0
  /// What is going on with the process that is running; another number after each restart.
  private var life = 0

  init(
    _ world: World, source: SourceName, models: [String], every milliseconds: Int, hasFile: Bool,
    _ daemon: SimulatedDaemon
  ) {
    self.world = world
    self.milliseconds = milliseconds
    self.hasFile = hasFile
    checks = daemon.checks
    takesAnyAcknowledgement = daemon.canary?.takesAnyAcknowledgement ?? false
    signals = ModelSignals(world, models: models)
    numbering = SourceNumbering(source, at: world.now)
    lastProgress = world.now
    var take: (Message) -> Void = { _ in }
    var give: (Message) -> Void = { _ in }
    link = Link(
      world, name: source.text, up: Channel(world, .init(isLossy: false, waiting: 1_000)) { take($0) },
      down: Channel(world, .init(isLossy: false, waiting: 0)) { give($0) })
    daemon.add(link)
    take = { [link] message in daemon.receive(message, reliablyFrom: link) }
    give = { [unowned self] message in answer(message) }
    // Half of them have no monitor on their socket, and find out by silence.
    if world.chance(500) { link.onConnect = { [unowned self] in greet() } }
    link.peerStarted()
    begin()
    if world.chance(700) { restartSoon() }
    cutSoon()
  }

  var source: SourceName { numbering.source }
  var isDrained: Bool { ring.isEmpty }

  func report(_ feedback: Feedback) { reports.append(feedback) }

  // MARK: Lives

  private func begin() {
    life += 1
    greet()
    acceptSoon(life)
    tickSoon(life)
  }

  private func restartSoon() {
    world.after(milliseconds: world.pick(4_000...30_000)) { [self] in
      guard world.areFaultsOn else { return }
      if ring.isEmpty && !hasFile { link.up.send(numbering.sign(.bye(Head()), at: world.now)) }
      link.peerEnded(lingerMilliseconds: world.pick(0...30))
      life += 1
      if !hasFile {
        checks.account.abandoned(source, numbering.epoch, upTo: numbering.last)
        ring = []
        numbering.begin(at: world.now)
        acknowledged = 0
      }
      // What was sent is forgotten: all that is in the ring is sent again.
      (handed, credit) = (acknowledged, 1)
      world.after(milliseconds: world.pick(1...2_000)) { [self] in
        link.peerStarted()
        begin()
      }
      restartSoon()
    }
  }

  private func cutSoon() {
    world.after(milliseconds: world.pick(3_000...30_000)) { [self] in
      guard world.areFaultsOn else { return }
      link.cut()
      cutSoon()
    }
  }

  // MARK: Sending

  private var isStopped = false

  /// Is asked for no more events; what the ring holds is still sent.
  func stop() { isStopped = true }

  private func acceptSoon(_ life: Int) {
    world.after(milliseconds: world.pick(milliseconds / 2...milliseconds * 3 / 2)) { [self] in
      guard life == self.life, !isStopped else { return }
      let count = world.fault(20) ? 30 : 1
      for _ in 0..<count { accept() }
      acceptSoon(life)
    }
  }

  private func accept() {
    guard ring.count < Self.ringMessages else {
      refusedByFullRing += 1
      return
    }
    let message: Message
    if let feedback = reports.popLast() {
      message = numbering.number(.feedback(feedback), of: .unspecified, at: world.now)
    } else {
      let (model, body) = signals.next()
      message = numbering.number(body, of: model, at: world.now, isDamaged: world.fault(10))
    }
    ring.append(message)
    checks.account.accepted(message, source, numbering.epoch, numbering.last)
    fill()
  }

  private func greet() {
    state = .greeting
    (lastHead, lastProgress) = (world.now, world.now)
    let first = numbering.last - UInt64(ring.count) + 1
    link.up.send(numbering.sign(.head(Head(interval: .seconds(1), first: first)), at: world.now))
  }

  /// Sends what was not sent, within the credit.
  private func fill() {
    guard state == .open else { return }
    while handed < numbering.last, handed < acknowledged + credit {
      handed = max(handed, acknowledged) + 1
      sent += 1
      link.up.send(ring[Int(handed - acknowledged) - 1])
    }
  }

  private func tickSoon(_ life: Int) {
    world.after(milliseconds: 250) { [self] in
      guard life == self.life else { return }
      let isSilent = lastProgress.duration(to: world.now) >= Self.silence
      if isSilent && (state == .greeting || !ring.isEmpty) {
        greet()
      } else if state == .open, lastHead.duration(to: world.now) >= .seconds(1) {
        let first = numbering.last - UInt64(ring.count) + 1
        link.up.send(numbering.sign(.head(Head(interval: .seconds(1), first: first)), at: world.now))
        lastHead = world.now
      }
      tickSoon(life)
    }
  }

  // MARK: Answers

  private func answer(_ message: Message) {
    guard let header = FramedHeader(message[1]), header.epoch == numbering.epoch else { return }
    let text = Text(message[2])
    switch FramedHeader.Kind(rawValue: header.kind) {
    case .ack:
      if state == .greeting || header.number > acknowledged || takesAnyAcknowledgement {
        lastProgress = world.now
      }
      credit = text.number("credit") ?? 0
      guard header.number <= numbering.last else {
        world.violate(
          .acknowledgedIsDurable, "\(source): \(header.number) of \(numbering.last) is acknowledged")
        return
      }
      if header.number > acknowledged {
        ring.removeFirst(Int(header.number - acknowledged))
        acknowledged = header.number
      }
      if state == .greeting { (state, handed) = (.open, acknowledged) }
      handed = max(handed, acknowledged)
      fill()
    case .nack where text.text("code") == "out_of_order":
      guard let expected = text.number("expected"), expected > acknowledged else { return }
      handed = min(handed, expected - 1)
      fill()
    default: break
    }
  }
}
