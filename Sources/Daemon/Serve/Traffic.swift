import Admin
import Events

/// Messages by their kind, and how long they were under way: what metrics tell and the account does not.
struct Traffic {
  /// The words of the metric's label, in the order of ``counts``.
  static let kinds = [
    "metrics", "features", "baseline", "feedback", "head", "bye", "tombstone", "unreadable",
  ]

  private(set) var counts = [UInt64](repeating: 0, count: kinds.count)
  private(set) var lag = DelayHistogram(bounds: DelayHistogram.lagBounds)

  @inline(__always)
  mutating func note(_ event: borrowing Event, at now: Timestamp) {
    let place =
      switch event.body {
      case .metrics: 0
      case .features: 1
      case .baseline: 2
      case .feedback: 3
      case .head: 4
      case .bye: 5
      case .tombstone: 6
      case .refused: 7
      }
    counts[place] &+= 1
    if !event.body.isSign, let sentAt = event.header.sentAt {
      lag.observe(nanoseconds: sentAt.nanoseconds(to: now))
    }
  }

  mutating func noteUnreadable() { counts[7] &+= 1 }
}
