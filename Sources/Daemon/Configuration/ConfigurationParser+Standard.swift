import Engine
import Events
import Monitoring

// The parts of the configuration that preset `standard` reads.
extension ConfigurationParser {
  func readPreset(_ members: [String: ConfigurationNode], into settings: inout ModelSettings) {
    if let preset = members["preset"]?.choice(Preset.self) { settings.preset = preset }
    if let batches = members["batches_per_false_alarm"]?.number(1...1e15, want: "a number from 1 to 1e15") {
      settings.standard.batchesPerFalseAlarm = batches
    }
  }

  /// What was measured before the model served.
  func readReference(
    _ node: ConfigurationNode, _ members: [String: ConfigurationNode], into settings: inout ModelSettings
  ) {
    if members["correct"] != nil || members["total"] != nil {
      let counts = 0.0...CaseCounts.largest
      let want = "a whole number up to 2^53"
      let correct = members["correct"]?.number(counts, want: want)
      let total = members["total"]?.number(counts, want: want)
      if let correct, let total, total > 0, let counts = CaseCounts(correct: correct, total: total) {
        settings.standard.counts = counts
        settings.baselineAccuracy = correct / total
      } else {
        node.note("want correct and total together, whole numbers, with correct up to total and total from 1")
      }
    }
    guard let node = members["latency_quantiles_ms"] else { return }
    let parts = node.members(["p50", "p95", "p99", "count"])
    let figures = ["p50", "p95", "p99", "count"].map { key in
      parts[key]?.number(0...Double.greatestFiniteMagnitude, want: "a number from 0")
    }
    if let p50 = figures[0], let p95 = figures[1], let p99 = figures[2], let count = figures[3],
      let quantiles = LatencyQuantiles(p50: p50, p95: p95, p99: p99, count: count)
    {
      settings.standard.latencyQuantiles = quantiles
    } else {
      node.note("want p50, p95 and p99 in order and count, of how many answers they are")
    }
  }

  /// Of `baseline`: how one of features is learned, where it is not given.
  static let learningKeys = ["learn", "rolling", "season"]

  /// Those of one entry; what an entry of `models` says stands before what `defaults` say, so a baseline that it
  /// gives ends a season, and one that it learns takes the place of one given.
  func readLearning(_ members: [String: ConfigurationNode], into settings: inout ModelSettings) {
    for key in Self.learningKeys {
      guard let node = members[key], settings.preset != .standard else { continue }
      return node.note("is for preset standard alone, want preset: standard")
    }
    if members["features"] != nil { settings.standard.season = nil }
    if let node = members["learn"] {
      if members["features"] != nil { node.note("stands beside features, want one of them") }
      settings.baselineFeatures = nil
      readLesson(node, into: &settings.standard)
    }
    if let node = members["rolling"] {
      let members = node.members(["rows"])
      if members["rows"] == nil { node.note("has no rows, want rolling: {rows: N}") }
      settings.standard.rollingRows = members["rows"]?.integer(Self.learnedRows)
    }
    if let node = members["season"] {
      if members["features"] != nil {
        node.note("stands beside features, want one of them: each part of a season learns its own baseline")
      }
      settings.baselineFeatures = nil
      settings.standard.season = node.choice(FeatureSeason.self)
    }
  }

  /// Fewer than 256 count as so many; more than a billion cannot be counted.
  private static let learnedRows = 1...1_000_000_000
  /// A hundred years.
  private static let learnedHours = 1.0...876_600

  private func readLesson(_ node: ConfigurationNode, into settings: inout StandardSettings) {
    let members = node.members(["rows", "hours"])
    guard (members["rows"] == nil) != (members["hours"] == nil) else {
      return node.note("want rows or hours, such as learn: {rows: 5000} or learn: {hours: 24}")
    }
    settings.learnedTime = nil
    if let rows = members["rows"]?.integer(Self.learnedRows) { settings.learnedRows = rows }
    if let hours = members["hours"]?.number(Self.learnedHours, want: "hours from 1 to 876600") {
      settings.learnedTime = .milliseconds(Int64((hours * 3_600_000).rounded()))
    }
  }

  func readMetrics(_ node: ConfigurationNode, into settings: inout ModelSettings) {
    guard settings.preset == .standard else {
      return node.note("is judged by preset standard alone, want preset: standard")
    }
    guard let entries = node.entries(want: "metrics by name, such as revenue: {range: [0, 100]}") else {
      return
    }
    guard entries.count <= MetricsDetail.maximumNamed else {
      return node.note("has \(entries.count) metrics, at most \(MetricsDetail.maximumNamed) are watched")
    }
    settings.standard.metrics = entries.compactMap { name, entry in
      guard (1...MetricsDetail.maximumNameBytes).contains(name.utf8.count) else {
        entry.note("a name of \(name.utf8.count) bytes, want 1 to \(MetricsDetail.maximumNameBytes)")
        return nil
      }
      return readMetric(name, entry)
    }
  }

  private func readMetric(_ name: String, _ node: ConfigurationNode) -> MetricSettings? {
    let members = node.members(["range", "direction", "baseline", "tolerance"])
    let want = "range: [LOW, HIGH], numbers in order"
    guard let rangeNode = members["range"] else {
      node.note("has no range, want \(want)")
      return nil
    }
    let finite = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    let ends = rangeNode.elements(want: want)?.compactMap { $0.number(finite, want: "a number") } ?? []
    guard ends.count == 2, ends[0] < ends[1], (ends[1] - ends[0]).isFinite else {
      rangeNode.note("is no range, want \(want)")
      return nil
    }
    var settings = MetricSettings(name: name, range: ends[0]...ends[1])
    if let direction = members["direction"]?.choice(MetricSettings.Direction.self) {
      settings.direction = direction
    }
    settings.baseline = members["baseline"]?.number(settings.range, want: "a number within the range")
    settings.tolerance = members["tolerance"]?.number(
      0...(ends[1] - ends[0]), want: "a number from 0 to the width of the range")
    return settings
  }
}

extension ModelSettings {
  /// A drift score is a number of deviations under one preset and a stability index under the other, so each has a
  /// threshold of its own where none is given.
  fileprivate static let driftThresholds: [Preset: Double] = [.reference: 2, .standard: 0.25]

  /// Puts the preset's threshold in the place of the other's.
  mutating func refreshDriftThreshold() {
    guard Self.driftThresholds.values.contains(retrain.driftThreshold),
      let threshold = Self.driftThresholds[preset]
    else { return }
    retrain.driftThreshold = threshold
  }
}
