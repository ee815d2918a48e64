import Events

/// What the comparison of two configurations came to.
struct ComparisonSummary: Encodable {
  struct Counts: Encodable, Equatable {
    var both = 0
    var onlyFirst = 0
    var onlySecond = 0

    var first: Int { both + onlyFirst }
    var second: Int { both + onlySecond }

    private enum CodingKeys: String, CodingKey {
      case both
      case first = "a"
      case second = "b"
      case onlyFirst = "only_a"
      case onlySecond = "only_b"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(first, forKey: .first)
      try container.encode(second, forKey: .second)
      try container.encode(both, forKey: .both)
      try container.encode(onlyFirst, forKey: .onlyFirst)
      try container.encode(onlySecond, forKey: .onlySecond)
    }
  }

  /// Decisions that one side made and the other answered later.
  struct Leads: Encodable {
    var count = 0
    var meanSeconds: Double { count == 0 ? 0 : totalSeconds / Double(count) }
    private(set) var longestSeconds = 0.0
    private var totalSeconds = 0.0

    mutating func enter(_ lead: Duration) {
      count += 1
      totalSeconds += lead.secondsValue
      longestSeconds = max(longestSeconds, lead.secondsValue)
    }

    private enum CodingKeys: String, CodingKey {
      case count
      case meanSeconds = "mean_s"
      case longestSeconds = "longest_s"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(count, forKey: .count)
      try container.encode(meanSeconds, forKey: .meanSeconds)
      try container.encode(longestSeconds, forKey: .longestSeconds)
    }

    var text: String {
      let mean = Difference.text(.nanoseconds(Int64(clamping: meanSeconds * 1e9)))
      let longest = Difference.text(.nanoseconds(Int64(clamping: longestSeconds * 1e9)))
      return count == 1 ? "once, by \(longest)" : "\(count) times, by \(mean) on average, at most \(longest)"
    }
  }

  private var counts: [Verdict.Kind: Counts] = [:]
  private var leads = (first: Leads(), second: Leads())

  subscript(kind: Verdict.Kind) -> Counts { counts[kind] ?? Counts() }

  mutating func enter(_ kind: Verdict.Kind, of side: Side?) {
    switch side {
    case nil: counts[kind, default: Counts()].both += 1
    case .first: counts[kind, default: Counts()].onlyFirst += 1
    case .second: counts[kind, default: Counts()].onlySecond += 1
    }
  }

  /// `side` decided, and the other one after `lead`.
  mutating func enter(lead: Duration, of side: Side) {
    if side == .first { leads.first.enter(lead) } else { leads.second.enter(lead) }
  }

  // MARK: For people

  func lines(_ names: (first: String, second: String)) -> [String] {
    var lines = ["", "A  \(names.first)", "B  \(names.second)", ""]
    let rows = Verdict.Kind.all.compactMap { kind in counts[kind].map { (Self.title(kind), $0) } }
    let shown = rows.isEmpty ? [(Self.title(.decision), Counts())] : rows
    let width = shown.reduce(0) { max($0, $1.0.count) }
    let row = { (cells: [String], title: String) in
      title + String(repeating: " ", count: width - title.count)
        + cells.map { String(repeating: " ", count: max(1, 8 - $0.count)) + $0 }.joined()
    }
    lines.append(row(["A", "B", "both", "only A", "only B"], ""))
    for (title, counts) in shown {
      let figures = [counts.first, counts.second, counts.both, counts.onlyFirst, counts.onlySecond]
      lines.append(row(figures.map(String.init), title))
    }
    if leads.first.count > 0 { lines.append("A decided first \(leads.first.text)") }
    if leads.second.count > 0 { lines.append("B decided first \(leads.second.text)") }
    return lines
  }

  private static func title(_ kind: Verdict.Kind) -> String { kind == .decision ? "decisions" : kind.text }

  // MARK: For programs

  private enum CodingKeys: String, CodingKey {
    case decisions, alerts
    case firstLeads = "a_first"
    case secondLeads = "b_first"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(self[.decision], forKey: .decisions)
    var alerts: [String: [String: Counts]] = [:]
    for (kind, counts) in counts {
      guard let monitor = kind.monitor else { continue }
      let change = if case .opened = kind { "opened" } else { "resolved" }
      alerts[monitor.rawValue, default: [:]][change] = counts
    }
    try container.encode(alerts, forKey: .alerts)
    try container.encode(leads.first, forKey: .firstLeads)
    try container.encode(leads.second, forKey: .secondLeads)
  }
}

extension Int64 {
  /// The whole part, or the nearer end of what 64 bits hold.
  fileprivate init(clamping value: Double) {
    self = Int64(exactly: value.rounded()) ?? (value > 0 ? .max : .min)
  }
}
