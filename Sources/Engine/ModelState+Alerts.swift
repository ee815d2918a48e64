import Decisions
import Events
import Monitoring

// The alerts of one model: which there are, what they are told, what is known of them beside.
extension ModelState {
  struct Alerts: Sendable {
    var accuracy = AlertPolicy()
    var latency = AlertPolicy()
    var drift = AlertPolicy()
    var schema = AlertPolicy()
    /// Of business metrics, in the monitor's order.
    var metrics: [AlertPolicy] = []
    var orchestrator = AlertPolicy()
    var noData = AlertPolicy()

    enum Slot: Hashable {
      case accuracy
      case latency
      case drift
      case schema
      case metric(Int)
      case orchestrator
      case noData

      var monitor: MonitorKind {
        switch self {
        case .accuracy: .accuracy
        case .latency: .latency
        case .drift: .drift
        case .schema: .schema
        case .metric: .metric
        case .orchestrator: .orchestrator
        case .noData: .noData
        }
      }

      /// Whether it judges what a model sends, by model time, rather than what does not come, by arrival.
      var judgesModel: Bool { self != .orchestrator && self != .noData }
    }

    var slots: [Slot] {
      [.accuracy, .latency, .drift, .schema] + metrics.indices.map(Slot.metric) + [.orchestrator, .noData]
    }

    subscript(slot: Slot) -> AlertPolicy {
      get {
        switch slot {
        case .accuracy: accuracy
        case .latency: latency
        case .drift: drift
        case .schema: schema
        case .metric(let index): metrics[index]
        case .orchestrator: orchestrator
        case .noData: noData
        }
      }
      set {
        switch slot {
        case .accuracy: accuracy = newValue
        case .latency: latency = newValue
        case .drift: drift = newValue
        case .schema: schema = newValue
        case .metric(let index): metrics[index] = newValue
        case .orchestrator: orchestrator = newValue
        case .noData: noData = newValue
        }
      }
    }

    var openSlots: [Slot] { slots.filter { self[$0].openEpisode != nil } }
  }

  // MARK: What is found

  /// Takes what a monitor of the model found.
  mutating func raise(
    _ finding: Finding?, in slot: Alerts.Slot, _ occasion: some Occasion, _ sources: [SourceLedger],
    _ circumstances: Circumstances, _ effects: inout [Effect]
  ) {
    guard let finding, !circumstances.isHeld else { return }
    let transition: AlertTransition? =
      switch slot {
      // In place: a copy of what is open would cost an allocation an event.
      case .accuracy: alerts.accuracy.observe(finding, at: modelTime, by: alerting)
      case .latency: alerts.latency.observe(finding, at: modelTime, by: alerting)
      case .drift: alerts.drift.observe(finding, at: modelTime, by: alerting)
      case .schema: alerts.schema.observe(finding, at: modelTime, by: alerting)
      case .metric(let index): alerts.metrics[index].observe(finding, at: modelTime, by: alerting)
      case .orchestrator, .noData: nil
      }
    guard let transition else { return }
    tell(transition, of: slot, at: modelTime, occasion, sources, &effects)
  }

  /// Publishes what became of an alert, and what follows from it for others.
  mutating func tell(
    _ transition: AlertTransition, of slot: Alerts.Slot, at time: Timestamp, _ occasion: some Occasion,
    _ sources: [SourceLedger], _ effects: inout [Effect]
  ) {
    var transition = transition
    // One that ends is told as it was.
    if transition.change != .resolved {
      let flags = flags(of: slot)
      _ = alerts[slot].note(flags, telling: [])
      transition.flags = flags.union(transition.flags.intersection(.flapping))
    }
    append(transition, of: slot, at: time, occasion, sources, &effects)
    if slot == .noData || slot == .schema, transition.change != .updated {
      noteFlags(at: time, telling: isStandard ? [.stale, .inhibited] : [], occasion, sources, &effects)
    }
  }

  /// - Parameter slot: nil for one that nothing judges any more.
  mutating func append(
    _ transition: AlertTransition, of slot: Alerts.Slot?, at time: Timestamp, _ occasion: some Occasion,
    _ sources: [SourceLedger], _ effects: inout [Effect]
  ) {
    isAlertsChanged = true
    var transition = transition
    transition.circumstances = alertCircumstances(of: slot, sources)
    effects.append(
      .publish(Publication(model: key, time: time, cause: occasion.cause, output: .alert(transition))))
  }

  func alertCircumstances(
    of slot: Alerts.Slot?, _ sources: [SourceLedger]
  ) -> AlertTransition.Circumstances {
    var circumstances = AlertTransition.Circumstances()
    circumstances.clearScore = slot?.judgesModel ?? true ? alerting.clearRatio : 1
    circumstances.ruleRevision = ruleRevision
    circumstances.coverage = feeds.coverage(sources)
    circumstances.validFor = validFor
    return circumstances
  }

  // MARK: What is known beside

  var isStandard: Bool { performance.isStandard }

  /// What other alerts of this model say of one.
  func flags(of slot: Alerts.Slot) -> AlertFlags {
    var flags: AlertFlags = []
    if alerts.noData.openEpisode != nil, slot.judgesModel {
      flags.insert(.stale)
      if slot == .drift { flags.insert(.inhibitedByNoData) }
    }
    if slot == .drift, alerts.schema.openEpisode != nil { flags.insert(.inhibitedBySchema) }
    if !silences.silences.isEmpty, let episode = alerts[slot].openEpisode,
      silences.isSilenced(key, slot.monitor, episode.severity)
    {
      flags.insert(.silenced)
    }
    return flags
  }

  /// Whether drift follows from something else: then it is no reason to retrain.
  var isDriftInhibited: Bool {
    isStandard && !flags(of: .drift).isDisjoint(with: .inhibited)
  }

  /// Brings the flags of what is open up to date.
  ///
  /// - Parameter telling: the flags whose change is published. Preset `reference` tells of none that its own alerts
  ///   lead to, so that its transitions are those of its rules alone.
  mutating func noteFlags(
    at time: Timestamp, telling: AlertFlags, _ occasion: some Occasion, _ sources: [SourceLedger],
    _ effects: inout [Effect]
  ) {
    for slot in alerts.openSlots {
      guard let transition = alerts[slot].note(flags(of: slot), telling: telling) else { continue }
      append(transition, of: slot, at: slot.judgesModel ? modelTime : time, occasion, sources, &effects)
    }
  }
}
