import Events
import Foundation

/// Every model in a row, the most urgent first.
struct FleetPage {
  let state: TopState
  private let table: Columns<ModelSummary>

  init(_ state: TopState, width: Int) {
    self.state = state
    let now = state.daemonNow
    let longest = state.shown.prefix(2_000).reduce((12, 0)) { sum, model in
      (
        max(sum.0, displayWidth(of: plain(model.model))),
        model.version == "-" ? sum.1 : max(sum.1, displayWidth(of: plain(model.version)))
      )
    }
    table = Columns(Self.columns(now, model: min(longest.0, 40), version: min(longest.1, 14)), width: width)
  }

  private static func columns(
    _ now: Timestamp, model: Int, version: Int
  ) -> [Columns<ModelSummary>.Column] {
    [
      .init("", rank: 0, 1...1) { model, _ in model.symbol },
      .init("MODEL", rank: 0, 14...max(14, model)) { row, _ in (row.model, row.state == .stale ? .dim : .bold)
      },
      // No column for versions that no model has.
      version > 0
        ? .init("VERSION", rank: 6, 7...max(7, version)) { row, _ in
          (row.version == "-" ? "" : row.version, .usual)
        }
        : .init("", rank: .max, 0...0) { _, _ in ("", .usual) },
      .init("STATE", rank: 1, 8...8) { row, _ in (row.state.rawValue, row.symbol.1) },
      .init("ALERTS", rank: 2, 15...34) { row, width in (row.alertWords(width), row.worst?.style ?? .dim) },
      .init("ACCURACY", rank: 4, 8...8, .right) { row, _ in
        (Figures.fixed(row.accuracy, 3), row.style(of: "accuracy"))
      },
      .init("OF", rank: 8, 5...5, .right) { row, _ in (Figures.fixed(row.baselineAccuracy, 3), .dim) },
      .init("LATENCY", rank: 7, 8...8, .right) { row, _ in
        (row.latencyMs.map(Figures.milliseconds) ?? "", row.style(of: "latency"))
      },
      .init("DRIFT", rank: 5, 5...5, .right) { row, _ in
        (Figures.score(row.drift?.score), row.style(of: "drift"))
      },
      .init("", rank: 6, 8...24) { row, width in
        // Full at twice the limit, so that the limit is the middle.
        (
          Figures.spark(row.recentDrift.suffix(width), full: 2 * (row.drift?.threshold ?? 1)),
          row.style(of: "drift")
        )
      },
      .init("RETRAIN", rank: 3, 9...10) { row, _ in row.retrain },
      .init("LAST", rank: 1, 4...4, .right) { row, _ in
        (Figures.age(row.lastEventAt.duration(to: now)), row.state == .stale ? .warning : .dim)
      },
      .init("EVENTS", rank: 10, 7...7, .right) { row, _ in (Figures.short(row.events), .dim) },
    ]
  }

  func lines(height: Int) -> [StyledLine] {
    var header = StyledLine(" ")
    header.add(table.header(.bold))
    guard !state.shown.isEmpty else { return [header, StyledLine(), StyledLine("  " + nothing, .dim)] }
    let rows = max(1, height - 1)
    let selected = state.selectedRow
    let first = min(max(0, selected - rows / 2), max(0, state.shown.count - rows))
    return [header]
      + state.shown[first..<min(first + rows, state.shown.count)].enumerated().map { index, model in
        var line = StyledLine(" ")
        line.add(table.line(model))
        return first + index == selected ? line.styled { $0.isReversed = true } : line
      }
  }

  private var nothing: String {
    if state.heard == nil { return "" }
    if !state.filter.isEmpty { return "No model has '\(state.filter)' in its name, version or state." }
    return "No model yet: the first event that is published for one lists it here."
  }
}

extension Figures {
  /// Digits that stand under one another; nothing for nothing.
  static func fixed(_ value: Double?, _ digits: Int) -> String {
    guard let value, value.isFinite else { return "" }
    return value.magnitude < 100_000 ? String(format: "%.\(digits)f", value) : String(format: "%.1e", value)
  }

  /// In five columns up to 99,999.
  static func score(_ value: Double?) -> String { fixed(value, (value ?? 0).magnitude < 99.995 ? 2 : 0) }

  static func milliseconds(_ value: Double) -> String {
    switch value.magnitude {
    case ..<1: String(format: "%.2f ms", value)
    case ..<10: String(format: "%.1f ms", value)
    case ..<10_000: String(format: "%.0f ms", value)
    default: String(format: "%.0f s", value / 1e3)
    }
  }

  /// A clock's difference, with its sign.
  static func offset(_ milliseconds: Double) -> String {
    milliseconds.magnitude < 10_000
      ? String(format: "%+.1f ms", milliseconds) : String(format: "%+.0f s", milliseconds / 1e3)
  }
}

extension ModelSummary {
  var symbol: (String, Style) {
    switch state {
    case .alerting: (worst?.symbol ?? "●", worst?.style ?? .warning)
    case .stale: ("◌", .warning)
    case .learning: ("◌", .accent)
    case .silenced: ("−", .dim)
    case .healthy: ("✓", .good)
    case .other: ("·", .usual)
    }
  }

  /// The worst monitors by name, as many as fit.
  func alertWords(_ width: Int) -> String {
    guard !alerts.isEmpty else { return "" }
    let names = alerts.sorted { $0.severity > $1.severity }.map { $0.metric ?? $0.monitor }
    for count in stride(from: names.count, through: 1, by: -1) {
      let rest = names.count - count
      let text = names.prefix(count).joined(separator: ", ") + (rest > 0 ? " +\(rest)" : "")
      if text.count <= width { return text }
    }
    return names[0] + (names.count > 1 ? " +\(names.count - 1)" : "")
  }

  /// Of a figure: as the alert about it, if one is open.
  func style(of monitor: String) -> Style {
    let found = alerts.filter { $0.monitor == monitor }.map(\.severity).max()
    return found?.style ?? (state == .stale ? .dim : .usual)
  }

  var retrain: (String, Style) {
    guard let decision else { return ("", .dim) }
    guard decision.open else { return (decision.state, .dim) }
    return (decision.state, decision.state.symbol.1)
  }
}
