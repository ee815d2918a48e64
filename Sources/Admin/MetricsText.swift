import Events

/// Metrics as OpenMetrics 1.0 writes them, and as the text format 0.0.4 does, which has no end mark and calls
/// counters by their whole name.
struct MetricsText {
  static let openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
  static let plain = "text/plain; version=0.0.4; charset=utf-8"

  enum Kind: String {
    case gauge
    case counter
    case histogram
    case info
  }

  let isOpenMetrics: Bool
  private(set) var bytes: [UInt8] = []
  private var name = ""

  init(isOpenMetrics: Bool) { self.isOpenMetrics = isOpenMetrics }

  /// Begins a family; its samples follow.
  ///
  /// - Parameter name: without `_total` and `_info`.
  mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    let suffix =
      switch kind {
      case .counter: "_total"
      case .info: "_info"
      case .gauge, .histogram: ""
      }
    let shown = isOpenMetrics ? name : name + suffix
    let word = isOpenMetrics || kind != .info ? kind.rawValue : Kind.gauge.rawValue
    line("# HELP \(shown) \(help)")
    line("# TYPE \(shown) \(word)")
    self.name = kind == .histogram || kind == .gauge ? name : name + suffix
  }

  mutating func sample(_ value: Double) { sample([], value) }
  mutating func sample(_ value: some BinaryInteger) { sample([], value) }

  mutating func sample(_ labels: [(String, String)], _ value: Double) {
    line("\(name)\(Self.braced(labels)) \(Self.number(value))")
  }

  mutating func sample(_ labels: [(String, String)], _ value: some BinaryInteger) {
    line("\(name)\(Self.braced(labels)) \(value)")
  }

  mutating func histogram(_ histogram: DelayHistogram) {
    var sum: UInt64 = 0
    for (index, count) in histogram.counts.enumerated() {
      sum += count
      let bound = index < histogram.bounds.count ? Self.number(histogram.bounds[index]) : "+Inf"
      line("\(name)_bucket{le=\"\(bound)\"} \(sum)")
    }
    line("\(name)_count \(sum)")
    line("\(name)_sum \(Self.number(histogram.sum))")
  }

  mutating func end() { if isOpenMetrics { line("# EOF") } }

  private mutating func line(_ text: String) {
    bytes.append(contentsOf: text.utf8)
    bytes.append(UInt8(ascii: "\n"))
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    return value.description
  }

  private static func braced(_ labels: [(String, String)]) -> String {
    guard !labels.isEmpty else { return "" }
    return "{" + labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",") + "}"
  }

  private static func escaped(_ value: String) -> String {
    guard value.utf8.contains(where: { $0 == 0x22 || $0 == 0x5c || $0 == 0x0a }) else { return value }
    var text = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
