import Admin
import Events
import Logging

/// What became of every message, in counters; and the words for people, at a bounded rate.
struct Account {
  /// Events read off the ingest sockets, whatever became of them.
  private(set) var received: UInt64 = 0
  /// Of these, refused.
  private(set) var rejected: UInt64 = 0
  /// Heads and byes, which are no events and take no number.
  private(set) var heads: UInt64 = 0
  /// Outputs handed to libzmq.
  private(set) var published: UInt64 = 0
  private(set) var alertsOpened: UInt64 = 0
  private(set) var decisions: UInt64 = 0
  private var counts = [UInt64](repeating: 0, count: Reason.allCases.count)
  /// When a line may be written again, and how many were held back, for each reason.
  private var quietUntil = [Timestamp](
    repeating: Timestamp.min, count: Reason.allCases.count)
  private var heldBack = [UInt64](repeating: 0, count: Reason.allCases.count)
  /// What the recorder wrote, when there is one.
  private var recording: RecordingFile.Account?
  private let log: Logger

  /// One line a reason a second: a hostile peer cannot fill a disk.
  static let interval = Duration.seconds(1)

  init(log: Logger) { self.log = log }

  mutating func countReceived() { received += 1 }
  mutating func countHead() { heads += 1 }

  mutating func enter(_ recording: RecordingFile.Account?) { self.recording = recording }

  mutating func countPublished(_ output: Output) {
    published += 1
    switch output {
    case .alert(let transition) where transition.change == .opened: alertsOpened += 1
    case .decision: decisions += 1
    default: break
    }
  }

  /// - Parameter isOfSign: whether it is about a head or bye, which are no events: refused ones are counted by
  ///   reason alone.
  mutating func enter(_ remark: Remark, isOfSign: Bool = false, at now: Timestamp) {
    let index = remark.reason.index
    // A gap is what a peer says it is, so sums saturate.
    counts[index] = counts[index].addingSaturating(remark.count)
    if remark.reason.isRefusal && !isOfSign { rejected += 1 }
    guard !remark.detail.isEmpty else { return }
    guard now >= quietUntil[index] else {
      heldBack[index] += 1
      return
    }
    var metadata: Logger.Metadata = ["reason": .string(remark.reason.rawValue)]
    if heldBack[index] > 0 { metadata["held_back"] = .stringConvertible(heldBack[index]) }
    log.warning("\(remark.detail)", metadata: metadata)
    quietUntil[index] = now.advanced(by: Self.interval)
    heldBack[index] = 0
  }

  /// As HTTP tells it.
  func report(_ traffic: Traffic) -> AccountReport {
    var report = AccountReport()
    (report.received, report.rejected, report.heads) = (received, rejected, heads)
    (report.published, report.alertsOpened, report.decisions) = (published, alertsOpened, decisions)
    report.reasons = counts
    report.kinds = zip(Traffic.kinds, traffic.counts).map { ($0, $1) }
    report.lag = traffic.lag
    return report
  }

  /// Every figure that is not zero, and the main ones always.
  var metadata: Logger.Metadata {
    var metadata: Logger.Metadata = [
      "received": .stringConvertible(received), "rejected": .stringConvertible(rejected),
      "published": .stringConvertible(published), "alerts_opened": .stringConvertible(alertsOpened),
      "decisions": .stringConvertible(decisions),
    ]
    if let recording {
      metadata["recorded"] = .stringConvertible(recording.messages)
      metadata["recording_lost"] = .stringConvertible(recording.lost)
    }
    if heads > 0 { metadata["heads"] = .stringConvertible(heads) }
    for (reason, count) in zip(Reason.allCases, counts) where count > 0 {
      metadata[reason.rawValue] = .stringConvertible(count)
    }
    return metadata
  }
}

extension UInt64 {
  /// The sum, or the largest number when it would be larger.
  func addingSaturating(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
