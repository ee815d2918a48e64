import Decisions
import Events
import Monitoring

// How a model lies in the journal.
extension ModelState {
  /// Of the record. The second adds what preset `standard` has, and only its models write it, so that an
  /// earlier build reads all others.
  private static let version: UInt8 = 2
  private static let referenceVersion: UInt8 = 1

  /// All but the feature baseline.
  func encode(to writer: inout StateWriter) {
    writer.write(performance.isStandard ? Self.version : Self.referenceVersion)
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
    guard performance.isStandard else { return }
    performance.encodeStandard(to: &writer)
    writer.write(Array(alerts.metrics.enumerated())) { writer, entry in
      writer.write(performance.metricName(at: entry.offset))
      entry.element.encode(to: &writer)
    }
    alerts.schema.encode(to: &writer)
    drift.encodeStandard(to: &writer)
  }

  /// Reads what a model under preset `standard` wrote beside the rest.
  private mutating func restoreStandard(from reader: inout StateReader) throws(StateError) {
    try performance.restoreStandard(from: &reader)
    for _ in 0..<(try reader.read(UInt32.self)) {
      let name = try reader.readText()
      let policy = try AlertPolicy(from: &reader)
      for index in alerts.metrics.indices where performance.metricName(at: index) == name {
        alerts.metrics[index] = policy
      }
    }
    alerts.schema = try AlertPolicy(from: &reader)
    try drift.restoreStandard(from: &reader)
  }

  /// - Parameters:
  ///   - settings: the model's, by the configuration of today.
  ///   - baseline: the one that came as an event; it stands before the configured one.
  init(
    _ record: [UInt8], baseline: [UInt8]?, engine: EngineSettings
  ) throws(StateError) {
    var reader = StateReader(record)
    let version = try reader.readVersion(upTo: Self.version, of: "a model")
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
      hasOwnBaseline = true
      try reader.end()
    }
    try performance.restore(from: &reader)
    try drift.restore(from: &reader)
    trigger = try RetrainTrigger(policy: settings.retrain, from: &reader)
    life = try RetrainLife(policy: settings.retrain.life, digest: engine.digest, from: &reader)
    alerts.accuracy = try AlertPolicy(from: &reader)
    alerts.latency = try AlertPolicy(from: &reader)
    alerts.drift = try AlertPolicy(from: &reader)
    alerts.orchestrator = try AlertPolicy(from: &reader)
    alerts.noData = try AlertPolicy(from: &reader)
    feeds = try SourceFeeds(from: &reader)
    history = try HistoryGather(of: key, from: &reader)
    if version > Self.referenceVersion { try restoreStandard(from: &reader) }
    // Parts of a season have their baselines from there.
    if drift.hasBaseline && idle != .min { idleFrom = idle }
    try reader.end()
    refreshDue()
    // Initialisers do not tell observers.
    refreshDecisionDeadline()
    isLifeChanged = true
  }
}
