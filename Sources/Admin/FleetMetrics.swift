import Events

// The daemon's metrics. Labels are words of closed vocabularies, but for models, of which at most
// ``AdminLimits/page`` are named.
extension FleetSnapshot {
  func metrics(
    isOpenMetrics: Bool, version: String, surroundings: Surroundings, since: Timestamp, listeners: Int
  ) -> [UInt8] {
    var text = MetricsText(isOpenMetrics: isOpenMetrics)
    text.family("tidemark_build", .info, "The version that runs.")
    text.sample([("version", version)], 1)
    writeAccount(to: &text)
    writeFleet(to: &text)
    writeModels(to: &text)
    writeDecisions(to: &text)
    writeJournal(to: &text)
    surroundings.write(to: &text, since: since)
    text.family("tidemark_http_listeners", .gauge, "Clients of the event stream.")
    text.sample(listeners)
    ProcessFigures.now.write(to: &text)
    text.end()
    return text.bytes
  }

  private func writeAccount(to text: inout MetricsText) {
    text.family("tidemark_events_received", .counter, "Messages taken, refused ones included.")
    for (kind, count) in account.kinds { text.sample([("kind", kind)], count) }
    text.family("tidemark_events_dropped", .counter, "Messages refused, or lost on their way here (gap).")
    for (reason, count) in zip(Reason.allCases, account.reasons) where reason.isRefusal || reason == .gap {
      text.sample([("reason", reason.rawValue)], count)
    }
    text.family("tidemark_remarks", .counter, "Entries of the account, by its words.")
    for (reason, count) in zip(Reason.allCases, account.reasons) {
      text.sample([("reason", reason.rawValue)], count)
    }
    text.family("tidemark_security_rejections", .counter, "Refused for who sent it, by reason.")
    for (reason, count) in zip(Reason.allCases, account.reasons) where reason.isOfSender {
      text.sample([("reason", reason.rawValue)], count)
    }
    text.family("tidemark_sequence_gaps", .counter, "Messages missing by their sequence numbers.")
    text.sample(account.reasons.isEmpty ? 0 : account.reasons[Reason.gap.index])
    text.family("tidemark_outputs_published", .counter, "Messages handed to the output socket.")
    text.sample(account.published)
    text.family(
      "tidemark_event_lag_seconds", .histogram, "From a source's send time to arrival, by their two clocks.")
    text.histogram(account.lag)
  }

  private func writeFleet(to text: inout MetricsText) {
    text.family("tidemark_models", .gauge, "Models, by state.")
    for state in ModelSummary.State.allCases {
      text.sample([("state", state.rawValue)], ordered.count[state] ?? 0)
    }
    text.family("tidemark_sources", .gauge, "Sources, by state.")
    for (state, count) in sourcesByState { text.sample([("state", state.rawValue)], count) }
    text.family("tidemark_alerts", .gauge, "Alerts that are open, by where they stand and by severity.")
    for state in [AlertState.firing, .recovering] {
      for severity in Severity.allCases {
        func count(_ alerts: [AlertReport]) -> Int {
          alerts.count { $0.state == state && $0.episode.severity == severity }
        }
        let open = models.reduce(count(sourceAlerts)) { $0 + count($1.summary.alerts) }
        text.sample([("state", state.rawValue), ("severity", severity.rawValue)], open)
      }
    }
  }

  private func writeModels(to text: inout MetricsText) {
    let named = ordered.ranked.prefix(AdminLimits.page)
    text.family(
      "tidemark_model_health", .gauge,
      "1 healthy, 0.5 with an alert below high severity or stale, 0 with one of high severity.")
    for model in named { text.sample(model.labels, model.health) }
    text.family(
      "tidemark_monitor_score", .gauge, "How near a monitor is to its limit; 1 is at it, more is beyond.")
    for model in named {
      for score in model.report.summary.scores {
        let monitor = score.metric.map { "metric:\($0)" } ?? score.monitor.rawValue
        text.sample(model.labels + [("monitor", monitor)], score.score)
      }
    }
    text.family("tidemark_models_unnamed", .gauge, "Models that are too many to be named here.")
    text.sample(models.count - named.count)
  }

  private func writeDecisions(to text: inout MetricsText) {
    text.family("tidemark_decisions", .counter, "Decisions, and what became of them.")
    for (outcome, count) in account.outcomes {
      text.sample([("kind", "retrain"), ("outcome", outcome)], count)
    }
    text.family("tidemark_decision_ack_seconds", .histogram, "From a decision to somebody's claim.")
    text.histogram(account.acknowledgement)
    text.family("tidemark_retrains_in_flight", .gauge, "Decisions that are claimed and not over.")
    text.sample(
      models.count { model in
        guard let decision = model.summary.decision, decision.isOpen else { return false }
        return decision.state == .acked || decision.state == .started
      })
  }

  private func writeJournal(to text: inout MetricsText) {
    guard journal.state != "off" else { return }
    text.family("tidemark_checkpoint_age_seconds", .gauge, "Since the journal was last written.")
    text.sample((journal.lastCommit ?? journal.since).duration(to: at).secondsValue)
    text.family("tidemark_journal_failing", .gauge, "Whether the last commit failed.")
    text.sample(journal.state == "failing" ? 1 : 0)
    text.family("tidemark_journal_bytes", .gauge, "Of the journal on disk.")
    text.sample(journal.bytes ?? 0)
  }
}

extension FleetSnapshot.Ranked {
  fileprivate var labels: [(String, String)] {
    [("model", report.summary.key.name.text), ("version", report.summary.key.version.text)]
  }

  fileprivate var health: Double {
    let alerts = report.summary.alerts.filter { $0.monitor != .noData }
    if alerts.contains(where: { $0.episode.severity == .high }) { return 0 }
    return alerts.isEmpty && state != .stale ? 1 : 0.5
  }
}
