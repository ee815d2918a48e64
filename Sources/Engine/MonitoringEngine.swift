package import Events

/// The whole of Tidemark between decoding and encoding, as a value: events and time in, effects out.
///
/// It has no clock, no I/O and no randomness; the same events at the same times give the same
/// effects, live and in replay. Before an event is handled, every deadline due before it fires, in
/// order, at its own time: those of all models by the arrival clock, those of the event's own model
/// by its time as well, so that old events sent in a hurry are judged as they were when new.
package struct MonitoringEngine: Sendable {
  /// Sources unheard of for this long make room for new ones.
  package static let sourceMemory = Duration.seconds(3600)
  package static let sourcePurgeInterval = Duration.seconds(60)
  /// An event time further ahead of arrival than this is refused; the event is kept.
  package static let furthestAhead = Duration.seconds(24 * 3600)

  private let settings: EngineSettings
  private var models: [ModelState] = []
  private var modelIndex: [ModelKey: Int] = [:]
  private var sources: [SourceName: SourceLedger] = [:]
  /// A purge reads every source, so a flood of new ones may not ask for it each time.
  private var nextSourcePurge = Timestamp.min
  private var deadlines = DeadlineQueue()
  /// When time was first told, or sources were last forgotten: epochs that began later are accounted
  /// from their first message on.
  private var accountedFrom = Timestamp.max
  /// Arrival time never goes back.
  private var now = Timestamp.min

  package init(settings: EngineSettings) { self.settings = settings }

  /// Models watched now.
  package var modelCount: Int { models.count }

  /// When the next deadline falls due, in arrival time.
  package var nextDeadline: Timestamp? { deadlines.first?.deadline }

  /// Handles one event and appends what is to be done to `effects`.
  ///
  /// - Parameter arrival: when it arrived; not before that of the events before it.
  package mutating func handle(_ event: Event, at arrival: Timestamp, into effects: inout [Effect]) {
    advance(to: arrival, into: &effects)
    do throws(Remark) {
      try enterSource(event.header, into: &effects)
      try apply(event, into: &effects)
    } catch {
      effects.append(.account(error))
    }
  }

  /// As ``handle(_:at:into:)``, with an array of its own.
  package mutating func handle(_ event: Event, at arrival: Timestamp) -> [Effect] {
    var effects: [Effect] = []
    handle(event, at: arrival, into: &effects)
    return effects
  }

  /// Fires every deadline due before `arrival`.
  package mutating func advance(to arrival: Timestamp, into effects: inout [Effect]) {
    while fireDeadline(before: arrival, into: &effects) {}
  }

  /// Moves time on to `arrival` and fires the first deadline due before it, if there is one.
  ///
  /// - Returns: whether one fired. A caller that performs the effects after each holds few of them,
  ///   however far time jumps.
  package mutating func fireDeadline(before arrival: Timestamp, into effects: inout [Effect]) -> Bool {
    if accountedFrom == .max && arrival != .min { accountedFrom = arrival }
    now = max(now, arrival)
    guard let (deadline, model) = deadlines.first, deadline < now else { return false }
    models[model].fireDeadline(before: now, into: &effects)
    deadlines.update(model, to: models[model].deadlineArrival)
    return true
  }

  // MARK: Sources

  private mutating func enterSource(_ header: EventHeader, into effects: inout [Effect]) throws(Remark) {
    let id = stableHash(header.id)
    do throws(Remark) {
      if let place = sources.index(forKey: header.source) {
        try sources.values[place].enter(
          header.sequence, id: id, at: now, start: accountedFrom, into: &effects)
      } else {
        try makeRoomForSource()
        var ledger = SourceLedger(at: now)
        try ledger.enter(header.sequence, id: id, at: now, start: accountedFrom, into: &effects)
        sources[header.source] = ledger
      }
    } catch {
      throw Remark(error.reason, "\(header.source) \(header.id): \(error.detail)")
    }
  }

  private mutating func makeRoomForSource() throws(Remark) {
    guard sources.count >= settings.limits.sources else { return }
    if now >= nextSourcePurge {
      let now = now
      sources = sources.filter { $0.value.lastHeard.duration(to: now) < Self.sourceMemory }
      accountedFrom = now
      nextSourcePurge = now.advanced(by: Self.sourcePurgeInterval)
    }
    guard sources.count < settings.limits.sources else {
      throw Remark(.tooManySources, "limits.sources is \(settings.limits.sources)")
    }
  }

  // MARK: Models

  private mutating func apply(_ event: Event, into effects: inout [Effect]) throws(Remark) {
    if case .refused(let remark) = event.body { throw remark }
    let time = eventTime(event.header, into: &effects)
    let index = try modelIndex(of: event.header.model, time: time)
    defer { deadlines.update(index, to: models[index].deadlineArrival) }
    models[index].fireDeadlines(before: time, arrival: now, into: &effects)
    if models[index].advance(to: time, arrival: now) { effects.append(.account(Remark(.late))) }

    let cause = Cause.event(
      source: event.header.source, id: event.header.id, traceParent: event.header.traceParent)
    switch event.body {
    case .metrics(let metrics): models[index].apply(metrics, cause: cause, into: &effects)
    case .features(let features):
      do throws(Remark) {
        try models[index].apply(features, cause: cause, into: &effects)
      } catch {
        throw Remark(error.reason, "\(event.header.model): \(error.detail)")
      }
    case .baseline(let baseline): models[index].apply(baseline)
    case .refused: break
    }
  }

  private func eventTime(_ header: EventHeader, into effects: inout [Effect]) -> Timestamp {
    guard let time = header.time else { return now }
    guard now.duration(to: time) <= Self.furthestAhead else {
      effects.append(.account(Remark(.timeRefused)))
      return now
    }
    return time
  }

  private mutating func modelIndex(of key: ModelKey, time: Timestamp) throws(Remark) -> Int {
    if let index = modelIndex[key] { return index }
    guard let modelSettings = settings.settings(for: key) else {
      throw Remark(.unknownModel, "\(key) has no entry under models, and unknown_models is reject")
    }
    guard models.count < settings.limits.models else {
      throw Remark(.tooManyModels, "\(key): limits.models is \(settings.limits.models)")
    }
    let state = ModelState(key: key, settings: modelSettings, time: time, arrival: now)
    models.append(state)
    deadlines.append(state.deadlineArrival)
    modelIndex[key] = models.count - 1
    return models.count - 1
  }
}
