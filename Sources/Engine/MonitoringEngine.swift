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
  private static let furthestAheadNanoseconds = furthestAhead.clampedNanoseconds

  private let settings: EngineSettings
  private var models: [ModelState] = []
  private var modelIndex: [ModelKey: Int] = [:]
  private var ledgers: [SourceLedger] = []
  private var ledgerIndex: [SourceName: Int] = [:]
  private var routes = RouteTable()
  /// A purge reads every source, so a flood of new ones may not ask for it each time.
  private var nextSourcePurge = Timestamp.min
  private var deadlines = DeadlineQueue()
  /// When time was first told, or sources were last forgotten: epochs that began later are accounted
  /// from their first message on.
  private var accountedFrom = Timestamp.max
  /// Arrival time never goes back.
  private var now = Timestamp.min

  /// Whether assessments are handed out. Nothing depends on them, so a caller whom nobody asks for them
  /// turns them off and saves the work.
  package var reportsAssessments = true

  package init(settings: EngineSettings) { self.settings = settings }

  /// Models watched now.
  package var modelCount: Int { models.count }

  /// When the next deadline falls due, in arrival time, or something earlier.
  package var nextDeadline: Timestamp? { deadlines.first?.deadline }

  /// The account of every source, in order of appearance.
  package var sourceReports: [SourceReport] { ledgers.map { $0.report(at: now) } }

  /// Handles one event and appends what is to be done to `effects`.
  ///
  /// - Parameter arrival: when it arrived; not before that of the events before it.
  package mutating func handle(_ event: Event, at arrival: Timestamp, into effects: inout [Effect]) {
    advance(to: arrival, into: &effects)
    do throws(Remark) {
      let route = try route(of: event.header.origin)
      do throws(Remark) {
        try enter(event, of: route.source, into: &effects)
        try apply(event, by: route, into: &effects)
      } catch {
        if !event.body.isSign { ledgers[route.source].countRejected() }
        throw error
      }
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
    while let (stated, model) = deadlines.first, stated < now {
      let deadline = models[model].deadlineArrival
      guard deadline == stated else {
        deadlines.settle(model, at: deadline)
        continue
      }
      models[model].fireDeadline(before: now, reporting: reportsAssessments, into: &effects)
      deadlines.settle(model, at: models[model].deadlineArrival)
      return true
    }
    return false
  }

  // MARK: Sources

  /// Where an origin's model and source stand; a source that is new gets a ledger.
  ///
  /// - Throws: `tooManySources`.
  private mutating func route(of origin: Origin) throws(Remark) -> RouteTable.Route {
    if let route = routes[origin] { return route }
    let source = try ledgerIndex(of: origin.source)
    let route = RouteTable.Route(source: source, model: modelIndex[origin.model])
    routes[origin] = route
    return route
  }

  private mutating func ledgerIndex(of source: SourceName) throws(Remark) -> Int {
    if let index = ledgerIndex[source] { return index }
    do throws(Remark) { try makeRoomForSource() } catch {
      throw Remark(error.reason, "\(source): \(error.detail)")
    }
    ledgerIndex[source] = ledgers.count
    ledgers.append(SourceLedger(source: source, at: now))
    return ledgers.count - 1
  }

  private mutating func enter(
    _ event: Event, of source: Int, into effects: inout [Effect]
  ) throws(Remark) {
    do throws(Remark) {
      guard event.body.isSign else {
        return try ledgers[source].enter(event.header, at: now, start: accountedFrom, into: &effects)
      }
      switch event.body {
      case .head(let head):
        try ledgers[source].enter(
          head, isEnd: false, event.header, at: now, start: accountedFrom, into: &effects)
      case .bye(let head):
        try ledgers[source].enter(
          head, isEnd: true, event.header, at: now, start: accountedFrom, into: &effects)
      default: break
      }
    } catch {
      throw Remark(error.reason, "\(event.header.source) \(event.header.id): \(error.detail)")
    }
  }

  private mutating func makeRoomForSource() throws(Remark) {
    guard ledgers.count >= settings.limits.sources else { return }
    if now >= nextSourcePurge {
      let now = now
      let before = ledgers.count
      ledgers.removeAll { $0.lastHeard.duration(to: now) >= Self.sourceMemory }
      if ledgers.count < before {
        ledgerIndex = Dictionary(uniqueKeysWithValues: ledgers.enumerated().map { ($1.source, $0) })
        routes = RouteTable()
        accountedFrom = now
      }
      nextSourcePurge = now.advanced(by: Self.sourcePurgeInterval)
    }
    guard ledgers.count < settings.limits.sources else {
      throw Remark(.tooManySources, "limits.sources is \(settings.limits.sources)")
    }
  }

  // MARK: Models

  private mutating func apply(
    _ event: Event, by route: RouteTable.Route, into effects: inout [Effect]
  ) throws(Remark) {
    switch event.body {
    case .head, .bye, .tombstone: return
    case .refused(let remark): throw remark
    case .metrics, .features, .baseline: break
    }
    let time = eventTime(event.header, of: route.source, into: &effects)
    var known = route.model
    if known == nil { known = try modelIndex(of: event.header.origin, source: route.source, time: time) }
    let index = known!
    if case .features(let batch) = event.body { noteText(batch, into: &effects) }
    if case .baseline(let update) = event.body, let batch = update.features {
      noteText(batch, into: &effects)
    }
    let outcome = models[index].take(
      event, at: time, arrival: now, reporting: reportsAssessments, into: &effects)
    deadlines.update(index, to: outcome.deadline)
    if outcome.isLate {
      ledgers[route.source].countLate()
      effects.append(.account(Remark(.late)))
    }
    if let refusal = outcome.refusal { throw refusal }
  }

  private func noteText(_ batch: FeatureBatch, into effects: inout [Effect]) {
    if batch.textColumns > 0 { effects.append(.account(Remark(.textIgnored))) }
  }

  private func eventTime(_ header: EventHeader, of source: Int, into effects: inout [Effect]) -> Timestamp {
    guard let time = header.time else { return now }
    guard now.nanoseconds(to: time) <= Self.furthestAheadNanoseconds, !ledgers[source].clock.isFarAhead else {
      effects.append(.account(Remark(.timeRefused)))
      return now
    }
    return time
  }

  private mutating func modelIndex(of origin: Origin, source: Int, time: Timestamp) throws(Remark) -> Int {
    var index = modelIndex[origin.model]
    if index == nil { index = try addModel(origin.model, time: time) }
    routes[origin] = RouteTable.Route(source: source, model: index)
    return index!
  }

  private mutating func addModel(_ key: ModelKey, time: Timestamp) throws(Remark) -> Int {
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
