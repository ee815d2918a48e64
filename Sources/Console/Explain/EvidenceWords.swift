import Events

// What is measured, in words with figures.

extension MonitorAnswer {
  /// `accuracy`, or `metric conversion`.
  var label: String { metric.map { "\(monitor) \($0)" } ?? monitor }

  /// Share of the way to an alarm, 1 at the limit.
  var symbol: (String, Style) {
    switch state {
    case "violated": ("●", .bad)
    case "learning": ("◌", .accent)
    case "no_data": ("◌", .dim)
    default: (score ?? 0) >= 0.8 ? ("◐", .warning) : ("○", .good)
    }
  }

  private var limitWords: String {
    let limit = Figures.prose(threshold)
    return switch direction {
    case "below": state == "violated" ? "below \(limit)" : "not below \(limit)"
    case "above": state == "violated" ? "above \(limit)" : "not above \(limit)"
    default: "limit \(limit)"
    }
  }

  func words(now: Timestamp) -> String {
    switch state {
    case "no_data": return "nothing was measured yet"
    case "learning":
      guard let seen, let wanted else { return "its reference is being learned" }
      return "its reference is being learned: \(Figures.count(seen)) of \(Figures.count(wanted)) cases"
    default: break
    }
    var words = "\(Figures.prose(value)), \(limitWords)"
    if let score {
      words +=
        state == "violated"
        ? "; \(Figures.prose(score)) times its limit" : "; \(Figures.rough(score)) of the way to an alarm"
    }
    if let reference { words += "; reference \(reference)" }
    if let evidence { words += "; " + evidence.words(now: now) }
    return words
  }
}

extension EvidenceAnswer {
  /// n, effect, evidence, change point.
  func words(now: Timestamp) -> String {
    var words =
      "\(Figures.word(cases, "case")), evidence 10^\(digit(log10E)) of 10^\(digit(log10EThreshold)) asked"
    words += ", effect \(Figures.prose(effect)) of at least \(Figures.prose(minimumEffect))"
    guard change.measurements > 0 else { return words }
    words += ", \(change.kind == "gradual" ? "a ramp" : "a step")"
    if let at = change.at { words += " since \(Figures.time(at, near: now))" }
    words += ", \(Figures.word(change.measurements, "measurement")) ago"
    if let quantile {
      words += ", quantile \(Figures.prose(quantile.level)) at \(Figures.prose(quantile.limitMs)) ms"
    }
    return words
  }

  private func digit(_ value: Double?) -> String {
    value.map { "\(($0 * 10).rounded() / 10)" } ?? "?"
  }
}

extension RetrainAnswer.Rule {
  /// How far the value is on the way to the threshold; nil when nothing was measured.
  var share: Double? {
    guard let value, threshold > 0 else { return nil }
    return max(0, value / threshold)
  }

  var words: String {
    guard let value else {
      return rule == "accuracy_drop"
        ? "accuracy does not alert; fires at a drop of \(figure(threshold)) below its alert threshold"
        : "nothing measured yet; fires at \(figure(threshold))"
    }
    if fires {
      return "fires: \(figure(value)), its threshold is \(figure(threshold))"
        + (reason.map { ". \($0)" } ?? "")
    }
    return
      "\(figure(value)) of \(figure(threshold)): \(figure(threshold - value)) to go (\(Figures.rough(share)))"
  }

  func figure(_ value: Double) -> String {
    unit == "s" ? Figures.span(seconds: value) : Figures.prose(value)
  }
}

extension RetrainAnswer.Block {
  /// An open decision does not stop a new one.
  var symbol: String { code == "open_decision" || code == "observe" ? "◐" : "✗" }
}

extension SourceAnswer {
  /// What is missing of it, or nil.
  var losses: String? {
    var parts: [String] = []
    if lost > 0 {
      let share = Double(lost) / Double(max(1, lost + received))
      parts.append("\(Figures.count(lost)) lost (\(Figures.percent(share)))")
      if dropped > 0 { parts.append("\(Figures.count(dropped)) of these dropped by itself") }
    }
    if rejected > 0 {
      let reasons = rejectedBy.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(3)
        .map { "\($0.key) \(Figures.count($0.value))" }.joined(separator: ", ")
      parts.append("\(Figures.count(rejected)) rejected" + (reasons.isEmpty ? "" : " (\(reasons))"))
    }
    if unsequenced > 0 {
      parts.append("\(Figures.count(unsequenced)) without a number, so losses cannot be seen")
    }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }
}
