/// Samples of the text format of Prometheus and of OpenMetrics 1.0, as far as `doctor` asks: names, labels, values.
///
/// Total: lines that are none are passed over.
package struct MetricsText: Sendable {
  package struct Sample: Equatable, Sendable {
    package var name: String
    package var labels: [String: String]
    package var value: Double
  }

  package private(set) var samples: [Sample] = []

  package init(_ text: String) {
    for line in text.split(whereSeparator: \.isNewline) where line.first != "#" {
      if let sample = Self.sample(line) { samples.append(sample) }
    }
  }

  /// The first sample of that name.
  package subscript(_ name: String) -> Double? { samples.first { $0.name == name }?.value }

  /// All samples of that name.
  package func all(_ name: String) -> [Sample] { samples.filter { $0.name == name } }

  private static func sample(_ line: Substring) -> Sample? {
    guard let end = line.firstIndex(where: { $0 == "{" || $0 == " " }), end != line.startIndex else {
      return nil
    }
    var labels: [String: String] = [:]
    var rest = line[end...]
    if rest.first == "{" {
      rest.removeFirst()
      while rest.first != "}" {
        guard let equals = rest.firstIndex(of: "=") else { return nil }
        let name = String(rest[..<equals])
        rest = rest[rest.index(after: equals)...]
        guard let value = quoted(&rest) else { return nil }
        labels[name] = value
        if rest.first == "," { rest.removeFirst() }
      }
      rest.removeFirst()
    }
    guard let word = rest.split(separator: " ").first, let value = Double(word) else { return nil }
    return Sample(name: String(line[..<end]), labels: labels, value: value)
  }

  /// A text in quotation marks, with its escapes undone.
  private static func quoted(_ rest: inout Substring) -> String? {
    guard rest.first == "\"" else { return nil }
    rest.removeFirst()
    var value = ""
    while let next = rest.popFirst() {
      switch next {
      case "\"": return value
      case "\\":
        guard let escaped = rest.popFirst() else { return nil }
        value.append(escaped == "n" ? "\n" : escaped)
      default: value.append(next)
      }
    }
    return nil
  }
}
