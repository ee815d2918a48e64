import Events

/// When what is not stored yet is stored, although nobody waits for it.
package struct CheckpointPolicy: Sendable, Equatable {
  package var interval = Duration.seconds(1)
  /// Events of the lossless lane that wait to be acknowledged.
  package var events = 10_000

  package init() {}
}

/// How the journal does: what is told in the status, and when to try again.
struct JournalHealth {
  /// After a failed commit, until it is tried again.
  static let retryInterval = Duration.seconds(1)

  let isOn: Bool
  /// When the state that it is in began.
  private(set) var since: Timestamp
  private(set) var isFailing = false
  private(set) var detail: String?
  private(set) var commits: UInt64 = 0
  private(set) var lastCommit: Timestamp
  private(set) var retryAt = Timestamp.min
  private var lastHistory: Timestamp

  init(isOn: Bool, since now: Timestamp) {
    self.isOn = isOn
    (since, lastCommit, lastHistory) = (now, now, now)
  }

  /// The word of the status.
  var state: String { !isOn ? "off" : isFailing ? "failing" : "ok" }

  mutating func committed(at now: Timestamp) {
    commits += 1
    lastCommit = now
    if isFailing { (isFailing, detail, since) = (false, nil, now) }
  }

  mutating func failed(_ words: String, at now: Timestamp) {
    if !isFailing { (isFailing, since) = (true, now) }
    detail = words
    retryAt = now.advanced(by: Self.retryInterval)
  }

  /// Whether samples are taken with this transaction: one an interval, however many commits there are.
  mutating func isHistoryDue(at now: Timestamp, every interval: Duration) -> Bool {
    guard lastHistory.duration(to: now) >= interval else { return false }
    lastHistory = now
    return true
  }
}
