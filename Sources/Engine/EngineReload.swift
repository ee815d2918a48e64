package import Events

extension MonitoringEngine {
  /// Goes on under other settings, with everything that it knows.
  ///
  /// Sources, clocks and places stay as they are. Each model is written down and read back under the new
  /// settings, as a restart does with what the journal holds, so a reload and a restart with the same file
  /// come to the same: alerts, decisions and their timers go on, new thresholds hold from the next
  /// evaluation, shorter histories keep the latest, baselines that came as events or were learned stand
  /// before configured ones. A model that the new settings reject is kept and left alone, but for its open
  /// alerts, which the next deadline ends; one that they take
  /// again goes on, and its deadlines that passed fire.
  ///
  /// Nothing is caused by it. Cost: O(models), 2 to 3 times ``takeChanges(withHistory:)`` of all of them; the
  /// old models are held until the new ones are complete.
  ///
  /// - Throws: when a model cannot be made anew, which would be a fault of this build; then nothing has
  ///   changed.
  package mutating func reload(_ settings: EngineSettings) throws(StateError) {
    var settings = settings
    settings.runsDecisionTimers = self.settings.runsDecisionTimers
    let places = Dictionary(ledgers.enumerated().map { ($1.serial, $0) }) { first, _ in first }
    var remade: [ModelState] = []
    remade.reserveCapacity(models.count)
    var altered: [Int] = []
    for index in models.indices {
      let (model, isAltered) = try models[index].remade(under: settings, places)
      remade.append(model)
      if isAltered { altered.append(index) }
    }
    replace(settings, models: remade)
    for index in altered { noteChange(ofModel: index) }
    relist()
  }

  /// Makes anew what is known of all models together.
  private mutating func relist() {
    breaker.isOrphaned = !settings.fleet.isOn && breaker.feeds.values.contains(where: \.isOpen)
    fleet = ModelState.FleetColumns()
    deadlines = DeadlineQueue()
    dormantModels = []
    for index in models.indices {
      fleet.replace(.init(), by: models[index].columns)
      let isDormant = settings.settings(for: models[index].key) == nil
      if isDormant { dormantModels.insert(index) }
      models[index].isRetired = isDormant
      models[index].silences = silences
      deadlines.append(models[index].deadlineArrival)
      noteLife(ofModel: index)
      noteAlerts(ofModel: index)
    }
  }
}

extension ModelState {
  /// This model under other settings, and whether a checkpoint has to be told: what it would write is
  /// another.
  fileprivate func remade(
    under settings: EngineSettings, _ places: [Int64: Int]
  ) throws(StateError) -> (ModelState, isAltered: Bool) {
    let record = encoded { encode(to: &$0) }
    let baseline =
      hasOwnBaseline ? drift.baseline.map { baseline in encoded { baseline.encode(to: &$0) } } : nil
    var model = try ModelState(record, baseline: baseline, engine: settings)
    model.feeds.relocate(places)
    (model.earlierVersion, model.isBroken, model.isFleetHeld) = (earlierVersion, isBroken, isFleetHeld)
    (model.isChanged, model.isHeard) = (isChanged, isHeard)
    if isBaselineChanged { model.isBaselineChanged = true }
    return (model, model.encoded { model.encode(to: &$0) } != record)
  }

  private func encoded(_ body: (inout StateWriter) -> Void) -> [UInt8] {
    var writer = StateWriter()
    body(&writer)
    return writer.bytes
  }
}
