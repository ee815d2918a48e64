import Events
import Foundation
import Wire

/// One of two configurations that are compared.
enum Side: String, Encodable {
  case first = "A"
  case second = "B"

  var other: Side { self == .first ? .second : .first }
}

/// What is compared: decisions, and where alerts open and resolve; severities are not.
struct Verdict: Hashable {
  enum Kind: Hashable {
    case decision
    case opened(MonitorKind)
    case resolved(MonitorKind)

    /// Every kind, in the order of the summary.
    static let all = [Kind.decision] + MonitorKind.allCases.flatMap { [.opened($0), .resolved($0)] }

    var monitor: MonitorKind? {
      switch self {
      case .decision: nil
      case .opened(let monitor), .resolved(let monitor): monitor
      }
    }

    /// The word in `--json`.
    var word: String {
      switch self {
      case .decision: "decision"
      case .opened: "alert_opened"
      case .resolved: "alert_resolved"
      }
    }

    var text: String {
      switch self {
      case .decision: "decision"
      case .opened(let monitor): "\(monitor.rawValue) opened"
      case .resolved(let monitor): "\(monitor.rawValue) resolved"
      }
    }
  }

  /// What made an engine evaluate: two verdicts are the same when this, the model and the kind are.
  enum Trigger: Hashable {
    case event(SourceName, EventID)
    case deadline(Timestamp)
  }

  var model: ModelKey
  /// What an alert is about that is about no model.
  var source: SourceName?
  var kind: Kind
  var trigger: Trigger

  /// Nil for what is not compared.
  init?(_ publication: Publication) {
    model = publication.model
    switch publication.cause {
    case .event(let origin, let id, _): trigger = .event(origin.source, id)
    case .timer(let deadline): trigger = .deadline(deadline)
    }
    switch publication.output {
    // Another attempt is the same decision.
    case .decision(let decision):
      guard decision.attempt == 1 else { return nil }
      kind = .decision
    case .decisionChange: return nil
    case .alert(let transition):
      source = transition.finding.source
      switch transition.change {
      case .opened: kind = .opened(transition.finding.monitor)
      case .resolved: kind = .resolved(transition.finding.monitor)
      case .updated: return nil
      }
    case .performance, .drift, .retrain, .keep: return nil
    }
  }
}

/// What one side published and the other did not.
struct Difference: Encodable {
  var verdict: Verdict
  var side: Side
  var publication: Publication
  /// For a decision: the other side's, on the same model, that this one answers, and so when.
  var counterpart: Timestamp?

  // MARK: For people

  /// `TIME  MODEL  SIDE  WHAT  details`
  var line: String {
    var text =
      "\(RFC3339.string(publication.time))  \(subject)  \(side.rawValue)  \(verdict.kind.text)  \(details)"
    if let counterpart {
      let lag = counterpart.duration(to: publication.time)
      text += "; \(Self.text(lag)) after \(side.other.rawValue) decided"
    }
    return text
  }

  /// As topics write it, so that no name can forge a line.
  private var subject: String {
    var bytes: [UInt8] = []
    if let source = verdict.source {
      TopicSegment.append(source.text, to: &bytes)
    } else {
      TopicSegment.append(verdict.model.name.text, to: &bytes)
      if verdict.model.version != .none {
        bytes.append(UInt8(ascii: "@"))
        TopicSegment.append(verdict.model.version.text, to: &bytes)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private var details: String {
    switch publication.output {
    case .decision(let decision):
      return decision.assessment.reasons.map(\.text).joined(separator: ", ")
    case .alert(let transition):
      let finding = transition.finding
      return "\(transition.episode.severity.rawValue), \(Self.text(finding.value)) against "
        + Self.text(finding.threshold)
    case .performance, .drift, .retrain, .keep, .decisionChange: return ""
    }
  }

  private static func text(_ value: Double) -> String { String(format: "%.4g", value) }

  /// A duration in its largest unit: `2.5 d`, `40 s`.
  static func text(_ duration: Duration) -> String {
    let seconds = duration.secondsValue
    for (unit, size) in [("d", 86_400.0), ("h", 3_600), ("min", 60)] where seconds >= size {
      return String(format: "%.1f %@", seconds / size, unit)
    }
    return String(format: "%.3g s", seconds)
  }

  // MARK: For programs

  private enum CodingKeys: String, CodingKey {
    case time, model, modelversion, source, side, what, monitor, causationid, severity, value, threshold
    case reasonCodes = "reason_codes"
    case triggerReasons = "trigger_reasons"
    case lag = "after_other_s"
  }

  /// All keys always, so that a pipeline can rely on them.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(RFC3339.string(publication.time), forKey: .time)
    try container.encode(verdict.source == nil ? verdict.model.name.text : nil, forKey: .model)
    let version = verdict.model.version
    try container.encode(version == .none ? nil : version.text, forKey: .modelversion)
    try container.encode(verdict.source?.text, forKey: .source)
    try container.encode(side, forKey: .side)
    try container.encode(verdict.kind.word, forKey: .what)
    try container.encode(verdict.kind.monitor?.rawValue, forKey: .monitor)
    switch verdict.trigger {
    case .event(_, let id): try container.encode(id.description, forKey: .causationid)
    case .deadline(let time): try container.encode("timer:\(time.nanoseconds)", forKey: .causationid)
    }
    var reasons: [TriggerReason]?
    var transition: AlertTransition?
    switch publication.output {
    case .decision(let decision): reasons = decision.assessment.reasons
    case .alert(let alert): transition = alert
    case .performance, .drift, .retrain, .keep, .decisionChange: break
    }
    try container.encode(reasons?.map(\.code), forKey: .reasonCodes)
    try container.encode(reasons?.map(\.text), forKey: .triggerReasons)
    try container.encode(transition?.episode.severity.rawValue, forKey: .severity)
    try container.encode(transition.flatMap { Self.finite($0.finding.value) }, forKey: .value)
    try container.encode(transition.flatMap { Self.finite($0.finding.threshold) }, forKey: .threshold)
    let lag = counterpart.map { $0.duration(to: publication.time).secondsValue }
    try container.encode(lag, forKey: .lag)
  }

  private static func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }
}
