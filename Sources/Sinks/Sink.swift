package import Events

/// One moment by two clocks.
package struct SinkMoment: Sendable, Equatable {
  /// Arrival time, which never goes back: timers and ages.
  package var now: Timestamp
  /// The wall clock, as receivers have it.
  package var wall: Timestamp

  package init(now: Timestamp, wall: Timestamp) { (self.now, self.wall) = (now, wall) }
}

/// What a sink wants done.
package enum SinkStep: Sendable, Equatable {
  case post(HTTPPost)
  /// Nothing before this time, unless messages come; nil: nothing at all.
  case rest(until: Timestamp?)
}

/// One receiver of what the daemon publishes, as a value without clock, thread or connection: messages in,
/// requests out, answers in. ``SinkThread`` gives it real ones, the tests their own.
package protocol Sink: Sendable {
  /// What counters and the log call it.
  var name: String { get }
  var counts: SinkCounts { get }
  /// Everything up to this number is delivered, dropped or of no interest.
  var finished: UInt64 { get }
  /// Whether it has room for more messages.
  var takes: Bool { get }

  /// Takes what was open when the process began, before anything else.
  ///
  /// - Parameters:
  ///   - messages: all of each open alert and decision, up to `end`.
  ///   - delivered: what was finished before this process; nil when that is not known.
  mutating func restore(
    _ messages: [SinkMessage], delivered: UInt64?, end: UInt64, at moment: SinkMoment)

  mutating func take(_ batch: SinkBatch, at moment: SinkMoment)

  mutating func step(at moment: SinkMoment) -> SinkStep

  /// What came of the request of the last step.
  mutating func take(_ answer: HTTPAnswer, at moment: SinkMoment)

  /// Words for the log since the last call.
  mutating func takeRemarks() -> [SinkRemark]
}

/// What a sink has done.
package struct SinkCounts: Sendable, Equatable {
  package var delivered: UInt64 = 0
  /// Attempts that failed and are made again.
  package var retried: UInt64 = 0
  /// Given up: too old, or lost before they could be sent.
  package var dropped: UInt64 = 0
  /// That the receiver will not have.
  package var refused: UInt64 = 0
  /// Messages that wait: those it holds and, as a report has it, those it has not looked at.
  package var waiting = 0
  /// By the wall clock.
  package var lastSuccess: Timestamp?
  package var health = SinkHealth.idle

  package init() {}
}

/// How a sink does.
package enum SinkHealth: String, Sendable {
  /// Nothing was sent yet.
  case idle
  case ok
  /// The last attempt failed; it is made again.
  case failing
  /// The receiver said that it is gone for good (410); nothing more is sent until the daemon begins anew.
  case gone
}

/// A line for the log.
package struct SinkRemark: Sendable, Equatable {
  package enum Level: Sendable {
    case notice
    case warning
  }

  package var level: Level
  package var words: String

  static func warning(_ words: String) -> SinkRemark { SinkRemark(level: .warning, words: words) }
  static func notice(_ words: String) -> SinkRemark { SinkRemark(level: .notice, words: words) }
}

/// Remarks that wait for the log; more than ``limit`` between two looks are only counted.
struct SinkRemarks: Sendable {
  /// Lines a look: a receiver that refuses everything cannot fill a disk.
  static let limit = 4

  private var remarks: [SinkRemark] = []
  private var heldBack = 0

  mutating func add(_ remark: SinkRemark) {
    if remarks.count < Self.limit { remarks.append(remark) } else { heldBack += 1 }
  }

  mutating func take() -> [SinkRemark] {
    guard !remarks.isEmpty else { return [] }
    defer { (remarks, heldBack) = ([], 0) }
    return heldBack == 0 ? remarks : remarks + [.warning("\(heldBack) more lines were held back")]
  }
}

extension HTTPAnswer {
  /// Words for the log: of a body nothing but its printable beginning, cut.
  var words: String {
    switch self {
    case .failed(let words): words
    case .status(let status, _, let words):
      words.isEmpty ? "status \(status)" : "status \(status): \(words.prefix(200))"
    }
  }
}
