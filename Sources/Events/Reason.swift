/// Why an event was refused, dropped, or taken with a remark: the closed vocabulary of the account.
///
/// Each is a counter, a word in logs and in `replay`'s `line N: reason`, and later a metric label.
package enum Reason: String, CaseIterable, Sendable {
  // Refused: no assessment, no alert, no change of a baseline. Its sequence number counts as received
  // when its attributes could be read, and a batch that does not fit its model still starts the
  // model's clock.
  /// Not the encoding: frames, JSON, a missing attribute, a wrong type.
  case malformed
  /// A kind of a version this build does not speak, such as `tidemark.metrics.v2`.
  case unsupportedVersion = "unsupported_version"
  /// A `type` that names no kind of event that is taken in.
  case unknownKind = "unknown_kind"
  /// The model is not configured and `unknown_models` is `reject`.
  case unknownModel = "unknown_model"
  /// Rows of different length, another number of features than the baseline's, other names.
  case shapeMismatch = "shape_mismatch"
  /// The topic and the body both name a model, version or source, and differ.
  case topicMismatch = "topic_mismatch"
  /// A frame, a message or a line above its limit.
  case tooLarge = "too_large"
  /// Seen before: the same source and id, or a sequence number not above the last one.
  case duplicate
  /// From an earlier numbering of its source than the one in force.
  case staleEpoch = "stale_epoch"
  /// A feature batch for a model that has no feature baseline yet.
  case noBaseline = "no_baseline"
  /// Replay only: an event without `time` cannot be put in order.
  case missingTime = "missing_time"
  /// `limits.models` models are being watched already.
  case tooManyModels = "too_many_models"
  /// `limits.sources` sources were heard of within the last hour.
  case tooManySources = "too_many_sources"
  /// Feedback on a decision that it cannot change: unknown, over, or somebody else's.
  case feedbackRefused = "feedback_refused"
  /// A silence, or the end of one, that cannot be.
  case silenceRefused = "silence_refused"
  /// Lossless lane only: a number further on than the next; it is to be sent again after what is missing.
  case outOfOrder = "out_of_order"
  /// A connection, or a message of one, with a key that is not in the list of clients, or without one.
  case keyRefused = "key_refused"
  /// A key that is in the list did what its roles do not hold.
  case roleMissing = "role_missing"
  /// A source that does not lie under the prefix of its sender's key.
  case sourceRefused = "source_refused"
  /// A key that is in the list connects too often.
  case handshakeLimited = "handshake_limited"

  // Remarks: the event was taken.
  /// Its time is before the model's latest; it was handled in order of arrival.
  case late
  /// Messages of its source are missing before it; counted by how many.
  case gap
  /// It bore no sequence number, so losses before it cannot be seen.
  case unsequenced
  /// Its source began a new numbering: a restart, not a gap.
  case restarted
  /// Its time was more than 24 h ahead of arrival, or its source's clock more than 60 s; arrival was
  /// used instead.
  case timeRefused = "time_refused"
  /// Columns of text came with a batch; the others were judged.
  case textIgnored = "text_ignored"
  /// The clocks of its source and of the daemon differ by more than 5 s.
  case clockSkew = "clock_skew"
  /// A jump in time passed more than 1,000 deadlines of a model; the earliest were taken as one.
  case deadlineSkipped = "deadline_skipped"
  /// A commit of the journal failed; it is tried again, and nothing is decided until it succeeds.
  case journalFailed = "journal_failed"
  /// Samples of the history became minutes or hours before their time, since there were too many.
  case historyThinned = "history_thinned"

  /// Whether it was refused for who sent it, so that nothing of it was taken: no number, no place in a recording.
  package var isOfSender: Bool {
    switch self {
    case .keyRefused, .roleMissing, .sourceRefused, .handshakeLimited: true
    default: false
    }
  }

  /// Its place in the order above.
  package var index: Int {
    Self.indices[self]!
  }

  private static let indices = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })

  /// Whether the event was refused, rather than taken with a remark.
  package var isRefusal: Bool {
    switch self {
    case .late, .gap, .unsequenced, .restarted, .timeRefused, .textIgnored, .clockSkew, .deadlineSkipped,
      .journalFailed, .historyThinned:
      false
    default: true
    }
  }
}

/// One entry of the account: a reason, how often, and the words for a person.
package struct Remark: Error, Equatable, Sendable, CustomStringConvertible {
  package var reason: Reason
  /// Events, except for `gap`: messages that are missing.
  package var count: UInt64
  /// What exactly, with both figures where two disagree. Holds no secret and at most a few names.
  package var detail: String

  package init(_ reason: Reason, count: UInt64 = 1, _ detail: String = "") {
    self.reason = reason
    self.count = count
    self.detail = detail.isEmpty ? detail : Self.printable(detail)
  }

  /// Bytes of a detail; peers choose parts of it.
  package static let maximumDetailBytes = 400

  /// Cut to ``maximumDetailBytes``, without control characters, so that no peer can fill a log or forge
  /// its lines.
  private static func printable(_ text: String) -> String {
    var bytes = text.utf8.prefix(maximumDetailBytes).map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }
    guard text.utf8.count > maximumDetailBytes else { return String(decoding: bytes, as: UTF8.self) }
    // A character that was cut through goes whole.
    while let last = bytes.last, last & 0xc0 == 0x80 { bytes.removeLast() }
    if let last = bytes.last, last >= 0xc0 { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self) + "…"
  }

  package var description: String { detail.isEmpty ? reason.rawValue : "\(reason.rawValue): \(detail)" }
}
