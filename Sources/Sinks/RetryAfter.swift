import Events
import Foundation

/// The header `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
enum RetryAfter {
  /// From `wall` on; nil when it is neither, or over.
  static func parse(_ text: String, wall: Timestamp) -> Duration? {
    if let seconds = UInt32(text) { return .seconds(Int64(seconds)) }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(secondsFromGMT: 0)
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    guard let date = format.date(from: text) else { return nil }
    let wait = Duration.seconds(date.timeIntervalSince1970) - .nanoseconds(wall.nanoseconds)
    return wait > .zero ? wait : nil
  }
}
