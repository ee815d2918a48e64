import Events

/// One model: alerts, monitors, why it is retrained or not, features, sources, timers.
enum ModelPage {
  static func lines(_ model: ModelDetail, width: Int) -> [StyledLine] {
    var report = Report(width: width)
    let summary = model.summary
    var title = StyledLine("\(summary.name)", .bold)
    let (symbol, style) = summary.symbol
    title.add("  \(symbol) \(summary.state.rawValue)", style)
    title.add("  preset \(summary.preset), \(Figures.count(summary.events)) events, last ", .dim)
    title.add("\(Figures.span(summary.lastEventAt.duration(to: model.at).wholeSeconds)) ago", .dim)
    report.line(title.clipped(to: width))
    if !model.alerts.isEmpty {
      report.heading("Alerts")
      for alert in model.alerts {
        report.row(
          alert.severity.symbol, alert.label, alert.words(now: model.at, isWhole: false), alert.severity.style
        )
      }
    }
    report.heading("Monitors")
    for monitor in model.monitors {
      report.line(line(monitor, width: width))
      guard let evidence = monitor.evidence else { continue }
      report.row("", "", evidence.words(now: model.at), .usual, .dim)
    }
    if model.monitors.isEmpty { report.text("Nothing is measured yet.", .dim) }
    features(model, &report)
    report.heading("Retrain: \(model.retrain.wouldRetrain ? "would be asked for now" : "not now")")
    Explanation.rules(model, &report)
    for block in model.retrain.blocks {
      report.row(block.symbol, block.code, Explanation.words(block, model), .warning)
    }
    if let decision = summary.decision {
      let (symbol, style) = decision.state.symbol
      report.row(
        symbol, decision.open ? "open decision" : "last decision", "\(decision.state), \(decision.id)", style)
    }
    sources(model, &report)
    Explanation.timers(model.timers, isOver: false, now: model.at, &report)
    return report.lines
  }

  /// A monitor with how near it is to its limit as a bar.
  private static func line(_ monitor: MonitorAnswer, width: Int) -> StyledLine {
    var line = StyledLine("  ")
    let (symbol, style) = monitor.symbol
    line.add("\(symbol) ", style)
    line.add(monitor.label, style, cell: min(18, width / 3))
    line.add("  ")
    switch monitor.state {
    case "learning":
      line.add(
        "learning \(Figures.count(monitor.seen ?? 0)) of \(Figures.count(monitor.wanted ?? 0))", .accent)
    case "no_data": line.add("nothing measured yet", .dim)
    default:
      line.add(Figures.number(monitor.value), style, cell: 9, .right)
      line.add("  ")
      line.add("(\(monitor.direction.sign) \(Figures.prose(monitor.threshold)))", .dim, cell: 11)
      if let score = monitor.score, width >= 70 {
        let columns = min(24, width - 56)
        line.add(Figures.bar(score / 2, columns: columns), style, cell: columns)
        line.add(" \(Figures.rough(score))", .dim)
      }
    }
    return line.clipped(to: width)
  }

  private static func features(_ model: ModelDetail, _ report: inout Report) {
    guard let features = model.features, features.total > 0 else { return }
    report.heading("Features: \(Figures.count(features.drifted)) of \(Figures.count(features.total)) drift")
    for feature in features.top.prefix(10) {
      report.row(
        feature.drifted ? "●" : "○", feature.name,
        "\(Figures.prose(feature.score)); mean \(Figures.prose(feature.baselineMean)), now \(Figures.prose(feature.newMean))",
        feature.drifted ? .warning : .usual)
    }
  }

  private static func sources(_ model: ModelDetail, _ report: inout Report) {
    report.heading("Sources" + (model.retrain.coverage.map { ": coverage \(Figures.percent($0))" } ?? ""))
    for source in model.sources {
      report.row(
        source.losses == nil ? "✓" : "▲", source.source,
        "\(source.state), \(Figures.count(source.received)) received"
          + (source.losses.map { ", \($0)" } ?? ""),
        source.losses == nil ? .good : .warning)
    }
    if model.sources.isEmpty { report.text("None has sent events since the last decision.", .dim) }
    if model.sourcesTruncated { report.text("and further ones", .dim) }
  }
}

extension String {
  /// Of a monitor's direction: what is compared.
  fileprivate var sign: String {
    switch self {
    case "above": "≤"
    case "below": "≥"
    default: "in"
    }
  }
}

/// What became of everything that was sent.
enum AccountPage {
  static func lines(_ status: StatusAnswer, _ sources: [SourceAnswer], now: Timestamp, width: Int)
    -> [StyledLine]
  {
    var report = Report(width: width)
    let account = status.account
    report.title("The account since \(Figures.time(status.since)) UTC")
    report.row(
      "received",
      "\(Figures.count(account.received)) events, \(Figures.count(account.rejected)) of them rejected")
    report.row(
      "published",
      "\(Figures.count(account.published)) messages, \(Figures.word(account.alertsOpened, "alert")) opened, \(Figures.word(account.decisions, "decision"))"
    )
    report.row(
      "models", "\(Figures.count(status.models.total)) of at most \(Figures.count(status.models.limit))")
    report.heading("Reasons")
    let reasons = account.reasons.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    if reasons.isEmpty { report.text("Nothing was rejected, late or lost.", .dim) }
    for (reason, count) in reasons {
      report.row(reason, "\(Figures.count(count)): \(ReasonWords.of(reason))")
    }
    report.heading(
      "Sources: \(Figures.count(status.sources.total)) of at most \(Figures.count(status.sources.limit))")
    let table = Columns(columns(now, sources), width: width - 2)
    var header = StyledLine("  ")
    header.add(table.header(.bold))
    report.line(header)
    for source in sources {
      var line = StyledLine("  ")
      line.add(table.line(source))
      report.line(line)
    }
    return report.lines
  }

  private static func columns(_ now: Timestamp, _ all: [SourceAnswer]) -> [Columns<SourceAnswer>.Column] {
    func figure(_ title: String, rank: Int, _ style: Style, _ value: @escaping (SourceAnswer) -> Int)
      -> Columns<SourceAnswer>.Column
    {
      .init(title, rank: rank, max(7, title.count)...max(8, title.count), .right) { row, _ in
        (Figures.short(value(row)), value(row) > 0 ? style : .dim)
      }
    }
    let longest = all.reduce(12) { max($0, displayWidth(of: plain($1.source))) }
    return [
      .init("SOURCE", rank: 0, 16...max(16, min(40, longest))) { row, _ in (row.source, .bold) },
      .init("STATE", rank: 1, 6...6) { row, _ in
        (row.state, row.state == "live" ? .good : row.state == "stale" ? .warning : .dim)
      },
      figure("RECEIVED", rank: 2, .usual) { $0.received },
      figure("LOST", rank: 2, .bad) { $0.lost },
      figure("REJECTED", rank: 3, .warning) { $0.rejected },
      figure("DROPPED", rank: 6, .warning) { $0.dropped },
      figure("DUPLICATE", rank: 7, .usual) { $0.duplicate },
      figure("LATE", rank: 7, .usual) { $0.late },
      figure("UNNUMBERED", rank: 8, .warning) { $0.unsequenced },
      figure("RESTARTS", rank: 5, .usual) { $0.restarts },
      .init("CLOCK", rank: 6, 9...9, .right) { row, _ in
        (
          row.clockOffsetMs.map { Figures.offset($0) } ?? "",
          abs(row.clockOffsetMs ?? 0) > 5_000 ? .warning : .dim
        )
      },
      .init("HEARD", rank: 4, 5...5, .right) { row, _ in (Figures.age(row.lastHeard.duration(to: now)), .dim)
      },
    ]
  }
}

/// Every open alert in a row.
struct AlertsPage {
  private let state: TopState
  private let table: Columns<AlertAnswer>

  init(_ state: TopState, width: Int) {
    self.state = state
    let now = state.daemonNow
    table = Columns(
      [
        .init("", rank: 0, 1...1) { row, _ in (row.severity.symbol, row.severity.style) },
        .init("SEVERITY", rank: 1, 8...8) { row, _ in (row.severity.rawValue, row.severity.style) },
        .init("MODEL", rank: 0, 16...40) { row, _ in
          (row.source.map { "source \($0)" } ?? "\(row.name)", .bold)
        },
        .init("WHAT", rank: 0, 8...24) { row, _ in (row.label, .usual) },
        .init("VALUE", rank: 2, 9...9, .right) { row, _ in (Figures.number(row.value), row.severity.style) },
        .init("LIMIT", rank: 3, 9...9, .right) { row, _ in (Figures.number(row.threshold), .dim) },
        .init("SINCE", rank: 4, 16...16) { row, _ in
          // To the minute, unless it was today.
          (String(Figures.time(row.openedAt, near: now).prefix(16)), .dim)
        },
        .init("FEATURES", rank: 5, 12...60) { row, _ in (row.topK.map(\.name).joined(separator: ", "), .dim)
        },
      ], width: width)
  }

  func lines(height: Int) -> [StyledLine] {
    var header = StyledLine(" ")
    header.add(table.header(.bold))
    guard !state.alerts.isEmpty else {
      return [header, StyledLine(), StyledLine("  \(state.missing ?? "No alert is open.")", .dim)]
    }
    let rows = max(1, height - 1)
    let first = min(max(0, state.selectedAlert - rows / 2), max(0, state.alerts.count - rows))
    return [header]
      + state.alerts[first..<min(first + rows, state.alerts.count)].enumerated().map { index, alert in
        var line = StyledLine(" ")
        line.add(table.line(alert))
        return first + index == state.selectedAlert ? line.styled { $0.isReversed = true } : line
      }
  }
}

enum HelpPage {
  static func lines(width: Int) -> [StyledLine] {
    var report = Report(width: width)
    report.title("Keys")
    for (key, words) in [
      ("↑ ↓  j k", "one row up or down"), ("PgUp PgDn", "a page; g and G: to the first and last"),
      ("enter  l", "open the model; from a model, its decision"), ("esc  h", "back"),
      ("d", "the decision of the model: why, and its life"), ("a", "the account: sources, losses, reasons"),
      ("A", "open alerts"), ("/", "only models with these words in name, version or state"),
      ("s", "sort by urgency, name, drift, accuracy, newest"), ("r", "ask again now"), ("q  ctrl-C", "quit"),
      ("ctrl-Z", "suspend; fg comes back"),
    ] { report.row(key, words) }
    report.heading("Signs")
    for (symbol, label, words, style) in [
      ("●", "high", "an alert of severity high", Style.bad),
      ("▲", "medium", "one of severity medium", .warning),
      ("◐", "low", "one of severity low", .accent),
      ("◌", "stale, learning", "nothing comes, or too little came yet", .warning),
      ("✓", "healthy", "nothing is wrong", .good),
    ] { report.row(symbol, label, words, style) }
    report.text("The small columns under DRIFT are the last batches; half height is the limit.")
    report.text("LAST is since the last event came, by the daemon's clock. Times are UTC.")
    return report.lines
  }
}
