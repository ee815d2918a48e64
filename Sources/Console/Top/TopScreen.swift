import Events

extension TopState {
  /// Lines around a page's body: two above it, a blank one and the keys below it.
  private static let frame = 4

  /// Lines of a page's body.
  package static func bodyHeight(_ size: ScreenSize) -> Int { max(1, size.rows - frame) }

  /// The whole screen: a pure function of the state.
  package func screen(_ size: ScreenSize) -> [StyledLine] {
    let width = size.columns
    let height = Self.bodyHeight(size)
    var body = body(width: width, height: height)
    if isOld { body = body.map(\.dimmed) }
    body = Array(body.prefix(height))
    body += Array(repeating: StyledLine(), count: height - body.count)
    let subtitle = isOld ? subtitle(width).dimmed : subtitle(width)
    return ([title(width), subtitle, StyledLine()] + body + [footer(width)]).map { $0.clipped(to: width) }
  }

  /// Whether what is shown may not be so any more.
  private var isOld: Bool {
    switch link {
    case .lost: true
    case .connecting, .live, .polling: false
    }
  }

  // MARK: Above

  private func title(_ width: Int) -> StyledLine {
    var line = StyledLine(" tidemark", .bold)
    if let status {
      line.add(" \(status.name)")
      if width >= 72 { line.add("  \(status.version)", .dim) }
    }
    let right = linkWords(width)
    let counts = modelWords(room: width - line.width - right.width - 5)
    line.add("  ")
    line.add(counts)
    line.pad(to: width - right.width - 1)
    line.add(right)
    return line
  }

  private func modelWords(room: Int) -> StyledLine {
    guard heard != nil else { return StyledLine() }
    var line = StyledLine(Figures.word(total, "model"))
    let states: [(ModelHealth, Style)] = [
      (.alerting, .bad), (.stale, .warning), (.learning, .accent), (.silenced, .dim), (.healthy, .good),
    ]
    var separator = ": "
    for (state, style) in states {
      guard let count = byState[state.rawValue], count > 0 else { continue }
      let words = "\(Figures.count(count)) \(state.rawValue)"
      guard line.width + separator.count + words.count <= room else { break }
      line.add(separator, .dim)
      line.add(words, style)
      separator = " · "
    }
    return line.width <= room ? line : StyledLine()
  }

  private func linkWords(_ width: Int) -> StyledLine {
    switch link {
    case .connecting: return StyledLine("◌ connecting", .accent)
    case .live: return StyledLine("● live", .good)
    case .polling: return StyledLine("◐ polling", .accent)
    case .lost(let why, let retry):
      let left = max(.zero, now.duration(to: retry))
      let seconds = (left.clampedNanoseconds + 999_999_999) / 1_000_000_000
      let again = seconds == 0 ? "trying now" : "again in \(seconds) s"
      let old = heard.map { "data \(Figures.span($0.duration(to: now).wholeSeconds)) old, " } ?? ""
      let words = "✗ no connection, \(old)\(again)"
      return StyledLine(
        width >= 100 ? "\(words) (\(cut(plain(why), to: 40)))" : width >= 64 ? words : "✗ lost", .bad)
    }
  }

  private func subtitle(_ width: Int) -> StyledLine {
    var line = StyledLine(" ")
    if isFiltering || !filter.isEmpty {
      line.add("filter: ", .accent)
      line.add(filter, .bold)
      if isFiltering { line.add(" ", Style(isReversed: true)) }
      line.add("  \(Figures.count(shown.count)) of \(Figures.count(total))", .dim)
      return line
    }
    guard let status else {
      if case .lost(let why, _) = link { line.add(why) }
      return line
    }
    for (index, (words, style)) in accountWords(status).enumerated() {
      let separator = index == 0 ? "" : " · "
      guard line.width + separator.count + displayWidth(of: words) <= width else { break }
      line.add(separator, .dim)
      line.add(words, style)
    }
    return line
  }

  /// What matters most first.
  private func accountWords(_ status: StatusAnswer) -> [(String, Style)] {
    let account = status.account
    let lost = account.reasons["gap"] ?? 0
    var words: [(String, Style)] = []
    if status.state != "serving" { words.append((status.state, .warning)) }
    if status.journal.state == "failing" { words.append(("journal failing, nothing is decided", .bad)) }
    words.append(
      (
        rate.map { "\(Figures.short(Int(bounded: $0.rounded()))) events/s" }
          ?? "\(Figures.short(account.received)) events", .usual
      ))
    words.append(("\(Figures.short(lost)) lost", lost > 0 ? .warning : .dim))
    words.append(("\(Figures.short(account.rejected)) rejected", account.rejected > 0 ? .warning : .dim))
    words.append((Figures.word(status.sources.total, "source"), .usual))
    if let stale = status.sources.byState["stale"], stale > 0 {
      words.append(("\(Figures.count(stale)) stale", .warning))
    }
    let journal = status.journal.bytes.map { " " + Figures.bytes(Double($0)) } ?? ""
    if status.journal.state != "failing" { words.append(("journal \(status.journal.state)\(journal)", .dim)) }
    words.append(("up \(Figures.span(status.since.duration(to: daemonNow).wholeSeconds))", .dim))
    return words
  }

  // MARK: Below

  private func footer(_ width: Int) -> StyledLine {
    var line = StyledLine(" ")
    let place = placeWords
    for (key, words) in keys {
      guard line.width + key.count + words.count + 3 <= width - place.count - 1 else { continue }
      line.add(key, .bold)
      line.add(" \(words)  ", .dim)
    }
    line.pad(to: width - place.count - 1)
    line.add(place, .dim)
    return line
  }

  private var placeWords: String {
    guard page == .fleet, !shown.isEmpty else { return "" }
    return "\(Figures.count(selectedRow + 1))/\(Figures.count(shown.count))"
  }

  private var keys: [(String, String)] {
    if isFiltering { return [("enter", "keep"), ("esc", "clear")] }
    switch page {
    case .fleet:
      return [
        ("q", "quit"), ("?", "help"), ("enter", "open"), ("d", "decision"), ("a", "account"), ("A", "alerts"),
        ("/", "filter"), ("s", "sort: \(sort.rawValue)"),
      ]
    case .model:
      return [
        ("q", "quit"), ("esc", "back"), ("d", "decision"), ("a", "account"), ("A", "alerts"),
        ("jk", "scroll"),
      ]
    case .alerts: return [("q", "quit"), ("esc", "back"), ("enter", "open"), ("jk", "move")]
    case .decision, .account, .help: return [("q", "quit"), ("esc", "back"), ("jk", "scroll")]
    }
  }

  // MARK: Between

  private func body(width: Int, height: Int) -> [StyledLine] {
    switch page {
    case .fleet: return FleetPage(self, width: width - 2).lines(height: height)
    case .alerts: return AlertsPage(self, width: width - 2).lines(height: height)
    default: return scrolled(text(width: width - 1), height)
    }
  }

  /// The first line of a text page's last screen.
  func lastScroll(_ size: ScreenSize) -> Int {
    max(0, text(width: size.columns - 1).count - Self.bodyHeight(size))
  }

  private func text(width: Int) -> [StyledLine] {
    switch page {
    case .model(let name):
      guard let model else { return waiting(for: "\(name)") }
      return ModelPage.lines(model, width: width)
    case .decision(let id):
      guard let decision else { return waiting(for: id) }
      return Explanation.of(decision.detail, model: decision.model, width: width)
    case .account:
      guard let status else { return waiting(for: "the account") }
      return AccountPage.lines(status, sources, now: daemonNow, width: width)
    case .help: return HelpPage.lines(width: width)
    case .fleet, .alerts: return []
    }
  }

  private func waiting(for what: String) -> [StyledLine] {
    [StyledLine(" \(what)", .bold), StyledLine(), StyledLine("  \(missing ?? "…")", .dim)]
  }

  private func scrolled(_ lines: [StyledLine], _ height: Int) -> [StyledLine] {
    let first = min(scroll, max(0, lines.count - height))
    var page = lines[first..<min(first + height, lines.count)].map { line in
      var moved = StyledLine(" ")
      moved.add(line)
      return moved
    }
    if first + height < lines.count, height > 3 {
      page[page.count - 1] = StyledLine("   ↓ \(lines.count - first - height + 1) more", .dim)
    }
    return page
  }
}

extension Duration {
  /// Without its fraction of a second.
  var wholeSeconds: Duration { .seconds(clampedNanoseconds / 1_000_000_000) }
}
