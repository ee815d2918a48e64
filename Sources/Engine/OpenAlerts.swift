package import Events

/// Which models have an alert open, so that whoever tells of them again does not ask all.
///
/// Cost: O(1) a change; memory: about 40 bytes a model that has one.
struct OpenAlerts: Sendable {
  private(set) var models: [Int] = []
  private var places: [Int: Int] = [:]

  mutating func set(_ model: Int, isOpen: Bool) {
    guard isOpen != (places[model] != nil) else { return }
    guard let place = places.removeValue(forKey: model) else {
      places[model] = models.count
      models.append(model)
      return
    }
    let last = models.removeLast()
    guard place < models.count else { return }
    models[place] = last
    places[last] = place
  }
}

extension MonitoringEngine {
  /// The places of models with something open, in no order.
  package var modelsWithOpenAlerts: [Int] { openAlerts.models }

  /// What is open of one model, as it was last published, with what was found since.
  ///
  /// - Parameter model: its place; one that there is not has nothing open.
  package func standingAlerts(ofModel model: Int) -> [Publication] {
    models.indices.contains(model) ? models[model].standingAlerts(ledgers) : []
  }

  /// The same of alerts that are about no model. Cost: O(sources).
  package var standingAlertsOfSources: [Publication] {
    ledgers.compactMap(\.standingAlert) + standingFleetAlerts
  }

  /// Keeps the index of what is open.
  @inline(__always)
  mutating func noteAlerts(ofModel index: Int) {
    guard models[index].isAlertsChanged else { return }
    models[index].isAlertsChanged = false
    openAlerts.set(index, isOpen: models[index].hasOpenAlerts)
  }

  /// The same, with what follows for its feed.
  @inline(__always)
  mutating func noteAlerts(ofModel index: Int, _ occasion: some Occasion, into effects: inout [Effect]) {
    guard models[index].isAlertsChanged else { return }
    noteAlerts(ofModel: index)
    noteFleet(ofModel: index, occasion, into: &effects)
  }
}

extension ModelState {
  var hasOpenAlerts: Bool { alerts.slots.contains { alerts[$0].openEpisode != nil } }

  func standingAlerts(_ sources: [SourceLedger]) -> [Publication] {
    alerts.openSlots.compactMap { slot in
      guard var standing = alerts[slot].standing else { return nil }
      standing.flags.formUnion(flags(of: slot))
      standing.circumstances = alertCircumstances(of: slot, sources)
      return Publication(
        model: key, time: standing.evaluatedAt, cause: .timer(standing.evaluatedAt),
        output: .alert(standing))
    }
  }
}

extension SourceLedger {
  fileprivate var standingAlert: Publication? {
    guard var standing = rivalry.standing else { return nil }
    standing.finding.source = source
    return Publication(
      model: .unspecified, time: standing.evaluatedAt, cause: .timer(standing.evaluatedAt),
      output: .alert(standing))
  }
}
