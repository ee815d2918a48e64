import Decisions
package import Events

/// The silences in force, shared by all models: whoever changes them makes another.
///
/// At most ``SilenceTable/limit``, so at most 1,000 comparisons an alert that opens or changes, and 1 MiB.
final class SilenceTable: Sendable {
  static let limit = 1_000
  static let empty = SilenceTable([])

  /// In the order in which they were made.
  let silences: [Silence]
  let nextEnd: Timestamp

  init(_ silences: [Silence]) {
    self.silences = silences
    nextEnd = silences.map(\.endsAt).min() ?? .max
  }

  func isSilenced(_ model: ModelKey, _ monitor: MonitorKind, _ severity: Severity) -> Bool {
    silences.contains { $0.matches(model, monitor, severity) }
  }
}

extension MonitoringEngine {
  /// Handles what an operator says of alerts. The last effect is the answer.
  package mutating func handle(
    _ request: SilenceRequest, of header: EventHeader, at arrival: Timestamp, into effects: inout [Effect]
  ) {
    advance(to: arrival, into: &effects)
    do throws(FeedbackAnswer.Refusal) {
      guard !isHeld || request == .list else {
        throw .init(.unavailable, "what is asked cannot be kept now: ask again")
      }
      let answer = try apply(request, header, into: &effects)
      effects.append(.answer(.silences(answer)))
    } catch {
      effects.append(.account(Remark(.silenceRefused, "\(header.source): \(error.detail)")))
      effects.append(.answer(.refused(error)))
    }
  }

  private mutating func apply(
    _ request: SilenceRequest, _ header: EventHeader, into effects: inout [Effect]
  ) throws(FeedbackAnswer.Refusal) -> [Silence] {
    switch request {
    case .list: return silences.silences
    case .create(let id, let terms):
      let silence = try made(id, terms, header)
      replace(silence.id, by: silence, header, into: &effects)
      return [silence]
    case .expire(let id):
      guard let silence = silences.silences.first(where: { $0.id == id }) else {
        throw .init(.unknownSilence, "no silence \(id.prefix(64)) is in force")
      }
      replace(id, by: nil, header, into: &effects)
      return [silence]
    case .resolve(let key):
      try resolve(key, header, into: &effects)
      return []
    }
  }

  private func made(
    _ id: String?, _ terms: Silence.Terms, _ header: EventHeader
  ) throws(FeedbackAnswer.Refusal) -> Silence {
    let ends =
      switch terms.end {
      case .at(let time): time
      case .after(let duration): now.advanced(by: duration)
      }
    guard ends > now, now.duration(to: ends) <= Silence.longest else {
      throw .init(.malformed, "a silence that is over, or of more than a year")
    }
    let id = id ?? settings.digest("si-", [header.source.text, header.id.description])
    let isKnown = silences.silences.contains { $0.id == id }
    guard isKnown || silences.silences.count < SilenceTable.limit else {
      throw .init(.tooManySilences, "\(SilenceTable.limit) silences are in force")
    }
    return Silence(id: id, terms: terms, createdAt: now, endsAt: ends)
  }

  private mutating func replace(
    _ id: String, by silence: Silence?, _ occasion: some Occasion, into effects: inout [Effect]
  ) {
    var list = silences.silences
    let place = list.firstIndex { $0.id == id }
    switch (place, silence) {
    case (let place?, let silence?): list[place] = silence
    case (let place?, nil): list.remove(at: place)
    case (nil, let silence?): list.append(silence)
    case (nil, nil): return
    }
    take(SilenceTable(list), occasion, into: &effects)
  }

  /// Ends the silences that are over by then.
  mutating func endSilences(at time: Timestamp, into effects: inout [Effect]) {
    take(
      SilenceTable(silences.silences.filter { $0.endsAt > time }), DeadlineOccasion(due: time),
      into: &effects)
  }

  private mutating func take(
    _ table: SilenceTable, _ occasion: some Occasion, into effects: inout [Effect]
  ) {
    silences = table
    hasChanged = true
    for index in models.indices { models[index].silences = table }
    // In the order of places, which no history changes.
    for index in openAlerts.models.sorted() {
      models[index].noteFlags(at: now, telling: .silenced, occasion, ledgers, &effects)
      noteChange(ofModel: index)
    }
  }

  // MARK: By hand

  private mutating func resolve(
    _ key: String, _ occasion: some Occasion, into effects: inout [Effect]
  ) throws(FeedbackAnswer.Refusal) {
    let parts = key.split(separator: "/", omittingEmptySubsequences: false).map { part in
      Array(part.utf8).withUnsafeBytes { TopicSegment.decode($0) }
    }
    guard (3...4).contains(parts.count), let name = parts[0].flatMap(ModelName.init),
      let version = parts[1].map({ $0 == "-" ? ModelVersion.none : ModelVersion($0) }) ?? nil,
      let index = modelIndex[ModelKey(name: name, version: version)],
      let slot = models[index].slot(monitor: parts[2] ?? "", metric: parts.count == 4 ? parts[3] : nil),
      models[index].end(slot, .manual, at: now, occasion, ledgers, &effects)
    else { throw .init(.unknownAlert, "no alert \(key.prefix(200)) of a model is open") }
    noteChange(ofModel: index)
    noteAlerts(ofModel: index, occasion, into: &effects)
    deadlines.update(index, to: models[index].deadlineArrival)
  }
}

extension ModelState {
  fileprivate func slot(monitor: String, metric: String?) -> Alerts.Slot? {
    let wanted = metric.map { "\(monitor)/\($0)" } ?? monitor
    return alerts.slots.first { word(of: $0) == wanted }
  }
}
