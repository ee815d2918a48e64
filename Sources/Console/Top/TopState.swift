package import Events

/// All that `tidemark top` shows, as a value: messages, keys and time go in, and ``screen(_:)`` is drawn from it.
package struct TopState: Sendable {
  /// As many as a daemon watches by default; further ones are not shown, and counted.
  package static let maximumModels = 10_000
  /// Pages that lead back one by one.
  static let maximumPages = 16
  static let maximumFilter = 80

  package enum Page: Equatable, Sendable {
    case fleet
    case model(ModelName)
    case decision(String)
    case account
    case alerts
    case help
  }

  package enum Sort: String, CaseIterable, Sendable {
    case urgency, name, drift, accuracy, newest
  }

  /// The last is in front.
  package var pages: [Page] = [.fleet]
  package var link = Link.connecting
  package var status: StatusAnswer?
  /// Events a second between the last two statuses.
  package var rate: Double?
  package var total = 0
  package var byState: [String: Int] = [:]
  package var model: ModelDetail?
  package var decision: (detail: DecisionDetail, model: ModelDetail?)?
  package var sources: [SourceAnswer] = []
  package var alerts: [AlertAnswer] = []
  /// Of the page in front, why it has nothing to show.
  package var missing: String?

  package var sort = Sort.urgency { didSet { arrange() } }
  package var filter = "" { didSet { arrange() } }
  package var isFiltering = false
  /// Nil for whichever is first.
  package var selected: ModelName?
  var selectedAlert = 0
  /// The first line of a text page, or of a list.
  package var scroll = 0
  /// By this machine's clock.
  package var now: Timestamp
  /// When data last came, by this machine's clock.
  package var heard: Timestamp?
  /// How far the daemon's clock is ahead of this machine's.
  var ahead = Duration.zero

  /// Those that the filter lets through, in order.
  package private(set) var shown: [ModelSummary] = []
  private var models: [ModelName: ModelSummary] = [:]

  package init(now: Timestamp) { self.now = now }

  package var page: Page { pages[pages.count - 1] }

  /// The daemon's clock.
  var daemonNow: Timestamp { now.advanced(by: ahead) }

  package var interest: Interest {
    switch page {
    case .fleet, .help: .fleet
    case .model(let name): .model(name)
    case .decision(let id): .decision(id)
    case .account: .account
    case .alerts: .alerts
    }
  }

  // MARK: What comes

  package mutating func take(_ message: FeedMessage) {
    switch message {
    case .link(let link): self.link = link
    case .status(let status): take(status)
    case .fleet(let all, let at, let total, let byState):
      hear(at)
      models = Dictionary(all.prefix(Self.maximumModels).map { ($0.name, $0) }) { _, last in last }
      (self.total, self.byState) = (total, byState)
      arrange()
    case .delta(let delta): take(delta)
    case .model(let detail):
      hear(detail.at)
      guard page == .model(detail.summary.name) else { return }
      (model, missing) = (detail, nil)
    case .decision(let detail, let model):
      hear(detail.at)
      guard page == .decision(detail.decision.id) else { return }
      (decision, missing) = ((detail, model), nil)
    case .sources(let sources, _): (self.sources, missing) = (sources, nil)
    case .alerts(let list): (alerts, missing) = (list.alerts, nil)
    case .missing(let interest, let words): if interest == self.interest { missing = words }
    }
  }

  private mutating func take(_ status: StatusAnswer) {
    hear(status.now)
    if let last = self.status, last.since == status.since {
      let seconds = last.now.duration(to: status.now).secondsValue
      if seconds > 0 { rate = max(0, Double(status.account.received - last.account.received)) / seconds }
    } else {
      rate = nil
    }
    self.status = status
  }

  private mutating func take(_ delta: FleetDelta) {
    hear(delta.at)
    (total, byState) = (delta.total, delta.byState)
    for model in delta.models where models.count < Self.maximumModels || models[model.name] != nil {
      models[model.name] = model
    }
    arrange()
  }

  private mutating func hear(_ at: Timestamp) {
    heard = now
    ahead = now.duration(to: at)
  }

  // MARK: The list

  private mutating func arrange() {
    let words = filter.lowercased().split(separator: " ")
    let passing = models.values.filter { model in
      guard !words.isEmpty else { return true }
      let text = "\(model.model) \(model.version) \(model.state.rawValue)".lowercased()
      return words.allSatisfy { text.contains($0) }
    }
    shown = passing.sorted { left, right in
      let (first, second) = (key(left), key(right))
      return first == second ? left.name < right.name : first > second
    }
  }

  /// Larger comes first.
  private func key(_ model: ModelSummary) -> Double {
    switch sort {
    case .urgency: model.urgency
    case .name: 0
    case .drift: model.drift.flatMap { drift in drift.score.map { $0 / max(drift.threshold, 1e-9) } } ?? -1
    case .accuracy: -(model.accuracy.map { $0 / max(model.baselineAccuracy ?? 1, 1e-9) } ?? 2)
    case .newest: Double(model.lastEventAt.nanoseconds)
    }
  }

  /// Where the selected model stands in ``shown``.
  package var selectedRow: Int {
    guard let selected, let row = shown.firstIndex(where: { $0.name == selected }) else { return 0 }
    return row
  }

  package var selectedModel: ModelSummary? { shown.isEmpty ? nil : shown[selectedRow] }
}
