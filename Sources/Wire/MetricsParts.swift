import Events

/// What metrics and baselines say beyond accuracy and latency, while it is read.
struct MetricsParts {
  var correct: Double?
  var total: Double?
  var latencies: [Double] = []
  var named: [NamedMetric] = []
  /// `latency_quantiles_ms`: p50, p95, p99 and count.
  var quantiles: [Double?] = []

  var isEmpty: Bool { correct == nil && total == nil && latencies.isEmpty && named.isEmpty }

  /// - Throws: `malformed` for one count without the other, or such as cannot be.
  func counts() throws(Remark) -> CaseCounts? {
    guard correct != nil || total != nil else { return nil }
    guard let correct, let total, let counts = CaseCounts(correct: correct, total: total) else {
      throw Remark(
        .malformed,
        "correct \(correct.map { "\($0)" } ?? "absent") of total \(total.map { "\($0)" } ?? "absent"), "
          + "want whole numbers, 0 to total, up to 2^53")
    }
    return counts
  }

  /// - Throws: `malformed` for quantiles that are not all there or not in order.
  func latencyQuantiles() throws(Remark) -> LatencyQuantiles? {
    guard quantiles.contains(where: { $0 != nil }) else { return nil }
    guard let p50 = quantiles[0], let p95 = quantiles[1], let p99 = quantiles[2], let count = quantiles[3],
      let made = LatencyQuantiles(p50: p50, p95: p95, p99: p99, count: count)
    else { throw Remark(.malformed, "latency_quantiles_ms want 0 <= p50 <= p95 <= p99 and a count from 1") }
    return made
  }

  static let quantileKeys: [StaticString] = ["p50", "p95", "p99", "count"]
}

// MARK: Plain

extension MetricsParts {
  /// Consumes the value of a key that is one of metrics' own.
  ///
  /// - Returns: false, and nothing is consumed, for any other key.
  mutating func readMetric(_ key: JSONText, from reader: inout JSONReader) throws(Remark) -> Bool {
    if key.equals("correct") || key.equals("total") { return try readCount(key, from: &reader) }
    if key.equals("latencies_ms") {
      if try reader.readNull() { return true }
      latencies = try Self.readLatencies(&reader)
      return true
    }
    guard key.equals("metrics") else { return false }
    if try reader.readNull() { return true }
    named = try Self.readNamed(&reader)
    return true
  }

  /// The same for a baseline.
  mutating func readBaseline(_ key: JSONText, from reader: inout JSONReader) throws(Remark) -> Bool {
    if key.equals("correct") || key.equals("total") { return try readCount(key, from: &reader) }
    guard key.equals("latency_quantiles_ms") else { return false }
    if try reader.readNull() { return true }
    var found = [Double?](repeating: nil, count: Self.quantileKeys.count)
    try reader.readObject { (reader, key) throws(Remark) in
      guard let place = Self.quantileKeys.firstIndex(where: { key.equals($0) }) else {
        return try reader.skipValue()
      }
      found[place] = try reader.readNull() ? nil : reader.readNumber()
    }
    quantiles = found
    return true
  }

  private mutating func readCount(_ key: JSONText, from reader: inout JSONReader) throws(Remark) -> Bool {
    let value = try reader.readNull() ? nil : reader.readNumber()
    if key.equals("total") { total = value } else { correct = value }
    return true
  }

  private static func readLatencies(_ reader: inout JSONReader) throws(Remark) -> [Double] {
    var latencies: [Double] = []
    try reader.readArray { (reader) throws(Remark) in
      guard latencies.count < MetricsDetail.maximumLatencies else {
        throw Remark(.tooLarge, "more than \(MetricsDetail.maximumLatencies) latencies_ms")
      }
      latencies.append(try reader.readNull() ? .nan : reader.readNumber())
    }
    return latencies
  }

  private static func readNamed(_ reader: inout JSONReader) throws(Remark) -> [NamedMetric] {
    var named: [NamedMetric] = []
    try reader.readObject { (reader, key) throws(Remark) in
      let name = try key.resolved()
      guard named.count < MetricsDetail.maximumNamed else {
        throw Remark(.tooLarge, "more than \(MetricsDetail.maximumNamed) names in metrics")
      }
      guard (1...MetricsDetail.maximumNameBytes).contains(name.utf8.count) else {
        throw reader.failure("a name in metrics of \(name.utf8.count) bytes")
      }
      guard !named.contains(where: { $0.name == name }) else {
        throw reader.failure("a name in metrics that stands twice")
      }
      named.append(NamedMetric(name: name, value: try reader.readNull() ? .nan : reader.readNumber()))
    }
    return named
  }

  static func write(_ counts: CaseCounts?, to writer: inout JSONWriter) {
    guard let counts else { return }
    writer.member("correct", UInt64(counts.correct))
    writer.member("total", UInt64(counts.total))
  }

  /// Missing values as null.
  static func write(_ detail: MetricsDetail?, to writer: inout JSONWriter) {
    guard let detail else { return }
    write(detail.counts, to: &writer)
    if !detail.latencies.isEmpty { writer.array("latencies_ms", detail.latencies) { $0.number($1) } }
    guard !detail.named.isEmpty else { return }
    writer.object("metrics") { writer in
      for metric in detail.named {
        writer.key(text: metric.name)
        writer.number(metric.value)
      }
    }
  }

  static func write(_ quantiles: LatencyQuantiles?, to writer: inout JSONWriter) {
    guard let quantiles else { return }
    writer.object("latency_quantiles_ms") { writer in
      writer.member("p50", quantiles.p50)
      writer.member("p95", quantiles.p95)
      writer.member("p99", quantiles.p99)
      writer.member("count", quantiles.count)
    }
  }
}

// MARK: Framed

/// Where among the `values` of a framed message the further figures stand: `correct` and `total`,
/// `metrics.NAME`, and of baselines `latency_quantiles_ms.p50` and so on.
struct DetailPlaces: Sendable {
  private var correct: Int?
  private var total: Int?
  private var named: [(name: String, place: Int)] = []
  private var quantiles: [Int?] = []

  private static let namedPrefix = "metrics."
  private static let quantilePrefix = "latency_quantiles_ms."

  /// Notes a name that is none of the first two. One that means nothing here is passed over, as are names
  /// that are too long, and more of them than are taken.
  ///
  /// - Returns: whether it means anything.
  mutating func note(_ name: String, at place: Int) -> Bool {
    switch name {
    case "correct": correct = place
    case "total": total = place
    default:
      if name.hasPrefix(Self.namedPrefix) {
        let own = String(name.dropFirst(Self.namedPrefix.count))
        guard (1...MetricsDetail.maximumNameBytes).contains(own.utf8.count),
          named.count < MetricsDetail.maximumNamed
        else { return false }
        named.append((own, place))
        return true
      }
      guard name.hasPrefix(Self.quantilePrefix) else { return false }
      let own = name.dropFirst(Self.quantilePrefix.count)
      guard let index = MetricsParts.quantileKeys.firstIndex(where: { $0.description == own }) else {
        return false
      }
      if quantiles.isEmpty { quantiles = Array(repeating: nil, count: MetricsParts.quantileKeys.count) }
      quantiles[index] = place
    }
    return true
  }

  /// - Parameter value: the number at a place; NaN is not given.
  func read(_ value: (Int) -> Double) -> MetricsParts {
    func given(_ place: Int?) -> Double? {
      guard let found = place.map(value), !found.isNaN else { return nil }
      return found
    }
    var parts = MetricsParts()
    (parts.correct, parts.total) = (given(correct), given(total))
    parts.named = named.map { NamedMetric(name: $0.name, value: value($0.place)) }
    parts.quantiles = quantiles.map(given)
    return parts
  }

  /// The figures under their names, as a publisher writes them.
  static func values(_ counts: CaseCounts?, _ named: [NamedMetric]) -> [(name: String, value: Double?)] {
    [("correct", counts?.correct), ("total", counts?.total)]
      + named.map { (namedPrefix + $0.name, $0.value) }
  }

  static func values(_ quantiles: LatencyQuantiles?) -> [(name: String, value: Double?)] {
    guard let quantiles else { return [] }
    let values = [quantiles.p50, quantiles.p95, quantiles.p99, Double(quantiles.count)]
    return zip(MetricsParts.quantileKeys, values).map { (quantilePrefix + $0.description, $1) }
  }
}
