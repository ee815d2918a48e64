package import Events

/// What is published, as a topic and one CloudEvents 1.0 JSON object.
///
/// Its buffers are reused: ``topic`` and ``body`` are valid until the next encode.
package struct PublicationEncoder {
  /// The daemon's name, under which what must not be lost is numbered.
  package let name: SourceName
  /// `NAME.live`, for what only those get who are there.
  package let liveName: SourceName
  private var writer = JSONWriter()
  package private(set) var topic: [UInt8] = []
  package var body: [UInt8] { writer.bytes }

  /// Bytes that ``liveName`` is longer than ``name``.
  package static let liveSuffixBytes = 5

  /// - Parameter name: at most ``SourceName/maximumEncodedBytes`` less ``liveSuffixBytes`` long.
  package init(name: SourceName) {
    self.name = name
    liveName = SourceName(name.text + ".live")!
  }

  /// The last part of the topic, and the `source`, of an output.
  package func source(of output: Output) -> SourceName { output.isOnDemand ? liveName : name }

  /// Writes ``topic`` alone, for something of no model: `<kind>/-/-/<source>`.
  package mutating func encodeTopic(_ kind: FramedHeader.Kind, of source: SourceName) {
    encodeTopic(kind, .unspecified, source)
  }

  private mutating func encodeTopic(_ kind: FramedHeader.Kind, _ model: ModelKey, _ source: SourceName) {
    topic.removeAll(keepingCapacity: true)
    topic.append(contentsOf: kind.word.utf8)
    for segment in [model.name.text, model.version.text, source.text] {
      topic.append(UInt8(ascii: "/"))
      TopicSegment.append(segment, to: &topic)
    }
  }

  /// Writes ``topic`` alone: `<kind>/<model>/<version>/<source>`.
  package mutating func encodeTopic(of publication: Publication) {
    encodeTopic(publication.output.kind, publication.model, source(of: publication.output))
  }

  /// Writes ``body``.
  ///
  /// - Parameters:
  ///   - now: when it is sent; nil where it is not, as in a replay.
  ///   - isRepeat: what caused it was said before, and is left out.
  package mutating func encodeBody(
    of publication: Publication, at now: Timestamp? = nil, isRepeat: Bool = false
  ) {
    writer.removeAll()
    let type = publication.output.type
    let source = source(of: publication.output).text
    writer.object { writer in
      writer.member("specversion", "1.0")
      writer.member("type", type)
      writer.member("source", source)
      writer.member("id", publication.identifier)
      writer.key("time")
      writer.time(publication.time)
      if publication.isAboutModel { writer.member("subject", publication.model.name.text) }
      if publication.model.version != .none {
        writer.member("modelversion", publication.model.version.text)
      }
      if let correlation = publication.correlation { writer.member("correlationid", correlation) }
      if !isRepeat { publication.cause.write(to: &writer) }
      writer.member("datacontenttype", "application/json")
      writer.object("data") { writer in
        switch publication.output {
        case .performance(let assessment): assessment.write(to: &writer)
        case .drift(let assessment): assessment.write(to: &writer)
        case .retrain(let assessment): assessment.write(to: &writer)
        case .keep(let keep): keep.write(to: &writer)
        case .alert(let transition): transition.write(to: &writer, of: publication.model, at: now)
        case .decision(let decision): decision.write(to: &writer, of: publication)
        case .decisionChange(let change): change.write(to: &writer, of: publication)
        }
      }
    }
  }
}

extension Cause {
  fileprivate func write(to writer: inout JSONWriter) {
    switch self {
    case .event(_, let id, let traceParent):
      writer.member("causationid", id.description)
      if let traceParent { writer.member("traceparent", traceParent) }
    case .timer(let deadline): writer.member("causationid", Identity.timer(deadline))
    }
  }
}

extension Output {
  /// Its kind on the wire, whose word is the first part of the topic.
  package var kind: FramedHeader.Kind {
    switch self {
    case .performance, .drift, .retrain, .keep: .assessment
    case .alert: .alert
    case .decision, .decisionChange: .decision
    }
  }

  /// Whether it is sent only to those who subscribe, and encoded only then.
  package var isOnDemand: Bool {
    switch self {
    case .performance, .drift, .retrain, .keep: true
    case .alert, .decision, .decisionChange: false
    }
  }

  /// The CloudEvents type.
  var type: String {
    switch self {
    case .performance: "tidemark.assessment.performance.v1"
    case .drift: "tidemark.assessment.drift.v1"
    case .retrain: "tidemark.assessment.retrain.v1"
    case .keep: "tidemark.assessment.keep.v1"
    case .alert(let transition): "tidemark.alert.\(transition.change.rawValue).v1"
    case .decision: "tidemark.decision.retrain.issued.v1"
    case .decisionChange(let change): "tidemark.decision.retrain.\(change.state.rawValue).v1"
    }
  }
}

extension Publication {
  /// Rather than about a source.
  fileprivate var isAboutModel: Bool {
    guard case .alert(let transition) = output else { return true }
    return transition.finding.source == nil
  }

  fileprivate var identifier: String {
    switch output {
    case .performance, .drift, .retrain, .keep: Identity.assessment(output.type, of: self)
    case .alert(let transition): "\(transition.episodeID(of: model)).\(transition.episode.revision)"
    case .decision(let decision): decision.identifier
    case .decisionChange(let change): change.identifier
    }
  }

  /// What ties together the events of one alert or decision.
  package var correlation: String? {
    switch output {
    case .alert(let transition): transition.episodeID(of: model)
    case .decision(let decision): decision.id.text
    case .decisionChange(let change): change.decision.text
    case .performance, .drift, .retrain, .keep: nil
    }
  }
}

extension StaticString {
  fileprivate var utf8: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
  }
}

extension JSONWriter {
  package mutating func time(_ time: Timestamp) { string(RFC3339.string(time)) }
}

// MARK: Sources

extension PublicationEncoder {
  /// Sources in one message; an entry has about 300 bytes.
  package static let sourcesPerMessage = 256

  /// Writes ``topic`` and ``body`` of one part of the account of sources (`tidemark.status.sources.v1`).
  ///
  /// - Parameters:
  ///   - part: from 1 to `parts`.
  ///   - received: messages of all sources, and of these the refused.
  package mutating func encodeSources(
    _ sources: some Collection<SourceReport>, part: Int, of parts: Int, at time: Timestamp, since: Timestamp,
    received: UInt64, rejected: UInt64
  ) {
    encodeTopic(.status, of: liveName)
    let source = liveName.text
    writer.removeAll()
    writer.object { writer in
      writer.member("specversion", "1.0")
      writer.member("type", "tidemark.status.sources.v1")
      writer.member("source", source)
      writer.member("id", "sources-\(time.nanoseconds)-\(part)")
      writer.key("time")
      writer.time(time)
      writer.member("datacontenttype", "application/json")
      writer.object("data") { writer in
        writer.member("part", part)
        writer.member("parts", parts)
        writer.key("since")
        writer.time(since)
        writer.member("received", received)
        writer.member("rejected", rejected)
        writer.array("sources", sources) { writer, report in report.write(to: &writer) }
      }
    }
  }
}

/// How the journal does, for the status.
package struct JournalReport: Sendable {
  /// `ok`, `failing` or `off`.
  package var state: String
  package var since: Timestamp
  package var detail: String?
  /// Outputs that are not stored yet, and so not sent.
  package var waiting: Int
  package var commits: UInt64
  /// On disk; nil without a journal.
  package var bytes: Int64?
  package var lastCommit: Timestamp?

  package init(
    state: String, since: Timestamp, detail: String?, waiting: Int, commits: UInt64, bytes: Int64?,
    lastCommit: Timestamp?
  ) {
    self.state = state
    self.since = since
    self.detail = detail
    self.waiting = waiting
    self.commits = commits
    self.bytes = bytes
    self.lastCommit = lastCommit
  }
}

extension PublicationEncoder {
  /// Writes ``topic`` and ``body`` of how the journal does (`tidemark.status.journal.v1`).
  package mutating func encodeJournal(_ report: JournalReport, at time: Timestamp) {
    encodeTopic(.status, of: liveName)
    let source = liveName.text
    writer.removeAll()
    writer.object { writer in
      writer.member("specversion", "1.0")
      writer.member("type", "tidemark.status.journal.v1")
      writer.member("source", source)
      writer.member("id", "journal-\(time.nanoseconds)")
      writer.key("time")
      writer.time(time)
      writer.member("datacontenttype", "application/json")
      writer.object("data") { writer in
        writer.member("state", report.state)
        writer.key("since")
        writer.time(report.since)
        writer.member("detail", report.detail)
        writer.member("outputs_waiting", report.waiting)
        writer.member("commits", report.commits)
        writer.key("bytes")
        if let bytes = report.bytes { writer.integer(bytes) } else { writer.null() }
        writer.key("last_commit")
        if let last = report.lastCommit { writer.time(last) } else { writer.null() }
      }
    }
  }
}

extension SourceReport {
  /// As one JSON object.
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("source", source.text)
      // 64 bits: more than a JSON number is sure to carry.
      writer.member("epoch", position.map { String($0.epoch) })
      writer.member("sequence", position.map { String($0.number) })
      writer.member("received", counts.received)
      writer.member("rejected", counts.rejected)
      writer.object("rejected_by") { writer in
        for (reason, count) in counts.rejectedBy.sorted(by: { $0.key.index < $1.key.index }) {
          writer.member(reason.rawValue, count)
        }
      }
      writer.member("lost", counts.lost)
      writer.member("duplicate", counts.duplicate)
      writer.member("stale", counts.stale)
      writer.member("late", counts.late)
      writer.member("unsequenced", counts.unsequenced)
      writer.member("restarts", counts.restarts)
      writer.member("dropped", counts.dropped)
      writer.member("state", state.rawValue)
      writer.key("last_heard")
      writer.time(lastHeard)
      writer.member("clock_offset_ms", clockOffset.map { $0.secondsValue * 1e3 })
    }
  }
}

// MARK: Data of each kind

extension PerformanceAssessment {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("status", status.rawValue)
    var breaches: [(monitor: MonitorKind, metric: String?, breach: Breach?)] = [
      (.accuracy, nil, accuracyBreach), (.latency, nil, latencyBreach),
    ]
    breaches += metricBreaches.map { (.metric, $0.name, $0.breach) }
    writer.array("alerts", breaches) { writer, entry in
      guard let breach = entry.breach else { return }
      writer.object { writer in
        writer.member("type", entry.monitor.alertType)
        if let metric = entry.metric { writer.member("metric", metric) }
        writer.member("current", breach.current)
        writer.member("threshold", breach.threshold)
        writer.member("severity", breach.severity.rawValue)
      }
    }
    writer.member("recent_accuracy", recentAccuracy)
    writer.member("recent_latency_ms", recentLatencyMilliseconds)
    writer.member("total_measurements", totalMeasurements)
    writer.object("trend") { writer in
      writer.member("accuracy", trend.accuracy.rawValue)
      writer.member("latency", trend.latency.rawValue)
      writer.member("recent_accuracy", trend.accuracyMeans?.recent)
      writer.member("older_accuracy", trend.accuracyMeans?.older)
      writer.member("recent_latency_ms", trend.latencyMeans?.recent)
      writer.member("older_latency_ms", trend.latencyMeans?.older)
    }
    if !watches.isEmpty { writer.array("monitors", watches) { $1.write(to: &$0) } }
  }
}

extension RetrainAssessment {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("should_retrain", shouldRetrain)
    writer.member("severity_score", severityScore)
    writeReasons(to: &writer)
    writeConstraints(to: &writer)
    writer.member("time_since_last_retrain_s", sinceLastRetrain.secondsValue)
    writer.key("next_allowed_retrain")
    writer.time(nextAllowedRetrain)
  }

  func writeReasons(to writer: inout JSONWriter) {
    writer.array("trigger_reasons", reasons) { $0.string($1.text) }
  }

  func writeConstraints(to writer: inout JSONWriter) {
    writer.object("constraints") { writer in
      writer.member("accuracy_trigger", constraints.accuracyTrigger)
      writer.member("drift_trigger", constraints.driftTrigger)
      writer.member("time_trigger", constraints.timeTrigger)
      writer.member("min_time_satisfied", constraints.isMinimumTimeSatisfied)
      if constraints.isHeld { writer.member("held", true) }
    }
  }
}
