import Decisions
import Events
import Monitoring

// How a model lies in the journal.
extension ModelState {
  /// Of the record; another one is refused.
  private static let version: UInt8 = 1

  /// All but the feature baseline.
  func encode(to writer: inout StateWriter) {
    writer.write(Self.version)
    key.encode(to: &writer)
    for time in [modelTime, arrivedAt, lastHeard, idleFrom, lastBatch, windowStart] { writer.write(time) }
    performance.encode(to: &writer)
    drift.encode(to: &writer)
    trigger.encode(to: &writer)
    life.encode(to: &writer)
    for policy in [alerts.accuracy, alerts.latency, alerts.drift, alerts.orchestrator, alerts.noData] {
      policy.encode(to: &writer)
    }
    feeds.encode(to: &writer)
    history.encode(to: &writer)
  }

  /// - Parameters:
  ///   - settings: the model's, by the configuration of today.
  ///   - baseline: the one that came as an event; it stands before the configured one.
  init(
    _ record: [UInt8], baseline: [UInt8]?, engine: EngineSettings
  ) throws(StateError) {
    var reader = StateReader(record)
    try reader.readVersion(upTo: Self.version, of: "a model")
    let key = try ModelKey(from: &reader)
    let settings = engine.settings(for: key) ?? engine.defaults
    let modelTime = try reader.readTimestamp()
    let arrivedAt = try reader.readTimestamp()
    self.init(key: key, settings: settings, engine: engine, time: modelTime, arrival: arrivedAt)
    lastHeard = try reader.readTimestamp()
    let idle = try reader.readTimestamp()
    lastBatch = try reader.readTimestamp()
    windowStart = try reader.readTimestamp()
    if let baseline {
      var reader = StateReader(baseline)
      setBaseline(try FeatureBaseline(from: &reader))
      try reader.end()
    }
    if drift.hasBaseline && idle != .min { idleFrom = idle }
    try performance.restore(from: &reader)
    try drift.restore(from: &reader)
    trigger = try RetrainTrigger(policy: settings.retrain, from: &reader)
    life = try RetrainLife(policy: settings.retrain.life, digest: engine.digest, from: &reader)
    alerts = Alerts(
      accuracy: try AlertPolicy(from: &reader), latency: try AlertPolicy(from: &reader),
      drift: try AlertPolicy(from: &reader), orchestrator: try AlertPolicy(from: &reader),
      noData: try AlertPolicy(from: &reader))
    feeds = try SourceFeeds(from: &reader)
    history = try HistoryGather(of: key, from: &reader)
    try reader.end()
    refreshDue()
    // Initialisers do not tell observers.
    refreshDecisionDeadline()
    isLifeChanged = true
  }
}
