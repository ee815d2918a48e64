package import Events

/// Parts of a repeating time, each of which has features of its own: rows of a Monday morning are held to Monday
/// mornings. All in UTC.
package enum FeatureSeason: String, CaseIterable, Sendable {
  case hourOfDay = "hour_of_day"
  case dayOfWeek = "day_of_week"
  case hourOfWeek = "hour_of_week"

  /// Columns × parts that a model may have at most: at 2 KiB each 32 MiB, of which as much as was used is
  /// written with each of the model's checkpoints.
  package static let mostColumns = 1 << 14

  package var parts: Int {
    switch self {
    case .hourOfDay: 24
    case .dayOfWeek: 7
    case .hourOfWeek: 168
    }
  }

  /// The part that a time is in; of days and weeks, Monday's first.
  package func part(of time: Timestamp) -> Int {
    let hour = time.nanoseconds.floorDivided(by: 3_600_000_000_000)
    let day = hour.floorDivided(by: 24)
    let hourOfDay = Int(hour - 24 * day)
    // 1970 began on a Thursday.
    let fromMonday = day + 3
    let dayOfWeek = Int(fromMonday - 7 * fromMonday.floorDivided(by: 7))
    return switch self {
    case .hourOfDay: hourOfDay
    case .dayOfWeek: dayOfWeek
    case .hourOfWeek: 24 * dayOfWeek + hourOfDay
    }
  }
}

extension Int64 {
  fileprivate func floorDivided(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
