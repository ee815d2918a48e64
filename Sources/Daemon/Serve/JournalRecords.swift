import Engine
import Events
import Journal

extension JournalTransaction {
  /// Messages with the state that they follow from.
  init(messages: [StoredMessage], decisions: [DecisionRecord], _ changes: EngineChanges) {
    self.init()
    self.messages = messages
    self.decisions = decisions
    (states, metrics, drift) = (changes.records, changes.metrics, changes.drift)
  }
}

extension DecisionRecord {
  /// What the journal keeps of a decision, or of what became of it; nil for other outputs.
  init?(_ publication: Publication) {
    switch publication.output {
    case .decision(let decision):
      self.init(
        id: decision.id.text, model: publication.model.name.text, version: publication.model.version.text,
        issuedAt: publication.time, state: (decision.isDryRun ? DecisionState.proposed : .issued).rawValue,
        attempt: decision.attempt, revision: decision.revision, owner: nil,
        reasons: decision.assessment.reasons.map(\.code).joined(separator: ","),
        coverage: decision.coverage, changedAt: publication.time, isFinal: decision.isDryRun)
    case .decisionChange(let change):
      self.init(
        id: change.decision.text, model: publication.model.name.text,
        version: publication.model.version.text, issuedAt: nil, state: change.state.rawValue,
        attempt: change.attempt, revision: change.revision, owner: change.owner, reasons: nil, coverage: nil,
        changedAt: change.at, isFinal: change.isFinal)
    case .performance, .drift, .retrain, .keep, .alert: return nil
    }
  }
}
