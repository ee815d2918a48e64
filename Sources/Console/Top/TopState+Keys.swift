/// What a key asks of whoever holds the terminal.
package enum TopRequest: Equatable, Sendable {
  case nothing
  case quit
  case suspend
  /// Connect again, or fetch again, now.
  case refresh
}

extension TopState {
  /// Takes one key.
  ///
  /// - Parameter size: of the terminal, for going on by a page and no further than the last one.
  package mutating func press(_ key: Key, _ size: ScreenSize) -> TopRequest {
    let height = Self.bodyHeight(size)
    if key == .control("c") { return .quit }
    if key == .control("z") { return .suspend }
    if key == .control("l") { return .refresh }
    if isFiltering { return typeFilter(key, size) }
    switch key {
    case .character("q"): return .quit
    case .character("r"): return .refresh
    case .character("?"): page == .help ? back() : open(.help)
    case .character("a"): open(.account)
    case .character("A"): open(.alerts)
    case .character("d"): openDecision()
    case .escape, .backspace, .left, .character("h"): back()
    case .enter, .right, .character("l"): openSelected()
    case .character("/"): (isFiltering, pages, scroll) = (true, [.fleet], 0)
    case .character("s"):
      let all = Sort.allCases
      sort = all[((all.firstIndex(of: sort) ?? 0) + 1) % all.count]
    case .up, .character("k"): move(by: -1, size)
    case .down, .character("j"): move(by: 1, size)
    case .pageUp, .control("b"): move(by: -max(1, height - 1), size)
    case .pageDown, .control("f"), .character(" "): move(by: max(1, height - 1), size)
    case .home, .character("g"): move(by: -Self.maximumModels, size)
    case .end, .character("G"): move(by: Self.maximumModels, size)
    default: break
    }
    return .nothing
  }

  private mutating func typeFilter(_ key: Key, _ size: ScreenSize) -> TopRequest {
    switch key {
    case .character(let letter) where filter.count < Self.maximumFilter: filter.append(letter)
    case .backspace:
      if filter.isEmpty { isFiltering = false } else { filter.removeLast() }
    case .control("u"): filter = ""
    case .enter: isFiltering = false
    case .escape: (isFiltering, filter) = (false, "")
    case .up: move(by: -1, size)
    case .down: move(by: 1, size)
    default: break
    }
    return .nothing
  }

  package mutating func open(_ page: Page) {
    guard page != self.page else { return }
    if let before = pages.firstIndex(of: page) { pages.removeSubrange(before...) }
    if pages.count == Self.maximumPages { pages.remove(at: 1) }
    pages.append(page)
    turn()
  }

  private mutating func back() {
    if pages.count > 1 {
      pages.removeLast()
      turn()
    } else if !filter.isEmpty {
      filter = ""
    }
  }

  private mutating func turn() {
    (scroll, selectedAlert, missing) = (0, 0, nil)
    if case .model(let name) = page, model?.summary.name != name { model = nil }
    if case .decision(let id) = page, decision?.detail.decision.id != id { decision = nil }
  }

  private mutating func openSelected() {
    switch page {
    case .fleet: if let model = selectedModel { open(.model(model.name)) }
    case .alerts:
      guard alerts.indices.contains(selectedAlert), alerts[selectedAlert].source == nil else { return }
      open(.model(alerts[selectedAlert].name))
    case .model: openDecision()
    default: break
    }
  }

  private mutating func openDecision() {
    let decision =
      switch page {
      case .fleet: selectedModel?.decision
      case .model(let name): model?.summary.name == name ? model?.summary.decision : nil
      default: ModelSummary.Decision?.none
      }
    if let decision { open(.decision(decision.id)) }
  }

  /// Moves what is selected, or the text. Past an end it stays there.
  private mutating func move(by rows: Int, _ size: ScreenSize) {
    switch page {
    case .fleet:
      guard !shown.isEmpty else { return }
      let row = min(max(selectedRow + rows, 0), shown.count - 1)
      // At the top whichever is first is meant, also when another one comes there.
      selected = row == 0 ? nil : shown[row].name
    case .alerts: selectedAlert = min(max(selectedAlert + rows, 0), max(0, alerts.count - 1))
    default: scroll = min(max(0, scroll + rows), lastScroll(size))
    }
  }
}
