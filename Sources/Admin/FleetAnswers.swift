package import Events
import Wire

// The fleet as JSON; every key as in the OpenAPI file.

extension JSONWriter {
  mutating func optional(time: Timestamp?) { if let time { self.time(time) } else { null() } }

  mutating func member(_ key: StaticString, time: Timestamp?) {
    self.key(key)
    optional(time: time)
  }

  mutating func member(_ key: StaticString, count: Int?) {
    self.key(key)
    if let count { integer(count) } else { null() }
  }

  fileprivate mutating func counts(_ key: StaticString, _ counts: [ModelSummary.State: Int]) {
    object(key) { writer in
      for state in ModelSummary.State.allCases { writer.member(state.rawValue, counts[state] ?? 0) }
    }
  }
}

extension FleetSnapshot {
  struct Selection {
    var limit: Int
    var offset: Int
    var text: String?
    var state: ModelSummary.State?

    fileprivate func takes(_ model: Ranked) -> Bool {
      if let state, model.state != state { return false }
      guard let text, !text.isEmpty else { return true }
      let key = model.report.summary.key
      return contains(key.name.text, text) || contains(key.version.text, text)
    }

    /// In any case of ASCII letters.
    private func contains(_ text: String, _ part: String) -> Bool {
      let (bytes, wanted) = (text.utf8.map(Self.lowercase), part.utf8.map(Self.lowercase))
      guard bytes.count >= wanted.count else { return false }
      return (0...bytes.count - wanted.count).contains { bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
      (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
    }
  }

  func page(_ selection: Selection) -> Answer {
    let order = ordered
    let matched = order.ranked.filter(selection.takes)
    return Answer { writer in
      writer.member("at", time: at)
      writer.member("total", models.count)
      writer.member("matched", matched.count)
      writer.counts("by_state", order.count)
      writer.member("offset", selection.offset)
      writer.array("models", matched.dropFirst(selection.offset).prefix(selection.limit)) {
        $1.write(to: &$0)
      }
    }
  }

  /// The models that are other objects, or in another state, than in an earlier snapshot.
  func delta(since earlier: FleetSnapshot) -> [UInt8]? {
    var before: [ObjectIdentifier: ModelSummary.State] = [:]
    for ranked in earlier.ordered.ranked { before[ObjectIdentifier(ranked.report)] = ranked.state }
    let changed = ordered.ranked.filter { before[ObjectIdentifier($0.report)] != $0.state }
    guard !changed.isEmpty || models.count != earlier.models.count else { return nil }
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("at", time: at)
      writer.member("total", models.count)
      writer.counts("by_state", ordered.count)
      writer.array("models", changed.prefix(AdminLimits.deltaModels)) { $1.write(to: &$0) }
      writer.member("truncated", changed.count > AdminLimits.deltaModels)
    }
    return writer.bytes
  }

  func status(
    name: String, version: String, since: Timestamp, phase: Board.Phase, configuration: ConfigurationReport,
    listeners: Int
  ) -> Answer {
    Answer { writer in
      writer.member("name", name)
      writer.member("version", version)
      writer.member("state", "\(phase)")
      writer.member("since", time: since)
      writer.member("now", time: at)
      writer.object("journal") { writer in
        writer.member("state", journal.state)
        writer.member("since", time: journal.since)
        writer.member("detail", journal.detail)
        writer.member("outputs_waiting", journal.waiting)
        writer.member("commits", journal.commits)
        writer.member("bytes", count: journal.bytes.map { Int($0) })
        writer.member("last_commit", time: journal.lastCommit)
      }
      writer.object("account") { account.write(to: &$0) }
      writer.object("models") { writer in
        writer.member("total", models.count)
        writer.member("limit", modelLimit)
        writer.counts("by_state", ordered.count)
      }
      writer.object("sources") { writer in
        writer.member("total", sources.count)
        writer.member("limit", sourceLimit)
        writer.object("by_state") { writer in
          for (state, count) in sourcesByState { writer.member(state.rawValue, count) }
        }
      }
      writer.object("configuration") { configuration.write(to: &$0) }
      writer.object("listeners") { writer in
        writer.member("clients", listeners)
        writer.member("limit", AdminLimits.listeners)
      }
    }
  }

  var sourcesByState: [(SourceReport.State, Int)] {
    [.live, .stale, .ended, .silent].map { state in (state, sources.count { $0.state == state }) }
  }

  func silencePage(limit: Int) -> Answer {
    Answer { writer in
      writer.member("at", time: at)
      writer.member("total", silences.count)
      writer.array("silences", silences.prefix(limit)) { $1.write(to: &$0) }
    }
  }

  func sourcePage(limit: Int, offset: Int) -> Answer {
    let ordered = sources.sorted { $0.source.text < $1.source.text }
    return Answer { writer in
      writer.member("at", time: at)
      writer.member("total", sources.count)
      writer.member("offset", offset)
      writer.array("sources", ordered.dropFirst(offset).prefix(limit)) { $1.write(to: &$0) }
    }
  }
}

extension AccountReport {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("received", received)
    writer.member("rejected", rejected)
    writer.member("heads", heads)
    writer.member("published", published)
    writer.member("alerts_opened", alertsOpened)
    writer.member("decisions", decisions)
    writer.object("reasons") { writer in
      for (reason, count) in zip(Reason.allCases, reasons) where count > 0 {
        writer.member(reason.rawValue, count)
      }
    }
  }
}

/// Which configuration is in force.
package struct ConfigurationReport: Sendable {
  /// Nil for the defaults.
  package var file: String?
  /// 1, and one more with each reload that was taken.
  package var revision = 1
  /// Nil before the first.
  package var lastReload: (at: Timestamp, isSuccessful: Bool)?

  package init(file: String?) { self.file = file }

  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("file", file)
    writer.member("revision", revision)
    writer.key("last_reload")
    guard let lastReload else { return writer.null() }
    writer.object { writer in
      writer.member("at", time: lastReload.at)
      writer.member("successful", lastReload.isSuccessful)
    }
  }
}

extension FleetSnapshot.Ranked {
  func write(to writer: inout JSONWriter) {
    let summary = report.summary
    writer.object { writer in
      summary.write(to: &writer, state, urgency)
      writer.array("alerts", summary.alerts) { writer, alert in
        writer.object { writer in
          writer.member("monitor", alert.monitor.rawValue)
          writer.member("metric", alert.metric)
          alert.writeStanding(to: &writer)
          writer.member("severity", alert.episode.severity.rawValue)
          writer.member("episode_id", alert.episodeID(of: summary.key))
          writer.member("opened_at", time: alert.episode.openedAt)
        }
      }
    }
  }
}

extension AlertReport {
  func episodeID(of model: ModelKey) -> String {
    Identity.episode(
      monitor, about: source?.text ?? metric, ordinal: episode.ordinal, openedAt: episode.openedAt, of: model)
  }
}

extension ModelSummary {
  /// Every member but `alerts`.
  func write(to writer: inout JSONWriter, _ state: State, _ urgency: Double) {
    writer.member("model", key.name.text)
    writer.member("version", key.version.text)
    writer.member("state", state.rawValue)
    writer.member("urgency", urgency)
    writer.member("preset", isStandard ? "standard" : "reference")
    writer.member("last_event_at", time: lastHeard)
    writer.member("model_time", time: modelTime)
    writer.member("events", events)
    writer.member("accuracy", accuracy)
    writer.member("baseline_accuracy", baselineAccuracy)
    writer.member("latency_ms", latency)
    writer.key("drift")
    if let drift { drift.write(to: &writer) } else { writer.null() }
    writer.array("recent_drift", recentDrift) { $0.number($1.map(Self.rounded) ?? .nan) }
    writer.key("decision")
    if let decision { decision.write(to: &writer) } else { writer.null() }
    writer.member("next_allowed_retrain", time: nextAllowedRetrain)
  }

  /// To three digits.
  private static func rounded(_ score: Double) -> Double {
    guard score.isFinite, score != 0 else { return score }
    // By the decimal text, so that what is written is short.
    var unit = 1.0
    while abs(score) * unit < 100, unit < 1e15 { unit *= 10 }
    return (score * unit).rounded() / unit
  }
}

extension DriftReport {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("score", score)
      writer.member("threshold", threshold)
      writer.member("drifted", drifted)
      writer.member("features", features)
      writer.member("severity", severity.rawValue)
      writer.member("at", time: at)
    }
  }
}

extension DecisionReport {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", id.text)
      writer.member("state", state.rawValue)
      writer.member("attempt", attempt)
      writer.member("open", isOpen)
    }
  }
}
