import Decisions
import Events

// Ends of alerts that no evaluation brings about: what raised them is gone, or their model is.
extension ModelState {
  /// A version that is silent for so long after the first event of a newer one has been replaced.
  static let replacementSilence = Duration.seconds(600)

  /// An open alert of something that the settings no longer ask for.
  struct Orphan: Sendable {
    var word: String
    var policy: AlertPolicy
  }

  /// When a newer version has replaced this one, on the arrival clock.
  var replacementDeadline: Timestamp {
    guard successorSince != .max, !isReplaced else { return .max }
    return max(successorSince, lastHeard).advanced(by: Self.replacementSilence)
  }

  /// What has nothing left to end it ends at once.
  var removalDeadline: Timestamp {
    (isRetired ? hasOpenAlerts || !orphans.isEmpty : !orphans.isEmpty) ? .min : .max
  }

  mutating func endRemoved(at arrival: Timestamp, _ sources: [SourceLedger], _ effects: inout [Effect]) {
    let occasion = DeadlineOccasion(due: arrival)
    for index in orphans.indices {
      guard let transition = orphans[index].policy.resolve(.ruleRemoved, at: modelTime) else { continue }
      append(transition, of: nil, at: modelTime, occasion, sources, &effects)
    }
    orphans = []
    if isRetired { endAll(.modelRetired, at: arrival, occasion, sources, &effects) }
  }

  mutating func endReplaced(at due: Timestamp, _ sources: [SourceLedger], _ effects: inout [Effect]) {
    isReplaced = true
    endAll(.modelReplaced, at: due, DeadlineOccasion(due: due), sources, &effects)
  }

  private mutating func endAll(
    _ reason: ResolveReason, at arrival: Timestamp, _ occasion: some Occasion, _ sources: [SourceLedger],
    _ effects: inout [Effect]
  ) {
    for slot in alerts.openSlots { end(slot, reason, at: arrival, occasion, sources, &effects) }
  }

  /// - Returns: whether there was anything to end.
  @discardableResult
  mutating func end(
    _ slot: Alerts.Slot, _ reason: ResolveReason, at arrival: Timestamp, _ occasion: some Occasion,
    _ sources: [SourceLedger], _ effects: inout [Effect]
  ) -> Bool {
    let time = slot.judgesModel ? modelTime : arrival
    let settings = slot.judgesModel ? alerting : .immediate
    guard let transition = alerts[slot].resolve(reason, at: time, by: settings) else { return false }
    tell(transition, of: slot, at: time, occasion, sources, &effects)
    return true
  }

  /// See ``MonitoringEngine/settle(at:)``.
  mutating func settle(at arrival: Timestamp) {
    if noDataAfter != nil { lastHeard = max(lastHeard, arrival) }
  }

  /// After it was read back: alerts that the settings of today ask for no more become orphans.
  mutating func orphanRemoved() {
    func orphan(_ slot: Alerts.Slot) {
      guard alerts[slot].openEpisode != nil else { return }
      orphans.append(Orphan(word: word(of: slot), policy: alerts[slot]))
      alerts[slot].forgetEpisode()
    }
    if !isStandard { orphan(.schema) }
    if noDataAfter == nil { orphan(.noData) }
  }
}
