import Events

typealias Message = [[UInt8]]

/// One direction of a connection: messages arrive late and in order, or not at all.
///
/// A *lossy* one drops in runs, as a full queue does, and doubles now and then; the others lose only what is on
/// the way when the connection is cut. What is sent while it is down waits, up to a bound beyond which the newest
/// are dropped, if the sender connects, and is lost if the receiver does.
final class Channel {
  struct Kind {
    var isLossy: Bool
    /// Messages that wait while it is down; 0 where nothing does.
    var waiting: Int
    var longestDelay = 20
  }

  /// What one connection carries: cut, it loses what would arrive after its end.
  private final class Session { var end = Timestamp.max }

  private let world: World
  private let kind: Kind
  private let deliver: (Message) -> Void
  private var session: Session?
  private var waiting: [Message] = []
  private var lastArrival = Timestamp.min
  /// Messages that are still to be dropped of a run.
  private var dropping = 0

  init(_ world: World, _ kind: Kind, deliver: @escaping (Message) -> Void) {
    (self.world, self.kind, self.deliver) = (world, kind, deliver)
  }

  var isUp: Bool { session != nil }

  func connect() {
    guard session == nil else { return }
    session = Session()
    let held = waiting
    waiting = []
    for message in held { send(message) }
  }

  /// - Parameter linger: what arrives within so many milliseconds still does, as from a process that ended.
  func cut(lingerMilliseconds linger: Int = 0) {
    session?.end = world.now.advanced(by: .milliseconds(linger))
    session = nil
  }

  /// Whoever sends has ended: nothing of what waits is sent.
  func forgetWaiting() { waiting = [] }

  func send(_ message: Message) {
    guard let session else {
      if waiting.count < kind.waiting { waiting.append(message) }
      return
    }
    if kind.isLossy {
      if dropping == 0, world.fault(8) { dropping = world.pick(1...12) }
      if dropping > 0 {
        dropping -= 1
        return
      }
    }
    transmit(message, session)
    if kind.isLossy, world.fault(10) { transmit(message, session) }
  }

  private func transmit(_ message: Message, _ session: Session) {
    let delay = world.fault(10) ? world.pick(500...3_000) : world.pick(0...kind.longestDelay)
    // Never before what was sent before it.
    lastArrival = max(lastArrival, world.now.advanced(by: .milliseconds(delay)))
    let arrival = lastArrival
    world.at(arrival) { [deliver] in
      if arrival <= session.end { deliver(message) }
    }
  }
}

/// A peer's connection to one of the daemon's sockets, both ways. It is cut at random, and made again.
final class Link {
  private let world: World
  /// To the daemon.
  let up: Channel
  /// From the daemon.
  let down: Channel
  /// What a ROUTER knows the connection by; another one each time.
  private(set) var identity: [UInt8] = []
  private let name: String
  private var connections = 0
  private var isDaemonUp = false
  private var isPeerUp = true
  /// Told when it is made anew, as a monitored socket is.
  var onConnect: (() -> Void)?

  init(_ world: World, name: String, up: Channel, down: Channel) {
    (self.world, self.name, self.up, self.down) = (world, name, up, down)
  }

  var isUp: Bool { up.isUp }

  /// The daemon's sockets are bound.
  func daemonStarted() {
    isDaemonUp = true
    connectSoon()
  }

  /// - Parameter linger: of what the daemon had sent.
  func daemonEnded(lingerMilliseconds linger: Int) {
    isDaemonUp = false
    up.cut()
    down.cut(lingerMilliseconds: linger)
  }

  func peerStarted() {
    isPeerUp = true
    connectSoon()
  }

  func peerEnded(lingerMilliseconds linger: Int = 0) {
    isPeerUp = false
    up.cut(lingerMilliseconds: linger)
    up.forgetWaiting()
    down.cut()
  }

  /// The network fails for a while.
  func cut() {
    up.cut()
    down.cut()
    connectSoon(within: 2_000)
  }

  private func connectSoon(within milliseconds: Int = 200) {
    guard isDaemonUp, isPeerUp else { return }
    world.after(milliseconds: world.pick(1...milliseconds)) { [self] in
      guard isDaemonUp, isPeerUp, !up.isUp else { return }
      connections += 1
      identity = Array("\(name)#\(connections)".utf8)
      up.connect()
      down.connect()
      onConnect?()
    }
  }
}
