import Events

/// Why a model is retrained or not, in plain words with figures: `tidemark explain`, and two pages of `top`.
///
/// A pure function of what the API answers.
package enum Explanation {
  private static let labels = 17

  // MARK: A decision

  /// Of a decision that was made.
  ///
  /// - Parameter model: the decision's model as it stands now; nil when it is not watched any more.
  package static func of(_ detail: DecisionDetail, model: ModelDetail?, width: Int) -> [StyledLine] {
    var report = Report(width: width, labels: labels)
    let decision = detail.decision
    report.title("\(decision.name): \(headline(decision))")
    report.text(decision.id, .dim)
    why(detail, model, &report)
    if let model {
      evidence(of: detail, model, &report)
      coverage(decision.coverage, model, &report)
      report.heading("The rules as they stand now")
      rules(model, &report)
    } else {
      report.heading("What it rests on")
      report.row("coverage", coverageWords(decision.coverage))
      report.text("The model is not watched any more, so nothing is known of its monitors and sources.")
    }
    life(detail, &report)
    timers(detail.timers, isOver: decision.final, now: detail.at, &report)
    return report.lines
  }

  private static func headline(_ decision: DecisionAnswer) -> String {
    var words = "retrain, \(decision.state)"
    if let owner = decision.owner { words += " by \(owner)" }
    words += ", attempt \(decision.attempt)"
    if decision.dryRun == true { words += ", dry run: mode observe asks nobody" }
    return words
  }

  /// The rule that a reason's word is of.
  private static let rules = [
    "accuracy_dropped": "accuracy_drop", "drift_detected": "drift", "maximum_time_exceeded": "elapsed_time",
  ]

  private static func why(_ detail: DecisionDetail, _ model: ModelDetail?, _ report: inout Report) {
    let decision = detail.decision
    report.heading("Why")
    for (index, reason) in decision.triggerReasons.enumerated() {
      let code = index < decision.reasonCodes.count ? decision.reasonCodes[index] : ""
      let rule = model?.retrain.rules.first { $0.rule == rules[code] }
      report.row(
        "●", code, reason + (rule.map { "; the rule asks for \($0.figure($0.threshold))" } ?? ""), .bad)
    }
    if decision.triggerReasons.isEmpty {
      report.text("Its first message is no longer kept, and with it the reasons.")
    }
    let issued = detail.messages.first { $0.data.constraints != nil }
    if let constraints = issued?.data.constraints {
      let silent = [
        constraints.accuracyTrigger ? nil : "accuracy_drop", constraints.driftTrigger ? nil : "drift",
        constraints.timeTrigger ? nil : "elapsed_time",
      ].compactMap { $0 }
      if !silent.isEmpty {
        report.row("○", "silent", "the other rules then: \(silent.joined(separator: ", "))")
      }
    }
    report.row("severity", Figures.prose(decision.severityScore) + ", the sum of the fired rules' weights")
    if let issuedAt = decision.issuedAt { report.row("decided", Figures.time(issuedAt) + " UTC, model time") }
    if let window = issued?.data.dataWindow {
      report.row("data", "\(Figures.time(window.from)) to \(Figures.time(window.to)), model time")
    }
  }

  private static func evidence(of detail: DecisionDetail, _ model: ModelDetail, _ report: inout Report) {
    report.heading("What it rests on")
    let episodes = detail.messages.compactMap(\.data.episodes).first ?? []
    for id in episodes {
      if let alert = model.alerts.first(where: { $0.episodeId == id }) {
        report.row("●", alert.label, alert.words(now: detail.at), alert.severity.style)
      } else {
        report.row("○", "alert", "\(id), not open any more", .dim, .dim)
      }
    }
    if episodes.isEmpty { report.row("alerts", "none was open") }
  }

  private static func life(_ detail: DecisionDetail, _ report: inout Report) {
    report.heading("Its life")
    if !detail.complete { report.text("The first messages are no longer kept.", .dim) }
    for message in detail.messages {
      let data = message.data
      var words = "attempt \(data.attempt)"
      if let owner = data.owner { words += ", \(owner)" }
      if let reason = data.reason { words += ": \(reason)" }
      if let retry = data.retryAt { words += "; again at \(Figures.time(retry, near: detail.at))" }
      if let other = data.supersededBy { words += ", by \(other)" }
      let isIssue = data.constraints != nil
      // The first message bears model time, the others arrival.
      let clock = isIssue && data.attempt == 1 ? "model time" : "UTC"
      report.row(
        data.state.symbol.0, data.state, "\(Figures.time(message.time)) \(clock), \(words)",
        data.state.symbol.1)
    }
  }

  // MARK: A model

  /// Why a model is retrained now, or is not.
  package static func of(_ model: ModelDetail, width: Int) -> [StyledLine] {
    var report = Report(width: width, labels: labels)
    let retrain = model.retrain
    report.title("\(model.summary.name): \(verdict(retrain))")
    report.text(
      "\(model.summary.state.rawValue), preset \(model.summary.preset), mode \(retrain.mode), as of \(Figures.time(model.at)) UTC",
      .dim)
    if !retrain.blocks.isEmpty {
      report.heading("What stands in the way")
      for block in retrain.blocks { report.row(block.symbol, block.code, words(block, model), .warning) }
    }
    report.heading("The rules")
    rules(model, &report)
    report.row(
      "clock",
      "last set at \(Figures.time(retrain.lastRetrain)), next allowed \(Figures.time(model.summary.nextAllowedRetrain)), model time"
    )
    report.heading("What is measured")
    monitors(model, &report)
    coverage(retrain.coverage, model, &report)
    if let decision = model.summary.decision {
      report.heading(decision.open ? "The open decision" : "The last decision")
      report.row(
        decision.state.symbol.0, decision.state, "\(decision.id), attempt \(decision.attempt)",
        decision.state.symbol.1)
    }
    timers(model.timers, isOver: false, now: model.at, &report)
    return report.lines
  }

  private static func verdict(_ retrain: RetrainAnswer) -> String {
    let fired = retrain.rules.filter(\.fires).map(\.rule)
    if retrain.wouldRetrain { return "would be retrained now, by \(fired.joined(separator: ", "))" }
    return fired.isEmpty
      ? "not retrained: no rule fires"
      : "not retrained, though \(fired.joined(separator: " and ")) \(fired.count == 1 ? "fires" : "fire")"
  }

  static func words(_ block: RetrainAnswer.Block, _ model: ModelDetail) -> String {
    let text = block.text + (block.code == "open_decision" ? "; a new one would supersede it" : "")
    guard let until = block.until else { return text }
    // The minimum time runs on the model's own clock, everything else on the daemon's.
    let isModelTime = block.code == "minimum_time"
    let left = (isModelTime ? model.summary.modelTime : model.at).duration(to: until)
    let clock = isModelTime ? " of model time" : ""
    return "\(text); until \(Figures.time(until)), in \(Figures.span(max(.zero, left)))\(clock)"
  }

  // MARK: Parts of both

  static func rules(_ model: ModelDetail, _ report: inout Report) {
    for rule in model.retrain.rules {
      report.row(rule.fires ? "●" : "○", rule.rule, rule.words, rule.fires ? .bad : .usual)
    }
  }

  static func monitors(_ model: ModelDetail, _ report: inout Report) {
    if model.monitors.isEmpty { report.text("Nothing yet.") }
    for monitor in model.monitors {
      let (symbol, style) = monitor.symbol
      report.row(symbol, monitor.label, monitor.words(now: model.at), style)
    }
    guard let features = model.features, features.total > 0 else { return }
    let top = features.top.filter(\.drifted).prefix(3)
      .map { "\($0.name) \(Figures.prose($0.score))" }.joined(separator: ", ")
    report.row(
      features.drifted > 0 ? "●" : "○", "features",
      "\(features.drifted) of \(features.total) drift" + (top.isEmpty ? "" : ": \(top)"),
      features.drifted > 0 ? .warning : .good)
  }

  private static func coverage(_ coverage: Double?, _ model: ModelDetail, _ report: inout Report) {
    report.row(
      coverage.map { $0 < 0.99 ? "●" : "○" } ?? "◌", "coverage", coverageWords(coverage),
      coverage.map { $0 < 0.99 ? .warning : .good } ?? .dim)
    for source in model.sources {
      let losses = source.losses
      report.row(
        losses == nil ? " " : "▲", source.source,
        (losses ?? "nothing lost") + " of \(Figures.count(source.received + source.lost)); \(source.state)",
        losses == nil ? .dim : .warning, losses == nil ? .dim : .usual)
    }
    if model.sourcesTruncated { report.text("and further sources", .dim) }
  }

  private static func coverageWords(_ coverage: Double?) -> String {
    coverage.map { "\(Figures.percent($0)) of what its sources sent since the decision before came" }
      ?? "not known: a source does not number its messages, or none sent any"
  }

  static func timers(_ timers: [TimerAnswer], isOver: Bool, now: Timestamp, _ report: inout Report) {
    report.heading("What falls due")
    if timers.isEmpty { report.text(isOver ? "Nothing: the decision is over." : "Nothing.") }
    for timer in timers {
      let left = now.duration(to: timer.at)
      let when = left <= .zero ? "now" : "in \(Figures.span(left))"
      report.row(" ", timer.timer, "\(when), at \(Figures.time(timer.at)) UTC: \(timer.text)")
    }
  }
}

extension AlertAnswer {
  var label: String { metric.map { "\(monitor) \($0)" } ?? monitor }

  /// - Parameter isWhole: with the evidence, which a model's monitors tell as well.
  func words(now: Timestamp, isWhole: Bool = true) -> String {
    var words = "\(severity.rawValue), \(Figures.prose(value)) against \(Figures.prose(threshold))"
    words += ", since \(Figures.time(openedAt, near: now))"
    if isWhole, let evidence { words += "; " + evidence.words(now: now) }
    if !topK.isEmpty {
      words +=
        "; " + topK.prefix(3).map { "\($0.name) \(Figures.prose($0.driftScore))" }.joined(separator: ", ")
    }
    return words
  }
}

extension AlertSeverity {
  var style: Style {
    switch self {
    case .high: .bad
    case .medium: .warning
    case .low: .accent
    }
  }
  var symbol: String {
    switch self {
    case .high: "●"
    case .medium: "▲"
    case .low: "◐"
    }
  }
}

extension String {
  /// Of a decision's state.
  var symbol: (String, Style) {
    switch self {
    case "verified", "succeeded": ("✓", .good)
    case "failed", "expired", "rejected": ("✗", .bad)
    case "superseded", "cancelled", "proposed": ("○", .dim)
    case "acked", "started": ("◐", .accent)
    default: ("●", .warning)
    }
  }
}
