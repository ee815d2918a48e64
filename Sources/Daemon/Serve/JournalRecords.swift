import Engine
import Events
import Journal

extension JournalTransaction {
  /// Messages with the state that they follow from.
  init(messages: [StoredMessage], decisions: [DecisionRecord], _ changes: EngineChanges) {
    self.init()
    self.messages = messages
    self.decisions = decisions
    states = changes.records.map { Journal.StateRecord(kind: $0.kind, key: $0.key, value: $0.value) }
    metrics = changes.metrics.map { sample in
      Journal.MetricsSample(
        model: sample.model.name.text, version: sample.model.version.text, time: sample.time,
        accuracy: sample.accuracy.map(Journal.SampleSummary.init),
        latency: sample.latency.map(Journal.SampleSummary.init))
    }
    drift = changes.drift.map { sample in
      Journal.DriftSample(
        model: sample.model.name.text, version: sample.model.version.text, time: sample.time,
        batches: sample.batches, maximumScore: sample.maximumScore, drifted: sample.driftedCount,
        features: 0, severity: sample.severity)
    }
  }
}

extension Journal.SampleSummary {
  init(_ s: Events.SampleSummary) {
    self.init(count: s.count, minimum: s.minimum, maximum: s.maximum, mean: s.mean)
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
        version: publication.model.version.text, issuedAt: .min, state: change.state.rawValue,
        attempt: change.attempt, revision: change.revision, owner: change.owner, reasons: "", coverage: nil,
        changedAt: change.at, isFinal: change.isFinal)
    case .performance, .drift, .retrain, .alert: return nil
    }
  }
}
