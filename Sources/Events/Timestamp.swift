/// A point of time: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// 64 bits reach from 1677 to 2262; arithmetic saturates at those ends, so that no configured
/// duration and no hostile time can trap.
package struct Timestamp: InstantProtocol, Hashable, Sendable {
  package let nanoseconds: Int64

  @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// Before and after everything.
  package static let min = Timestamp(nanoseconds: .min)
  package static let max = Timestamp(nanoseconds: .max)

  package func advanced(by duration: Duration) -> Timestamp {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.clampedNanoseconds)
    guard overflow else { return Timestamp(nanoseconds: sum) }
    return Timestamp(nanoseconds: duration < .zero ? .min : .max)
  }

  package func duration(to other: Timestamp) -> Duration {
    let (difference, overflow) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
    guard overflow else { return .nanoseconds(difference) }
    return .nanoseconds(other < self ? Int64.min : Int64.max)
  }

  /// Nanoseconds from here to `other`, cut to what 64 bits hold. For the path that every event takes:
  /// `Duration` counts in 128 bits.
  @inlinable package func nanoseconds(to other: Timestamp) -> Int64 {
    let (difference, overflow) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
    return overflow ? (other.nanoseconds < nanoseconds ? .min : .max) : difference
  }

  /// This point moved on by nanoseconds, cut likewise.
  @inlinable package func advanced(byNanoseconds distance: Int64) -> Timestamp {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(distance)
    return Timestamp(nanoseconds: overflow ? (distance < 0 ? .min : .max) : sum)
  }

  @inlinable package static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

extension Duration {
  /// Whole nanoseconds, cut to what 64 bits hold (292 years either way).
  package var clampedNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    guard overflow || carry else { return sum }
    return self < .zero ? .min : .max
  }

  /// Seconds as a floating-point number, exact to the nanosecond below 104 days.
  package var secondsValue: Double { Double(clampedNanoseconds) / 1e9 }
}
