import Engine
import Events
import Wire

/// Decoders and engine of one configuration, fed with what was recorded.
///
/// Lines have the file's own clock, the largest event time; the messages of a recording have their arrivals,
/// and then the engine does what the daemon's did.
struct ReplayEngine: ~Copyable {
  private var plain: PlainDecoder
  private var messages: MessageDecoder
  private var engine: MonitoringEngine
  private let limits: WireLimits
  private var effects: [Effect] = []
  /// Of the event before: where a refused line stands in time.
  private var clock = Timestamp.min

  /// - Parameters:
  ///   - reportsAssessments: see ``MonitoringEngine``; no alert or decision depends on them.
  ///   - runsDecisionTimers: see ``EngineSettings``; lines have no arrivals by which anybody could have acted.
  init(_ configuration: Configuration, reportsAssessments: Bool = true, runsDecisionTimers: Bool = false) {
    plain = PlainDecoder(limits: configuration.wire)
    messages = MessageDecoder(limits: configuration.wire)
    var settings = configuration.engine
    settings.runsDecisionTimers = runsDecisionTimers
    engine = MonitoringEngine(settings: settings)
    engine.reportsAssessments = reportsAssessments
    limits = configuration.wire
  }

  var modelCount: Int { engine.modelCount }

  /// Takes one step and hands over what follows from it, in order.
  ///
  /// - Parameter perform: called for the effects of each deadline, and then those of the event, so that few of
  ///   them are held however far time jumps.
  mutating func take<Failure: Error>(
    _ step: ReplayInput.Step, perform: ([Effect]) throws(Failure) -> Void
  ) throws(Failure) {
    switch step {
    case .passedOver, .end: return
    case .longLine:
      try perform([.account(Remark(.tooLarge, "more than \(limits.messageBytes) bytes"))])
    case .tooManyFrames(let count, let arrival):
      try advance(to: arrival, perform: perform)
      try perform([.account(Remark(.malformed, "\(count) frames, at most 16 are taken"))])
    case .clock(let time): try advance(to: time, perform: perform)
    case .reload(let settings, let time):
      try advance(to: time, perform: perform)
      do throws(StateError) { try engine.reload(settings) } catch {
        try perform([.account(Remark(.malformed, "a reload: \(error)"))])
      }
    case .line(let bytes): try take(line: bytes, perform)
    case .message(let frames, .control, let arrival):
      // What was recorded of the control socket was taken.
      guard let request = try? ControlRequest(parsing: frames) else { return }
      try advance(to: arrival, perform: perform)
      switch request.body {
      case .fetch: return
      case .feedback(let feedback):
        engine.handle(feedback, of: request.header, at: arrival, into: &effects)
      case .silence(let silence): engine.handle(silence, of: request.header, at: arrival, into: &effects)
      }
      try perform(effects)
      effects.removeAll(keepingCapacity: true)
    case .message(let frames, let lane, let arrival):
      var event: Event?
      var remark: Remark?
      do throws(Remark) { event = try messages.decode(frames) } catch { remark = error }
      if let remark { try perform([.account(remark)]) }
      if let event { try handle(event, at: arrival, isReliable: lane == .reliable, perform) }
    }
  }

  private mutating func take<Failure: Error>(
    line bytes: UnsafeRawBufferPointer, _ perform: ([Effect]) throws(Failure) -> Void
  ) throws(Failure) {
    var decoded: Event?
    var remark: Remark?
    do throws(Remark) { decoded = try plain.decode(topic: nil, body: bytes) } catch { remark = error }
    if let remark { try perform([.account(remark)]) }
    guard var event = decoded else { return }
    if case .refused = event.body {
      // Its sequence number counts; its time moves nothing.
    } else if let time = event.header.time {
      clock = max(clock, time)
    } else {
      event.body = .refused(Remark(.missingTime, "an event without time cannot be put in order"))
    }
    try handle(event, at: clock, perform)
  }

  private mutating func handle<Failure: Error>(
    _ event: Event, at arrival: Timestamp, isReliable: Bool = false,
    _ perform: ([Effect]) throws(Failure) -> Void
  ) throws(Failure) {
    try advance(to: arrival, perform: perform)
    engine.handle(event, at: arrival, isReliable: isReliable, into: &effects)
    try perform(effects)
    effects.removeAll(keepingCapacity: true)
  }

  /// A jump in time can fire deadlines of every model: each is performed before the next.
  private mutating func advance<Failure: Error>(
    to time: Timestamp, perform: ([Effect]) throws(Failure) -> Void
  ) throws(Failure) {
    clock = max(clock, time)
    effects.removeAll(keepingCapacity: true)
    while engine.fireDeadline(before: clock, into: &effects) {
      try perform(effects)
      effects.removeAll(keepingCapacity: true)
    }
  }
}
