// How a decision that is not over lies in the journal. The version is that of the model's record.

extension RetrainDecision {
  package func encode(to writer: inout StateWriter) {
    writer.write(id.text)
    writer.write(ordinal)
    assessment.encode(to: &writer)
    writer.write(episodes) { writer, episode in
      writer.write(episode.monitor.rawValue)
      writer.write(episode.ordinal)
      writer.write(episode.openedAt)
    }
    writer.write(isDryRun)
    writer.write(attempt)
    writer.write(revision)
    writer.write(coverage) { $0.write($1) }
    writer.write(window.from)
    writer.write(window.to)
    writer.write(expiresAfter)
  }

  package init(from reader: inout StateReader) throws(StateError) {
    let id = DecisionID(try reader.readText())
    let ordinal = try reader.read(UInt64.self)
    let assessment = try RetrainAssessment(from: &reader)
    let episodes = try reader.readArray { (reader) throws(StateError) in
      EpisodeReference(
        monitor: try reader.readWord(), ordinal: try reader.read(), openedAt: try reader.readTimestamp())
    }
    let isDryRun = try reader.readBool()
    let attempt = Int(try reader.readCount())
    let revision = try reader.readCount()
    let coverage = try reader.readOptional { (reader) throws(StateError) in try reader.readDouble() }
    let window = Window(from: try reader.readTimestamp(), to: try reader.readTimestamp())
    self.init(
      id: id, ordinal: ordinal, assessment: assessment, episodes: episodes, isDryRun: isDryRun,
      coverage: coverage, window: window, expiresAfter: try reader.readDuration())
    self.attempt = attempt
    self.revision = revision
  }
}

extension RetrainAssessment {
  func encode(to writer: inout StateWriter) {
    writer.write(shouldRetrain)
    writer.write(severityScore)
    writer.write(reasons) { writer, reason in
      writer.write(reason.code)
      switch reason {
      case .accuracyDropped(let drop): writer.write(drop)
      case .driftDetected(let score): writer.write(score)
      case .maximumTimeExceeded(let time), .waitingForMinimumTime(let time): writer.write(time)
      }
    }
    writer.write(constraints.accuracyTrigger)
    writer.write(constraints.driftTrigger)
    writer.write(constraints.timeTrigger)
    writer.write(constraints.isMinimumTimeSatisfied)
    writer.write(sinceLastRetrain)
    writer.write(nextAllowedRetrain)
  }

  init(from reader: inout StateReader) throws(StateError) {
    let shouldRetrain = try reader.readBool()
    let score = try reader.readDouble()
    let reasons = try reader.readArray { (reader) throws(StateError) -> TriggerReason in
      let code = try reader.readText()
      switch code {
      case "accuracy_dropped": return .accuracyDropped(by: try reader.readDouble())
      case "drift_detected": return .driftDetected(score: try reader.readDouble())
      case "maximum_time_exceeded": return .maximumTimeExceeded(try reader.readDuration())
      case "waiting_for_minimum_time": return .waitingForMinimumTime(try reader.readDuration())
      default: throw StateError("'\(code.prefix(40))' is no reason")
      }
    }
    var constraints = Constraints()
    constraints.accuracyTrigger = try reader.readBool()
    constraints.driftTrigger = try reader.readBool()
    constraints.timeTrigger = try reader.readBool()
    constraints.isMinimumTimeSatisfied = try reader.readBool()
    self.init(
      shouldRetrain: shouldRetrain, severityScore: score, reasons: reasons, constraints: constraints,
      sinceLastRetrain: try reader.readDuration(), nextAllowedRetrain: try reader.readTimestamp())
  }
}

extension Cause {
  package func encode(to writer: inout StateWriter) {
    switch self {
    case .event(let origin, let id, let traceParent):
      writer.write(UInt8(0))
      writer.write(origin.source.text)
      writer.write(origin.model.name.text)
      writer.write(origin.model.version.text)
      writer.write(id.description)
      writer.write(traceParent) { $0.write($1) }
    case .timer(let deadline):
      writer.write(UInt8(1))
      writer.write(deadline)
    }
  }

  package init(from reader: inout StateReader) throws(StateError) {
    guard try reader.read(UInt8.self) == 0 else {
      self = .timer(try reader.readTimestamp())
      return
    }
    guard let source = SourceName(try reader.readText()) else { throw StateError("no source") }
    let model = try ModelKey(from: &reader)
    // A numbered id is spelled out: what it says is all that matters from here on.
    self = .event(
      origin: Origin(source: source, model: model), id: .text(try reader.readText()),
      traceParent: try reader.readOptional { (reader) throws(StateError) in try reader.readText() })
  }
}

extension ModelKey {
  package func encode(to writer: inout StateWriter) {
    writer.write(name.text)
    writer.write(version.text)
  }

  package init(from reader: inout StateReader) throws(StateError) {
    guard let name = ModelName(try reader.readText()), let version = ModelVersion(try reader.readText())
    else { throw StateError("no model") }
    self.init(name: name, version: version.text == ModelVersion.none.text ? .none : version)
  }
}
