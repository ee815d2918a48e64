import Events

/// A publisher on the ingest socket that does not number, sends plain events, and some of them again.
final class PlainPublisher {
  private let world: World
  private let link: Link
  private let signals: ModelSignals
  private var plain: PlainSource
  private var last: [Message] = []
  private var isStopped = false

  init(_ world: World, source: SourceName, models: [String], _ daemon: SimulatedDaemon) {
    self.world = world
    signals = ModelSignals(world, models: models)
    plain = PlainSource(source)
    link = Link(
      world, name: source.text,
      up: Channel(world, .init(isLossy: true, waiting: 40)) { daemon.receive($0) },
      down: Channel(world, .init(isLossy: false, waiting: 0)) { _ in })
    daemon.add(link)
    link.peerStarted()
    sendSoon()
  }

  func recover() { signals.isHealthy = true }
  func stop() { isStopped = true }

  private func sendSoon() {
    world.after(milliseconds: world.pick(300...900)) { [self] in
      guard !isStopped else { return }
      let (model, body) = signals.next()
      let message = plain.message(body, of: model, at: world.now)
      link.up.send(message)
      last = Array((last + [message]).suffix(20))
      if world.fault(100) { link.up.send(last[world.pick(last.count)]) }
      sendSoon()
    }
  }
}

/// A publisher on the ingest socket: it numbers what it was asked to send, drops some of it itself, sends heads,
/// and restarts with a higher epoch, with a bye or without.
final class LossyPublisher {
  private let world: World
  private let account: AccountExact
  private let link: Link
  let signals: ModelSignals
  private(set) var numbering: SourceNumbering
  private(set) var dropped: UInt64 = 0
  private(set) var sent = 0
  /// Reports that it was asked to make.
  private var reports: [Feedback] = []
  private let milliseconds: Int

  init(
    _ world: World, source: SourceName, models: [String], every milliseconds: Int, _ daemon: SimulatedDaemon
  ) {
    self.world = world
    self.milliseconds = milliseconds
    account = daemon.checks.account
    signals = ModelSignals(world, models: models)
    numbering = SourceNumbering(source, at: world.now)
    link = Link(
      world, name: source.text,
      up: Channel(world, .init(isLossy: true, waiting: 40)) { daemon.receive($0) },
      down: Channel(world, .init(isLossy: false, waiting: 0)) { _ in })
    daemon.add(link)
    link.peerStarted()
    sendSoon()
    signSoon()
    if world.chance(700) { restartSoon() }
    cutSoon()
  }

  var source: SourceName { numbering.source }

  func report(_ feedback: Feedback) { reports.append(feedback) }

  private var isStopped = false

  /// Sends no more events; heads go on.
  func stop() { isStopped = true }

  private func sendSoon() {
    world.after(milliseconds: world.pick(milliseconds / 2...milliseconds * 3 / 2)) { [self] in
      guard !isStopped else { return }
      let message: Message
      if let feedback = reports.popLast() {
        message = numbering.number(.feedback(feedback), of: .unspecified, at: world.now)
      } else {
        let (model, body) = signals.next()
        message = numbering.number(body, of: model, at: world.now, isDamaged: world.fault(10))
      }
      account.accepted(message, source, numbering.epoch, numbering.last)
      if world.fault(10) {
        // Its own queue is full: the number is taken all the same.
        dropped += 1
      } else {
        sent += 1
        link.up.send(message)
      }
      sendSoon()
    }
  }

  private func signSoon() {
    world.after(milliseconds: 1_000) { [self] in
      link.up.send(numbering.sign(.head(Head(dropped: dropped, interval: .seconds(1))), at: world.now))
      signSoon()
    }
  }

  private func restartSoon() {
    world.after(milliseconds: world.pick(4_000...30_000)) { [self] in
      guard world.areFaultsOn else { return }
      let isClean = world.chance(500)
      if isClean { link.up.send(numbering.sign(.bye(Head(dropped: dropped)), at: world.now)) }
      link.peerEnded(lingerMilliseconds: isClean ? 1_000 : world.pick(0...20))
      numbering.begin(at: world.now)
      dropped = 0
      link.peerStarted()
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
}
