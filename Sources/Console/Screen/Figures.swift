package import Events
import Foundation
import Wire

/// Figures as people read them; none of them depends on a locale.
package enum Figures {
  /// `1,234,567`.
  package static func count(_ value: Int) -> String {
    let digits = Array(String(value.magnitude))
    var text = value < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return text
  }

  /// `1,234`, `12.3k`, `4.56M`: at most six letters up to a trillion.
  package static func short(_ value: Int) -> String {
    switch value.magnitude {
    case 0..<10_000: count(value)
    case 10_000..<1_000_000: String(format: "%.1fk", Double(value) / 1e3)
    case 1_000_000..<1_000_000_000: String(format: "%.1fM", Double(value) / 1e6)
    default: String(format: "%.1fG", Double(value) / 1e9)
    }
  }

  package static func word(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(Self.count(count)) \(count == 1 ? one : many ?? one + "s")"
  }

  /// Three digits after the point below ten, fewer above.
  package static func number(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    switch value.magnitude {
    case 0: return "0"
    case ..<0.001: return String(format: "%.1e", value)
    case ..<10: return String(format: "%.3f", value)
    case ..<100: return String(format: "%.2f", value)
    case ..<10_000: return String(format: "%.1f", value)
    case ..<1e15: return count(Int(bounded: value.rounded()))
    default: return String(format: "%.2e", value)
    }
  }

  /// For sentences: four digits, no zeros at the end.
  package static func prose(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    return value.magnitude < 10_000 ? String(format: "%.4g", value) : number(value)
  }

  /// A share in whole percents, for what is near or far and not for what is lost.
  package static func rough(_ share: Double?) -> String {
    guard let share, share.isFinite else { return "-" }
    return String(format: "%.0f %%", share * 100)
  }

  package static func percent(_ share: Double?) -> String {
    guard let share, share.isFinite else { return "-" }
    // 99.997 % must not be told as 100 %.
    let percent = share * 100
    let rounded = (percent * 100).rounded() / 100
    if rounded == 100 && share < 1 { return "99.99 %" }
    return String(format: rounded == rounded.rounded() ? "%.0f %%" : "%.2f %%", rounded)
  }

  package static func bytes(_ value: Double) -> String {
    var (value, index) = (value, 0)
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1_024 && index < units.count - 1 { (value, index) = (value / 1_024, index + 1) }
    return String(format: index == 0 ? "%.0f %@" : "%.1f %@", value, units[index])
  }

  /// `250 ms`, `4 s`, `12 min`, `4 h 10 min`, `3 d 4 h`, `2 y 40 d`: two units at most.
  package static func span(_ duration: Duration) -> String {
    let nanoseconds = duration.clampedNanoseconds
    if nanoseconds < 0 { return "-" + span(.nanoseconds(nanoseconds == .min ? .max : -nanoseconds)) }
    let seconds = Int(nanoseconds / 1_000_000_000)
    func pair(_ large: Int, _ unit: String, _ small: Int, _ smaller: String) -> String {
      small == 0 ? "\(large) \(unit)" : "\(large) \(unit) \(small) \(smaller)"
    }
    switch seconds {
    case 0: return nanoseconds == 0 ? "0 s" : "\(nanoseconds / 1_000_000) ms"
    case ..<60: return "\(seconds) s"
    case ..<3_600: return seconds < 600 ? pair(seconds / 60, "min", seconds % 60, "s") : "\(seconds / 60) min"
    case ..<86_400: return pair(seconds / 3_600, "h", seconds / 60 % 60, "min")
    case ..<8_640_000: return pair(seconds / 86_400, "d", seconds / 3_600 % 24, "h")
    // Policies are written in days; beyond three years nobody counts them.
    case ..<94_608_000: return "\(seconds / 86_400) d"
    default: return pair(seconds / 31_536_000, "y", seconds / 86_400 % 365, "d")
    }
  }

  package static func span(seconds: Double) -> String { span(.nanoseconds(Int64(clamping: seconds * 1e9))) }

  /// One unit, for columns: `250ms`, `4s`, `12m`, `4h`, `3d`, `2y`.
  package static func age(_ duration: Duration) -> String {
    let seconds = duration.clampedNanoseconds / 1_000_000_000
    switch seconds {
    case ..<0: return "now"
    case 0..<60: return "\(seconds)s"
    case 60..<3_600: return "\(seconds / 60)m"
    case 3_600..<86_400: return "\(seconds / 3_600)h"
    case 86_400..<31_536_000: return "\(seconds / 86_400)d"
    default: return "\(seconds / 31_536_000)y"
    }
  }

  /// `2026-03-02 04:10:00`, in UTC, to the second.
  package static func time(_ time: Timestamp) -> String {
    let second = time.advanced(byNanoseconds: -wrap(time.nanoseconds, 1_000_000_000))
    return RFC3339.string(second).replacing("T", with: " ").replacing("Z", with: "")
  }

  /// `04:10:00` on the day of `now`, else with its date.
  package static func time(_ time: Timestamp, near now: Timestamp) -> String {
    let (text, today) = (Self.time(time), Self.time(now))
    return text.prefix(10) == today.prefix(10) ? String(text.dropFirst(11)) : text
  }

  private static func wrap(_ value: Int64, _ modulus: Int64) -> Int64 {
    let rest = value % modulus
    return rest < 0 ? rest + modulus : rest
  }

  /// A bar of so many columns, filled by `share` to an eighth of a column.
  package static func bar(_ share: Double, columns: Int) -> String {
    let eighths = Int(bounded: (min(max(share, 0), 1) * Double(columns * 8)).rounded())
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
  }

  /// A line of small columns, one a value, against `full`; a missing one is a blank.
  package static func spark(_ values: some Collection<Double?>, full: Double) -> String {
    let levels = Array("▁▂▃▄▅▆▇█")
    return String(
      values.map { value in
        guard let value, value.isFinite, full > 0 else { return " " }
        return levels[min(levels.count - 1, max(0, Int(bounded: value / full * Double(levels.count))))]
      })
  }
}

extension Int64 {
  /// The nearest whole number that fits.
  fileprivate init(clamping value: Double) {
    self = value.isNaN ? 0 : value >= 9.2e18 ? .max : value <= -9.2e18 ? .min : Int64(value)
  }
}
