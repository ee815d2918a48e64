import Decisions
import Events
import Monitoring

// How a model lies in the journal.
extension ModelState {
  /// Of the record. The second adds what preset `standard` has, the third the courses of alerts; each is written only
  /// by models that have any of it, so that an earlier build reads all others.
  private static let version: UInt8 = 3
  private static let standardVersion: UInt8 = 2
  private static let referenceVersion: UInt8 = 1

  private var recordVersion: UInt8 {
    if feed != 0 || isStandard && keep != nil || successorSince != .max || !orphans.isEmpty
      || alerts.slots.contains(where: { alerts[$0].hasCourse })
    {
      return Self.version
    }
    return isStandard ? Self.standardVersion : Self.referenceVersion
  }

  /// All but the feature baseline.
  func encode(to writer: inout StateWriter) {
    let version = recordVersion
    writer.write(version)
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
    if version >= Self.version { writer.write(isStandard) }
    if isStandard { encodeStandard(to: &writer) }
    if version >= Self.version { encodeCourses(to: &writer) }
  }

  private func encodeStandard(to writer: inout StateWriter) {
    performance.encodeStandard(to: &writer)
    writer.write(Array(alerts.metrics.enumerated())) { writer, entry in
      writer.write(performance.metricName(at: entry.offset))
      entry.element.encode(to: &writer)
    }
    alerts.schema.encode(to: &writer)
    drift.encodeStandard(to: &writer)
  }

  /// Of those that have any, by the words for them.
  private func encodeCourses(to writer: inout StateWriter) {
    let courses =
      alerts.slots.filter { alerts[$0].hasCourse }.map { Orphan(word: word(of: $0), policy: alerts[$0]) }
      + orphans
    writer.write(courses) { writer, course in
      writer.write(course.word)
      course.policy.encodeCourse(to: &writer)
    }
    writer.write(successorSince)
    writer.write(isReplaced)
    writer.write(feed)
    writer.write(isStandard ? keep : nil) { $1.encode(to: &$0) }
  }

  /// Of metrics with the name, since places move with the configuration.
  func word(of slot: Alerts.Slot) -> String {
    guard case .metric(let index) = slot else { return slot.monitor.rawValue }
    return "\(slot.monitor.rawValue)/\(performance.metricName(at: index))"
  }

  private mutating func restoreCourses(from reader: inout StateReader) throws(StateError) {
    let slots = Dictionary(alerts.slots.map { (word(of: $0), $0) }) { first, _ in first }
    for _ in 0..<(try reader.read(UInt32.self)) {
      let word = try reader.readText()
      var policy = slots[word].map { alerts[$0] } ?? AlertPolicy()
      try policy.restoreCourse(from: &reader)
      if let slot = slots[word] {
        alerts[slot] = policy
      } else if policy.openEpisode != nil {
        orphans.append(Orphan(word: word, policy: policy))
      }
    }
    successorSince = try reader.readTimestamp()
    isReplaced = try reader.readBool()
    feed = try reader.read(Int64.self)
    keep = try reader.readOptional { (reader) throws(StateError) in try RetrainKeep(from: &reader) }
  }

  /// What an open alert is known by until the next finding, where the record does not say.
  private static func unknown(_ monitor: MonitorKind, metric: String? = nil) -> Finding {
    Finding(
      monitor: monitor, isViolated: true, severity: .high, value: .nan, threshold: .nan, metric: metric,
      score: .nan)
  }

  /// Reads what a model under preset `standard` wrote beside the rest.
  private mutating func restoreStandard(from reader: inout StateReader) throws(StateError) {
    try performance.restoreStandard(from: &reader)
    for _ in 0..<(try reader.read(UInt32.self)) {
      let name = try reader.readText()
      let policy = try AlertPolicy(from: &reader, unknown: Self.unknown(.metric, metric: name))
      for index in alerts.metrics.indices where performance.metricName(at: index) == name {
        alerts.metrics[index] = policy
      }
    }
    alerts.schema = try AlertPolicy(from: &reader, unknown: Self.unknown(.schema))
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
    alerts.accuracy = try AlertPolicy(from: &reader, unknown: Self.unknown(.accuracy))
    alerts.latency = try AlertPolicy(from: &reader, unknown: Self.unknown(.latency))
    alerts.drift = try AlertPolicy(from: &reader, unknown: Self.unknown(.drift))
    alerts.orchestrator = try AlertPolicy(from: &reader, unknown: Self.unknown(.orchestrator))
    alerts.noData = try AlertPolicy(from: &reader, unknown: Self.unknown(.noData))
    feeds = try SourceFeeds(from: &reader)
    history = try HistoryGather(of: key, from: &reader)
    let hasStandard = version >= Self.version ? try reader.readBool() : version == Self.standardVersion
    if hasStandard { try restoreStandard(from: &reader) }
    if version >= Self.version { try restoreCourses(from: &reader) }
    // Parts of a season have their baselines from there.
    if drift.hasBaseline && idle != .min { idleFrom = idle }
    try reader.end()
    orphanRemoved()
    isAlertsChanged = true
    refreshDue()
    // Initialisers do not tell observers.
    refreshDecisionDeadline()
    isLifeChanged = true
  }
}
