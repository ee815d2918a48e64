import Events
import Wire

// One model as JSON; every key as in the OpenAPI file.

extension ModelDetail {
  /// - Parameter told: the last message about each open alert, by the id of its episode.
  func answer(at now: Timestamp, told: (String) -> ToldMessage.Content?) -> Answer {
    Answer { writer in
      writer.member("at", time: now)
      summary.write(to: &writer, summary.state(at: now), summary.urgency(at: now))
      writer.array("alerts", summary.alerts) { writer, alert in
        alert.write(to: &writer, of: summary.key, told(alert.episodeID(of: summary.key)))
      }
      writer.array("monitors", monitors) { $1.write(to: &$0) }
      writer.key("features")
      if let features { features.write(to: &writer) } else { writer.null() }
      writer.array("sources", sources) { $1.write(to: &$0) }
      writer.member("sources_truncated", hasMoreSources)
      writer.object("retrain") { retrain.write(to: &$0) }
      writer.array("timers", timers) { $1.write(to: &$0) }
    }
  }
}

extension MonitorReport {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("monitor", monitor.rawValue)
      writer.member("metric", metric)
      writer.member("state", state.rawValue)
      writer.member("value", value)
      writer.member("threshold", threshold)
      writer.member("direction", direction.rawValue)
      writer.member("score", score)
      writer.member("reference", origin.map { $0.word.description })
      writer.member("seen", count: progress?.seen)
      writer.member("wanted", count: progress?.wanted)
      writer.key("evidence")
      if let evidence { writer.object { evidence.write(to: &$0) } } else { writer.null() }
    }
  }
}

extension FeaturesReport {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("total", total)
      writer.member("drifted", drifted)
      writer.array("top", top) { $1.write(to: &$0) }
    }
  }
}

extension FeatureReport {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("name", name)
      writer.member("drifted", feature.isDrifted)
      writer.member("score", feature.score)
      writer.member("baseline_mean", feature.baselineMean)
      writer.member("new_mean", feature.newMean)
      writer.member("log10_e", distribution == nil ? nil : feature.evidence)
      writer.member("cases", count: distribution == nil ? nil : feature.cases)
      writer.key("distribution")
      if let distribution { distribution.write(to: &writer) } else { writer.null() }
    }
  }
}

extension FeatureReport.Distribution {
  fileprivate func write(to writer: inout JSONWriter) {
    func rows(_ counts: [UInt32]) -> Int { counts.reduce(0) { $0 + Int($1) } }
    func shares(_ counts: [UInt32]) -> [Double] {
      let all = Double(max(1, rows(counts)))
      return counts.map { Double($0) / all }
    }
    writer.object { writer in
      writer.array("bins", bins) { $0.string($1) }
      writer.array("reference", shares(reference)) { $0.number($1) }
      writer.array("current", shares(current)) { $0.number($1) }
      writer.member("reference_rows", rows(reference))
      writer.member("current_rows", rows(current))
    }
  }
}

extension RetrainReport {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member("mode", isObserving ? "observe" : "issue")
    writer.member("would_retrain", wouldRetrain)
    writer.array("rules", rules) { writer, rule in
      writer.object { writer in
        writer.member("rule", rule.name.rawValue)
        writer.member("fires", rule.reason != nil)
        writer.member("value", rule.value)
        writer.member("threshold", rule.threshold)
        writer.member("unit", rule.unit)
        writer.member("reason", rule.reason?.text)
      }
    }
    writer.array("blocks", blocks) { $1.write(to: &$0) }
    writer.member("minimum_time_s", minimumTime.secondsValue)
    writer.member("last_retrain", time: lastRetrain)
    writer.member("coverage", coverage)
    writer.key("economics")
    writer.null()
  }
}

extension RetrainReport.Block {
  fileprivate func write(to writer: inout JSONWriter) {
    let (code, text, until) = words
    writer.object { writer in
      writer.member("code", code)
      writer.member("text", text)
      writer.member("until", time: until)
    }
  }

  private var words: (code: String, text: String, until: Timestamp?) {
    switch self {
    case .noRuleFires: ("no_rule_fires", "no rule asks for a retrain", nil)
    case .minimumTime(let time, let until):
      ("minimum_time", TriggerReason.waitingForMinimumTime(time).text, until)
    case .openDecision(let decision, let until):
      ("open_decision", "\(decision.id) is \(decision.state.rawValue)", until == .max ? nil : until)
    case .observing: ("observe", "mode observe: decided and explained, asked of nobody", nil)
    case .journalFailing: ("journal_failing", "nothing is decided, since it could not be kept", nil)
    case .fleetHold:
      ("fleet_hold", "many models of its feed drift at once: that is the data, not the model", nil)
    case .inhibited(let by):
      ("inhibited", "its drift follows from \(by.map(\.alertType).joined(separator: " and "))", nil)
    }
  }
}

extension TimerReport {
  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("timer", kind.rawValue)
      writer.member("at", time: at)
      writer.member("text", text)
    }
  }

  private var text: String {
    switch kind {
    case .elapsedTime: "the time rule is asked without an event"
    case .resend: "the decision is sent again, since nobody has claimed it"
    case .expiry: "the decision expires unless it is claimed"
    case .retry: "another attempt is issued"
    case .start: "the attempt has failed unless it is started"
    case .finish: "the attempt has failed unless it has ended"
    case .verify: "whether the retrain helped is judged"
    case .noData: "silence is told as an alert"
    }
  }
}
