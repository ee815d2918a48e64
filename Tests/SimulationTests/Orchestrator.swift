import Events
import Wire

/// Whoever retrains: reads decisions, claims them over the control socket against another one, starts, ends and
/// says so; asks again when no answer comes, and dies between any two steps.
final class Orchestrator {
  private struct Work {
    var decision: String
    var attempt: Int
    var report: Feedback.Report
    var request: UInt64 = 0
    var askedAt: Timestamp?
    /// Of the claim, once it is granted.
    var token: String?
  }

  private static let patience = Duration.seconds(5)

  let name: String
  private let world: World
  private let checks: Checks
  private let subscriber: Subscriber
  private var control: Link
  private var requests: UInt64 = 0
  private let requestEpoch: UInt64
  private var work: [Work] = []
  /// Whoever reports over another lane, at times.
  var reporters: [(Feedback) -> Void] = []

  init(_ world: World, name: String, _ daemon: SimulatedDaemon) {
    (self.world, self.name) = (world, name)
    checks = daemon.checks
    requestEpoch = UInt64(clamping: world.now.nanoseconds)
    subscriber = Subscriber(world, name: name + ".sub", .init(prefixes: ["decision/"]), daemon)
    var ask: (Message) -> Void = { _ in }
    var answer: (Message) -> Void = { _ in }
    control = Link(
      world, name: name, up: Channel(world, .init(isLossy: false, waiting: 20)) { ask($0) },
      down: Channel(world, .init(isLossy: false, waiting: 0)) { answer($0) })
    daemon.add(control)
    ask = { [control] in daemon.receiveRequest($0, from: control) }
    answer = { [unowned self] in takeAnswer($0) }
    subscriber.onMessage = { [unowned self] in consider($0) }
    control.peerStarted()
    tickSoon()
    faultSoon()
  }

  // MARK: Work

  private func consider(_ facts: StoredFacts) {
    guard facts.state == "issued", let decision = facts.decision, let attempt = facts.attempt else { return }
    // Now and then it misses its chance.
    if world.fault(150) { return }
    let first: Feedback.Report
    switch world.areFaultsOn ? world.pick(12) : 11 {
    case 0: first = .rejected
    case 1, 2: first = .started
    case 3 where world.chance(200): first = .cancelled
    default: first = .acked
    }
    let work = Work(decision: decision, attempt: attempt, report: first)
    world.after(milliseconds: world.pick(0...1_500)) { [self] in
      self.work.append(work)
      send(self.work.count - 1)
    }
    // Another lane than the control socket, for who wants no answer.
    if world.fault(100), !reporters.isEmpty {
      let feedback = Feedback(
        decision: DecisionID(decision), report: world.chance(500) ? .acked : .started, attempt: attempt,
        owner: name + ".lane")
      reporters[world.pick(reporters.count)](feedback)
    }
  }

  private func send(_ index: Int) {
    requests += 1
    work[index].request = requests
    work[index].askedAt = world.now
    let item = work[index]
    var body =
      #"{"decision_id":"\#(item.decision)","state":"\#(item.report.rawValue)","attempt":\#(item.attempt)"#
      + #","owner":"\#(name)""#
    if let token = item.token { body += #","token":"\#(token)""# }
    if item.report == .rejected || item.report == .failed, world.chance(700) {
      body += #","retry_after_s":\#(world.pick(0...3))"#
    }
    let header = FramedHeader(
      kind: FramedHeader.Kind.feedback.rawValue, frames: 3, epoch: requestEpoch, number: requests,
      eventTime: world.now.nanoseconds, sendTime: world.now.nanoseconds)
    checks.ownership.asked(name, requests, decision: item.decision, attempt: item.attempt, item.report)
    control.up.send([Array("feedback/-/-/\(name)".utf8), header.bytes, Array((body + "}").utf8)])
  }

  private func takeAnswer(_ message: Message) {
    guard let header = FramedHeader(message[1]) else { return }
    guard let index = work.firstIndex(where: { $0.request == header.number }) else { return }
    let text = Text(message[2])
    guard FramedHeader.Kind(rawValue: header.kind) == .ack else {
      // Over, or another's; what was not looked at is asked again.
      if ["unavailable", "busy"].contains(text.text("code")) { return askAgain(index) }
      world.require(
        text.text("code") != "wrong_token", .noDecisionDoubled, "the token that \(name) was given is refused")
      work.remove(at: index)
      return
    }
    checks.ownership.granted(name, header.number, text)
    work[index].token = text.text("token")
    proceed(index)
  }

  private func askAgain(_ index: Int) {
    let request = work[index].request
    world.after(milliseconds: world.pick(500...2_000)) { [self] in
      if let index = work.firstIndex(where: { $0.request == request }) { send(index) }
    }
  }

  private func proceed(_ index: Int) {
    let next: Feedback.Report
    switch work[index].report {
    case .acked: next = .started
    case .started: next = world.fault(250) ? .failed : .succeeded
    case .succeeded where world.fault(200): next = .verified
    case .succeeded, .failed, .rejected, .verified, .cancelled:
      work.remove(at: index)
      return
    }
    work[index].report = next
    work[index].askedAt = nil
    // The late answer to a request that was repeated belongs to nothing any more.
    work[index].request = 0
    let item = work[index]
    let pause = world.fault(100) ? world.pick(2_000...9_000) : world.pick(50...1_500)
    world.after(milliseconds: pause) { [self] in
      let index = work.firstIndex {
        $0.decision == item.decision && $0.attempt == item.attempt && $0.report == next && $0.askedAt == nil
      }
      if let index { send(index) }
    }
  }

  private func tickSoon() {
    world.after(milliseconds: 500) { [self] in
      for index in work.indices {
        if let asked = work[index].askedAt, asked.duration(to: world.now) >= Self.patience { send(index) }
      }
      tickSoon()
    }
  }

  // MARK: Faults

  private func faultSoon() {
    world.after(milliseconds: world.pick(2_000...15_000)) { [self] in
      guard world.areFaultsOn else { return }
      if world.chance(500) {
        control.cut()
      } else {
        // It dies, and remembers its work or does not.
        control.peerEnded()
        if world.chance(500) { work = [] }
        world.after(milliseconds: world.pick(10...5_000)) { [self] in control.peerStarted() }
      }
      faultSoon()
    }
  }
}
