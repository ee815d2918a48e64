/// Durations as configurations write them: a number and a unit, such as `90s`, `1.5h`, `7d`.
package enum DurationText {
  /// A hundred years: nothing that a policy waits for is longer, and sums stay within 64 bits.
  package static let longest = Duration.seconds(36_500 * 86_400)

  /// Nil when `text` is no duration, or longer than ``longest``.
  package static func parse(_ text: String) -> Duration? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let milliseconds: Double? =
      switch text[number.endIndex...] {
      case "ms": 1
      case "s": 1e3
      case "m": 60e3
      case "h": 3600e3
      case "d": 86_400e3
      default: nil
      }
    guard let milliseconds, let value = Double(number) else { return nil }
    let total = value * milliseconds
    guard total <= longest.secondsInMilliseconds else { return nil }
    return .milliseconds(total)
  }
}

extension Duration {
  fileprivate var secondsInMilliseconds: Double { Double(components.seconds) * 1e3 }
}
