import Events
import Wire

// Alerts and decisions as JSON; every key as in the OpenAPI file.

extension AlertReport {
  /// Where it stands and what is known of it beside.
  func writeStanding(to writer: inout JSONWriter) {
    writer.member("state", state.rawValue)
    writer.array("flags", flags.words) { $0.string($1.description) }
    writer.array("inhibited_by", flags.inhibitors) { $0.string($1.alertType) }
  }

  /// - Parameter told: the last message about it, where that is kept.
  func write(to writer: inout JSONWriter, of model: ModelKey, _ told: ToldMessage.Content?) {
    writer.object { writer in
      writer.member("episode_id", episodeID(of: model))
      writer.member("model", model.name.text)
      writer.member("version", model.version.text)
      writer.member("source", source?.text)
      writer.member("monitor", monitor.rawValue)
      writer.member("metric", metric)
      writer.member("type", monitor.alertType)
      writeStanding(to: &writer)
      // Only what is over is over for a reason.
      writer.member("reason", nil as String?)
      writer.member("severity", episode.severity.rawValue)
      writer.member("rev", episode.revision)
      writer.member("opened_at", time: episode.openedAt)
      writer.member("changed_at", told?.time)
      writer.member("value", value ?? told?.data.value)
      writer.member("threshold", threshold ?? told?.data.threshold)
      ToldMessage.Details.write(told?.data.topK, to: &writer)
    }
  }
}

extension ToldMessage.Details {
  fileprivate static func write(_ features: [ToldMessage.Feature]?, to writer: inout JSONWriter) {
    writer.array("top_k", features ?? []) { writer, feature in
      writer.object { writer in
        writer.member("name", feature.name)
        writer.member("drift_score", feature.driftScore)
      }
    }
  }
}

extension ToldMessage.Content {
  /// As an alert.
  func writeAlert(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("episode_id", data.episodeId ?? "")
      writer.member("model", subject ?? "-")
      writer.member("version", modelversion ?? "-")
      writer.member("source", source)
      writer.member("monitor", data.monitor ?? "")
      writer.member("metric", data.metric)
      writer.member("type", data.type ?? "")
      writer.member("state", data.state)
      writer.array("flags", data.flags ?? []) { $0.string($1) }
      writer.array("inhibited_by", data.inhibitedBy ?? []) { $0.string($1) }
      writer.member("reason", data.reason)
      writer.member("severity", data.severity ?? "")
      writer.member("rev", data.rev)
      writer.member("opened_at", data.openedAt)
      writer.member("changed_at", time)
      writer.member("value", data.value)
      writer.member("threshold", data.threshold)
      ToldMessage.Details.write(data.topK, to: &writer)
    }
  }

  /// The last part of the key of an alert that is about no model.
  private var source: String? {
    guard subject == nil, let last = data.alertKey?.split(separator: "/").last else { return nil }
    return Target("/" + last)?.segments.first
  }
}

/// The life of one decision, as far as its messages are kept.
struct DecisionLife {
  /// In order.
  private(set) var messages: [ToldMessage] = []
  /// The first that was issued; nil when that is no longer kept.
  private var issued: ToldMessage.Content?
  private var last: ToldMessage.Content?

  /// Every decision in these messages, the one that changed last first.
  static func all(in messages: some Sequence<ToldMessage>) -> [DecisionLife] {
    var lives: [String: DecisionLife] = [:]
    for message in messages {
      guard let content = message.content, let id = content.data.decisionId else { continue }
      lives[id, default: DecisionLife()].add(message, content)
    }
    return lives.values.sorted { ($0.messages.last?.number ?? 0) > ($1.messages.last?.number ?? 0) }
  }

  private mutating func add(_ message: ToldMessage, _ content: ToldMessage.Content) {
    messages.append(message)
    if content.data.issuedAt != nil && issued == nil { issued = content }
    // A message that is sent again repeats its own revision.
    if content.data.rev >= last?.data.rev ?? 0 { last = content }
  }

  var id: String { last?.data.decisionId ?? "" }
  var model: String { last?.data.model ?? "" }
  var version: String { last?.data.version ?? "" }
  /// Its first message is kept.
  var isComplete: Bool { issued?.data.rev == 1 }

  func write(members writer: inout JSONWriter) {
    guard let last else { return }
    let state = last.data.state
    writer.member("id", id)
    writer.member("model", model)
    writer.member("version", version)
    writer.member("state", state)
    writer.member("final", last.data.final ?? (state == DecisionState.proposed.rawValue))
    writer.member("attempt", last.data.attempt ?? 1)
    writer.member("rev", last.data.rev)
    writer.member("owner", last.data.owner)
    writer.key("dry_run")
    if let isDryRun = issued?.data.dryRun { writer.boolean(isDryRun) } else { writer.null() }
    writer.member("issued_at", issued?.data.issuedAt)
    writer.member("changed_at", last.data.at ?? last.time)
    writer.array("reason_codes", issued?.data.reasonCodes ?? []) { $0.string($1) }
    writer.array("trigger_reasons", issued?.data.triggerReasons ?? []) { $0.string($1) }
    writer.member("severity_score", issued?.data.severityScore)
    writer.member("coverage", issued?.data.coverage)
  }

  /// - Parameter timers: what falls due about it.
  func answer(at now: Timestamp, timers: [TimerReport]) -> Answer {
    Answer { writer in
      writer.member("at", time: now)
      write(members: &writer)
      writer.member("complete", isComplete)
      writer.array("timers", timers) { $1.write(to: &$0) }
      writer.array("messages", messages) { $0.raw($1.body) }
    }
  }
}
