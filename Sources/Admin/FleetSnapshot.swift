package import Events
import Synchronization
package import Wire

/// Everything that is told of the daemon, as of one moment: immutable, and shared with the snapshots before and after
/// it as far as nothing changed.
package final class FleetSnapshot: Sendable {
  /// Arrival time.
  package let at: Timestamp
  package let models: [ModelReport]
  package let sources: [SourceReport]
  package let sourceAlerts: [AlertReport]
  /// Those in force.
  package let silences: [Silence]
  package let account: AccountReport
  package let journal: JournalReport
  package let modelLimit: Int
  package let sourceLimit: Int
  private let order = Mutex<Order?>(nil)

  package init(
    at: Timestamp, models: [ModelReport], sources: [SourceReport], sourceAlerts: [AlertReport],
    silences: [Silence] = [], account: AccountReport, journal: JournalReport, modelLimit: Int,
    sourceLimit: Int
  ) {
    self.silences = silences
    (self.at, self.models, self.sources, self.sourceAlerts) = (at, models, sources, sourceAlerts)
    (self.account, self.journal) = (account, journal)
    (self.modelLimit, self.sourceLimit) = (modelLimit, sourceLimit)
  }

  /// Models by urgency, and how many are in each state.
  struct Order: Sendable {
    /// The most urgent first, then by name and version.
    var ranked: [Ranked]
    var count: [ModelSummary.State: Int]
  }

  struct Ranked: Sendable {
    var report: ModelReport
    var state: ModelSummary.State
    var urgency: Double
  }

  /// Made once a snapshot, on the thread that first asks. Cost: 10,000 models sort in a few milliseconds.
  var ordered: Order {
    order.withLock { order in
      if let order { return order }
      var made = Order(ranked: [], count: [:])
      for state in ModelSummary.State.allCases { made.count[state] = 0 }
      made.ranked = models.map { report in
        let state = report.summary.state(at: at)
        made.count[state, default: 0] += 1
        return Ranked(report: report, state: state, urgency: report.summary.urgency(at: at))
      }
      made.ranked.sort(by: Self.isBefore)
      order = made
      return made
    }
  }

  private static func isBefore(_ left: Ranked, _ right: Ranked) -> Bool {
    if left.urgency != right.urgency { return left.urgency > right.urgency }
    let (one, other) = (left.report.summary.key, right.report.summary.key)
    return (one.name.text, one.version.text) < (other.name.text, other.version.text)
  }
}

/// The daemon's counters, since it began.
package struct AccountReport: Sendable {
  /// Events, those that were refused, and signs of life.
  package var received: UInt64 = 0
  package var rejected: UInt64 = 0
  package var heads: UInt64 = 0
  package var published: UInt64 = 0
  package var alertsOpened: UInt64 = 0
  package var decisions: UInt64 = 0
  /// By reason, in the order of ``Reason/allCases``.
  package var reasons: [UInt64] = []
  /// Messages taken, by the word of their kind.
  package var kinds: [(kind: String, count: UInt64)] = []
  /// Decisions and what became of them, by the word of their state.
  package var outcomes: [(outcome: String, count: UInt64)] = []
  package var lag = DelayHistogram(bounds: DelayHistogram.lagBounds)
  package var acknowledgement = DelayHistogram(bounds: DelayHistogram.acknowledgementBounds)

  package init() {}
}

/// Delays in seconds, counted in fixed buckets.
package struct DelayHistogram: Sendable {
  /// From half a millisecond, what a socket on one machine takes, to ten minutes, where a clock is wrong.
  package static let lagBounds = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600,
  ]
  /// From a second, what a program takes, to a day, after which a decision expires.
  package static let acknowledgementBounds = [1.0, 5, 15, 30, 60, 120, 300, 900, 3600, 14_400, 86_400]

  package let bounds: [Double]
  private let limits: [Int64]
  /// One more than there are bounds.
  package private(set) var counts: [UInt64]
  /// Seconds.
  package private(set) var sum = 0.0

  package init(bounds: [Double]) {
    self.bounds = bounds
    limits = bounds.map { Int64($0 * 1e9) }
    counts = [UInt64](repeating: 0, count: bounds.count + 1)
  }

  package var count: UInt64 { counts.reduce(0, &+) }

  /// Nothing takes negative time: clocks that differ count as none. Cost: the short delays, which are most, are
  /// looked at first.
  @inline(__always)
  package mutating func observe(nanoseconds: Int64) {
    let delay = max(0, nanoseconds)
    var bucket = 0
    while bucket < limits.count, delay > limits[bucket] { bucket += 1 }
    counts[bucket] &+= 1
    sum += Double(delay) / 1e9
  }
}
