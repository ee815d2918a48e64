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
  /// The same for sources of the lossless lane that did not say bye.
  package static let reliableSourceMemory = Duration.seconds(7 * 24 * 3600)
  package static let sourcePurgeInterval = Duration.seconds(60)
  /// An event time further ahead of arrival than this is refused; the event is kept.
  package static let furthestAhead = Duration.seconds(24 * 3600)
  private static let furthestAheadNanoseconds = furthestAhead.clampedNanoseconds

  /// What holds now; another after a reload.
  package private(set) var settings: EngineSettings
  var models: [ModelState] = []
  /// Columns that e-BH counts with, of all models.
  var fleet = ModelState.FleetColumns()
  var modelIndex: [ModelKey: Int] = [:]
  var ledgers: [SourceLedger] = []
  var ledgerIndex: [SourceName: Int] = [:]
  private var routes = RouteTable()
  /// A purge reads every source, so a flood of new ones may not ask for it each time.
  private var nextSourcePurge = Timestamp.min
  var deadlines = DeadlineQueue()
  /// When time was first told, or sources were last forgotten: epochs that began later are accounted
  /// from their first message on.
  var accountedFrom = Timestamp.max
  /// Arrival time never goes back, across restarts neither.
  var now = Timestamp.min
  /// The model of each decision that is known: of a model at most the one that is open, and the one that ended
  /// last.
  private var decisionModels: [DecisionID: Int] = [:]
  private var decisionsOfModel: [Int: (open: DecisionID?, ended: DecisionID?)] = [:]
  /// Models by the source of their features.
  var breaker = FleetBreaker()
  /// What is silenced.
  var silences = SilenceTable.empty
  /// Models with an alert open.
  var openAlerts = OpenAlerts()
  /// The place of the version of each name that appeared last.
  private var latestVersions: [ModelName: Int32] = [:]

  /// Models that the journal gave back and that the configuration of today rejects: kept, and left alone.
  var dormantModels: Set<Int> = []

  // What a checkpoint is still to be told; see `EngineChanges.swift`.
  /// Whether changes are noted at all: without a journal nobody asks for them.
  package var tracksChanges = false
  var changedModels: [Int] = []
  var changedSources: [Int] = []
  /// Models with something for the history.
  var heardModels: [Int] = []
  var forgottenSources: [Int64] = []
  var hasChanged = false
  /// Of the next new source.
  var nextSerial: Int64 = 1

  // What is told to whoever looks; see `EngineReports.swift`.
  var isReporting = false
  var unreported: [Int] = []

  /// Whether assessments are handed out. Nothing depends on them, so a caller whom nobody asks for them
  /// turns them off and saves the work.
  package var reportsAssessments = true
  /// While true nothing is decided, no alert moves and no deadline fires, since what would be cannot be kept;
  /// events are taken, and what was due fires afterwards.
  package var isHeld = false

  package init(settings: EngineSettings) { self.settings = settings }

  /// The last arrival that it was told. Told an earlier one, it goes on from here; see ``forgetArrival()``.
  package var arrival: Timestamp { now }

  /// What arrives next is believed, however early: the clock before was wrong.
  package mutating func forgetArrival() { now = .min }

  /// Takes other settings; see `EngineReload.swift`. They are given with what was made under them.
  mutating func replace(_ settings: EngineSettings, models: [ModelState]) {
    (self.settings, self.models) = (settings, models)
  }

  /// Models watched now.
  package var modelCount: Int { models.count }

  /// When the next deadline falls due, in arrival time, or something earlier.
  package var nextDeadline: Timestamp? {
    let first = deadlines.first?.deadline
    return silences.nextEnd == .max ? first : min(first ?? .max, silences.nextEnd)
  }

  /// Begins, or goes on after a restart: that nobody was there to hear is no silence, so it counts from here. Cost:
  /// O(models).
  package mutating func settle(at arrival: Timestamp) {
    for index in models.indices { models[index].settle(at: arrival) }
  }

  /// The account of every source, in order of appearance.
  package var sourceReports: [SourceReport] { ledgers.map { $0.report(at: now) } }

  /// Where a source's account stands; nil for one that does not count or is not known.
  package func position(of source: SourceName) -> SequenceNumber? {
    ledgerIndex[source].flatMap { ledgers[$0].position }
  }

  /// Handles one event and appends what is to be done to `effects`.
  ///
  /// - Parameters:
  ///   - arrival: when it arrived; not before that of the events before it.
  ///   - isReliable: it came by the lossless lane, where a number further on than the next is `outOfOrder`
  ///     and not taken, since what is missing will be sent again.
  package mutating func handle(
    _ event: Event, at arrival: Timestamp, isReliable: Bool = false, into effects: inout [Effect]
  ) {
    advance(to: arrival, into: &effects)
    do throws(Remark) {
      let route = try route(of: event.header.origin)
      if tracksChanges { noteChange(ofSource: route.source) }
      do throws(Remark) {
        try enter(event, of: route.source, isReliable, into: &effects)
        try apply(event, by: route, into: &effects)
      } catch {
        if !event.body.isSign && error.reason != .outOfOrder {
          ledgers[route.source].countRejected(error.reason)
        }
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

  /// Handles a report on a decision that asks for an answer, outside of any source's numbering. The last effect
  /// is the answer.
  package mutating func handle(
    _ feedback: Feedback, of header: EventHeader, at arrival: Timestamp, into effects: inout [Effect]
  ) {
    advance(to: arrival, into: &effects)
    do throws(FeedbackAnswer.Refusal) {
      guard !isHeld else { throw .init(.unavailable, "what is reported cannot be kept now: ask again") }
      try apply(feedback, header, into: &effects)
    } catch {
      effects.append(.account(Remark(.feedbackRefused, "\(header.source): \(error.detail)")))
      effects.append(.answer(.refused(error)))
    }
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
    guard !isHeld else { return false }
    if breaker.isOrphaned {
      endOrphanedFeeds(into: &effects)
      return true
    }
    if silences.nextEnd < now, silences.nextEnd <= deadlines.first?.deadline ?? .max {
      endSilences(at: silences.nextEnd, into: &effects)
      return true
    }
    while let (stated, model) = deadlines.first, stated < now {
      let deadline = models[model].deadlineArrival
      guard deadline == stated else {
        deadlines.settle(model, at: deadline)
        continue
      }
      models[model].fireDeadline(ledgers, circumstances, into: &effects)
      noteChange(ofModel: model)
      noteLife(ofModel: model)
      noteAlerts(ofModel: model, DeadlineOccasion(due: now), into: &effects)
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
    ledgers.append(SourceLedger(serial: nextSerial, source: source, at: now))
    nextSerial += 1
    return ledgers.count - 1
  }

  private mutating func enter(
    _ event: Event, of source: Int, _ isReliable: Bool, into effects: inout [Effect]
  ) throws(Remark) {
    if ledgers[source].rivalry.isHeld != isHeld { ledgers[source].rivalry.isHeld = isHeld }
    do throws(Remark) {
      guard event.body.isSign else {
        return try ledgers[source].enter(
          event.header, at: now, start: accountedFrom, isReliable: isReliable, into: &effects)
      }
      switch event.body {
      case .head(let head):
        try ledgers[source].enter(
          head, isEnd: false, event.header, at: now, start: accountedFrom, isReliable: isReliable,
          into: &effects)
      case .bye(let head):
        try ledgers[source].enter(
          head, isEnd: true, event.header, at: now, start: accountedFrom, isReliable: isReliable,
          into: &effects)
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
      if tracksChanges {
        forgottenSources += ledgers.filter { $0.isForgotten(at: now) }.map(\.serial)
      }
      ledgers.removeAll { $0.isForgotten(at: now) }
      if ledgers.count < before { relocateSources() }
      nextSourcePurge = now.advanced(by: Self.sourcePurgeInterval)
    }
    guard ledgers.count < settings.limits.sources else {
      throw Remark(.tooManySources, "limits.sources is \(settings.limits.sources)")
    }
  }

  /// Some sources were forgotten, and the others moved up.
  private mutating func relocateSources() {
    ledgerIndex = Dictionary(ledgers.enumerated().map { ($1.source, $0) }) { first, _ in first }
    let places = Dictionary(ledgers.enumerated().map { ($1.serial, $0) }) { first, _ in first }
    for index in models.indices { models[index].feeds.relocate(places) }
    changedSources = ledgers.indices.filter { ledgers[$0].isChanged }
    routes = RouteTable()
    accountedFrom = now
    hasChanged = true
  }

  // MARK: Changes

  @inline(__always)
  private mutating func noteChange(ofSource index: Int) {
    guard !ledgers[index].isChanged else { return }
    ledgers[index].isChanged = true
    changedSources.append(index)
  }

  @inline(__always)
  mutating func noteChange(ofModel index: Int) {
    if isReporting { noteUnreported(index) }
    guard tracksChanges, !models[index].isChanged else { return }
    models[index].isChanged = true
    changedModels.append(index)
  }

  @inline(__always)
  private mutating func noteHistory(ofModel index: Int) {
    guard tracksChanges, !models[index].isHeard else { return }
    models[index].isHeard = true
    heardModels.append(index)
  }

  /// Knows the model by its open decision.
  @inline(__always)
  mutating func noteLife(ofModel index: Int) {
    guard models[index].isLifeChanged else { return }
    models[index].isLifeChanged = false
    let known = decisionsOfModel[index]
    let now = (open: models[index].life.openDecision, ended: models[index].life.lastEnded)
    for case let gone? in [known?.open, known?.ended] { decisionModels[gone] = nil }
    for case let decision? in [now.open, now.ended] { decisionModels[decision] = index }
    decisionsOfModel[index] = now
  }

  private var circumstances: ModelState.Circumstances {
    .init(
      arrival: now, reporting: reportsAssessments, isHeld: isHeld, keepsHistory: tracksChanges,
      fleet: fleet)
  }

  // MARK: Feedback

  private mutating func apply(
    _ feedback: Feedback, _ header: EventHeader, into effects: inout [Effect]
  ) throws(FeedbackAnswer.Refusal) {
    // A numbered report will not come again, so it is taken also while nothing is decided: what it changes
    // waits, at most a few messages a decision.
    guard let index = decisionModels[feedback.decision] else {
      throw .init(.unknownDecision, "no decision \(feedback.decision.text.prefix(64)) is open")
    }
    do throws(FeedbackAnswer.Refusal) {
      try models[index].take(feedback, header, ledgers, circumstances, into: &effects)
    } catch { throw error }
    noteChange(ofModel: index)
    noteLife(ofModel: index)
    noteAlerts(ofModel: index, header, into: &effects)
    deadlines.update(index, to: models[index].deadlineArrival)
  }

  // MARK: Models

  private mutating func apply(
    _ event: Event, by route: RouteTable.Route, into effects: inout [Effect]
  ) throws(Remark) {
    switch event.body {
    case .head, .bye, .tombstone: return
    case .refused(let remark): throw remark
    case .feedback(let feedback):
      do throws(FeedbackAnswer.Refusal) {
        try apply(feedback, event.header, into: &effects)
      } catch { throw Remark(.feedbackRefused, "\(event.header.source): \(error.detail)") }
      return
    case .metrics, .features, .baseline: break
    }
    let time = eventTime(event.header, of: route.source, into: &effects)
    var known = route.model
    if known == nil { known = try modelIndex(of: event.header.origin, source: route.source, time: time) }
    let index = known!
    if !dormantModels.isEmpty && dormantModels.contains(index) {
      throw Remark(
        .unknownModel, "\(event.header.model) has no entry under models, and unknown_models is reject")
    }
    var before: ModelState.FleetColumns?
    switch event.body {
    case .features(let batch):
      noteText(batch, of: index, into: &effects)
      before = models[index].columns
      if models[index].isStandard {
        noteFeed(ofModel: index, source: route.source, event.header, into: &effects)
      }
    case .baseline(let update):
      if let batch = update.features { noteText(batch, of: index, into: &effects) }
      before = models[index].columns
    default: break
    }
    if let before { try requireColumns(of: event, index, before.held) }
    let outcome = models[index].take(
      event, at: time, of: route.source, ledgers, circumstances, into: &effects)
    if let before { fleet.replace(before, by: models[index].columns) }
    noteChange(ofModel: index)
    noteHistory(ofModel: index)
    noteLife(ofModel: index)
    noteAlerts(ofModel: index, event.header, into: &effects)
    deadlines.update(index, to: outcome.deadline)
    if outcome.isLate {
      ledgers[route.source].countLate()
      effects.append(.account(Remark(.late)))
    }
    if let refusal = outcome.refusal { throw refusal }
  }

  /// Text is judged by preset `standard` alone.
  private func noteText(_ batch: FeatureBatch, of model: Int, into effects: inout [Effect]) {
    if batch.textColumns > 0, !models[model].drift.isStandard {
      effects.append(.account(Remark(.textIgnored)))
    }
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
    var state = ModelState(key: key, settings: modelSettings, engine: settings, time: time, arrival: now)
    state.silences = silences
    models.append(state)
    fleet.replace(.init(), by: state.columns)
    deadlines.append(state.deadlineArrival)
    modelIndex[key] = models.count - 1
    noteVersion(ofModel: models.count - 1) { engine, model in
      // Events without arrivals of their own say nothing of who is silent when.
      guard engine.settings.runsDecisionTimers, engine.models[model].successorSince == .max else { return }
      engine.models[model].successorSince = engine.now
      engine.noteChange(ofModel: model)
      engine.deadlines.update(model, to: engine.models[model].deadlineArrival)
    }
    return models.count - 1
  }

  /// Knows the newest version of each name.
  ///
  /// - Parameter earlier: called for each version that appeared before it.
  mutating func noteVersion(ofModel index: Int, earlier: (inout MonitoringEngine, Int) -> Void = { _, _ in })
  {
    var place = latestVersions.updateValue(Int32(index), forKey: models[index].key.name) ?? -1
    models[index].earlierVersion = place
    while place >= 0 {
      earlier(&self, Int(place))
      place = models[Int(place)].earlierVersion
    }
  }
}
