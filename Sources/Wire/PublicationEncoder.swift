package import Events

/// The plain encoding, out: a ``Publication`` becomes a topic and one CloudEvents 1.0 JSON object.
///
/// Its buffers are reused: ``topic`` and ``body`` are valid until the next encode.
package struct PublicationEncoder {
  private let source: SourceName
  private var writer = JSONWriter()
  package private(set) var topic: [UInt8] = []
  package var body: [UInt8] { writer.bytes }

  /// - Parameter source: the daemon's name, the last part of every topic.
  package init(source: SourceName) { self.source = source }

  /// Writes ``topic`` alone: `<kind>/<model>/<version>/<source>`.
  package mutating func encodeTopic(of publication: Publication) {
    topic.removeAll(keepingCapacity: true)
    topic.append(contentsOf: publication.output.topicKind.utf8)
    for segment in [publication.model.name.text, publication.model.version.text, source.text] {
      topic.append(UInt8(ascii: "/"))
      TopicSegment.append(segment, to: &topic)
    }
  }

  /// Writes ``body``.
  package mutating func encodeBody(of publication: Publication) {
    writer.removeAll()
    let type = publication.output.type
    writer.object { writer in
      writer.member("specversion", "1.0")
      writer.member("type", type)
      writer.member("source", source.text)
      writer.member("id", publication.identifier)
      writer.key("time")
      writer.time(publication.time)
      writer.member("subject", publication.model.name.text)
      if publication.model.version != .none {
        writer.member("modelversion", publication.model.version.text)
      }
      if let correlation = publication.correlation { writer.member("correlationid", correlation) }
      switch publication.cause {
      case .event(_, let id, let traceParent):
        writer.member("causationid", id)
        if let traceParent { writer.member("traceparent", traceParent) }
      case .timer(let deadline): writer.member("causationid", Identity.timer(deadline))
      }
      writer.member("datacontenttype", "application/json")
      writer.object("data") { writer in
        switch publication.output {
        case .performance(let assessment): assessment.write(to: &writer)
        case .drift(let assessment): assessment.write(to: &writer)
        case .retrain(let assessment): assessment.write(to: &writer)
        case .alert(let transition): transition.write(to: &writer, of: publication)
        case .decision(let decision): decision.write(to: &writer, of: publication)
        }
      }
    }
  }
}

extension Output {
  /// The first part of the topic.
  package var topicKind: StaticString {
    switch self {
    case .performance, .drift, .retrain: "assessment"
    case .alert: "alert"
    case .decision: "decision"
    }
  }

  /// Whether it is sent only to those who subscribe, and encoded only then.
  package var isOnDemand: Bool {
    switch self {
    case .performance, .drift, .retrain: true
    case .alert, .decision: false
    }
  }

  /// The CloudEvents type.
  var type: String {
    switch self {
    case .performance: "tidemark.assessment.performance.v1"
    case .drift: "tidemark.assessment.drift.v1"
    case .retrain: "tidemark.assessment.retrain.v1"
    case .alert(let transition): "tidemark.alert.\(transition.change.rawValue).v1"
    case .decision: "tidemark.decision.retrain.issued.v1"
    }
  }
}

extension Publication {
  fileprivate var identifier: String {
    switch output {
    case .performance, .drift, .retrain: Identity.assessment(output.type, of: self)
    case .alert(let transition): "\(episodeID(of: transition)).\(transition.episode.revision)"
    case .decision(let decision): Identity.decision(decision, of: self)
    }
  }

  /// What ties together the events of one alert; a decision is its own.
  fileprivate var correlation: String? {
    guard case .alert(let transition) = output else { return nil }
    return episodeID(of: transition)
  }

  fileprivate func episodeID(of transition: AlertTransition) -> String {
    Identity.episode(
      transition.finding.monitor, ordinal: transition.episode.ordinal, openedAt: transition.episode.openedAt,
      of: model)
  }
}

extension StaticString {
  fileprivate var utf8: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
  }
}

extension JSONWriter {
  mutating func time(_ time: Timestamp) { string(RFC3339.string(time)) }
}

// MARK: Data of each kind

extension PerformanceAssessment {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("status", status.rawValue)
    let breaches = [(MonitorKind.accuracy, accuracyBreach), (.latency, latencyBreach)]
    writer.array("alerts", breaches) { writer, entry in
      guard let breach = entry.1 else { return }
      writer.object { writer in
        writer.member("type", entry.0.alertType)
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
  }
}

extension DriftAssessment {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("drift_detected", isDrifted)
    writer.member("drift_severity", severity.rawValue)
    writer.member("max_drift_score", maximumScore)
    writer.array("per_feature", features.enumerated()) { writer, entry in
      writer.object { writer in
        writer.member("name", name(of: entry.offset))
        writer.member("drift_detected", entry.element.isDrifted)
        writer.member("drift_score", entry.element.score)
        writer.member("baseline_mean", entry.element.baselineMean)
        writer.member("new_mean", entry.element.newMean)
      }
    }
    writer.object("summary") { writer in
      writer.member("total_features", features.count)
      writer.member("drifted_features", driftedCount)
      writer.member("drift_percentage", Double(driftedCount) / Double(features.count) * 100)
    }
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

  fileprivate func writeReasons(to writer: inout JSONWriter) {
    writer.array("trigger_reasons", reasons) { $0.string($1.text) }
  }

  fileprivate func writeConstraints(to writer: inout JSONWriter) {
    writer.object("constraints") { writer in
      writer.member("accuracy_trigger", constraints.accuracyTrigger)
      writer.member("drift_trigger", constraints.driftTrigger)
      writer.member("time_trigger", constraints.timeTrigger)
      writer.member("min_time_satisfied", constraints.isMinimumTimeSatisfied)
    }
  }
}

extension AlertTransition {
  fileprivate func write(to writer: inout JSONWriter, of publication: Publication) {
    var key: [UInt8] = []
    TopicSegment.append(publication.model.name.text, to: &key)
    key.append(UInt8(ascii: "/"))
    TopicSegment.append(publication.model.version.text, to: &key)
    key.append(contentsOf: "/\(finding.monitor.rawValue)".utf8)
    writer.member("alert_key", String(decoding: key, as: UTF8.self))
    writer.member("episode_id", publication.episodeID(of: self))
    writer.member("rev", episode.revision)
    writer.member("monitor", finding.monitor.rawValue)
    writer.member("type", finding.monitor.alertType)
    writer.member("state", change == .resolved ? "resolved" : "firing")
    writer.member("severity", episode.severity.rawValue)
    writer.key("opened_at")
    writer.time(episode.openedAt)
    writer.member("value", finding.value)
    writer.member("threshold", finding.threshold)
    writer.array("top_k", finding.topFeatures) { writer, feature in
      writer.object { writer in
        writer.member("name", feature.name)
        writer.member("drift_score", feature.score)
      }
    }
  }
}

extension RetrainDecision {
  fileprivate func write(to writer: inout JSONWriter, of publication: Publication) {
    writer.member("decision_id", Identity.decision(self, of: publication))
    writer.member("model", publication.model.name.text)
    writer.member("version", publication.model.version.text)
    writer.key("issued_at")
    writer.time(publication.time)
    writer.array("reason_codes", assessment.reasons) { $0.string($1.code) }
    assessment.writeReasons(to: &writer)
    writer.member("severity_score", assessment.severityScore)
    assessment.writeConstraints(to: &writer)
    writer.array("episodes", episodes) { writer, episode in
      writer.string(
        Identity.episode(
          episode.monitor, ordinal: episode.ordinal, openedAt: episode.openedAt, of: publication.model))
    }
    writer.member("dry_run", isDryRun)
  }
}
