package import Events

/// What is asked of the control socket (`protocol/kinds/control.md`).
package struct ControlRequest: Sendable {
  package enum Body: Sendable {
    case fetch(ControlFetch)
    case feedback(Feedback)
    case silence(SilenceRequest)
  }

  /// The number that the requester gave it; the answer bears it.
  package var number: UInt64
  /// When the requester began, unix ns.
  package var epoch: UInt64
  package var header: EventHeader
  package var body: Body

  /// - Parameter frames: topic, header, descriptor.
  /// - Throws: why it is no request. ``address(of:)`` may still say whom to tell.
  package init(parsing frames: Frames) throws(Remark) {
    guard frames.count == 3, let header = FramedHeader(parsing: frames[1]) else {
      throw Remark(.malformed, "\(frames.count) frames, want topic, header and descriptor")
    }
    guard header.majorVersion == FramedHeader.major else {
      throw Remark(.unsupportedVersion, "version \(header.majorVersion), want \(FramedHeader.major)")
    }
    guard header.frames == 3, header.descriptorEncoding == 1, header.epoch > 0, header.number > 0 else {
      throw Remark(.malformed, "a header without frames 3, encoding 1, an epoch or a number")
    }
    let topic = try Topic(parsing: frames[0])
    guard let source = topic.source.flatMap(SourceName.init), topic.parts == 4 else {
      throw Remark(.malformed, "no requester in the topic")
    }
    let kind = FramedHeader.Kind(rawValue: header.kind)
    guard let kind, kind.word.description == topic.kind else {
      throw Remark(.topicMismatch, "the header says kind \(header.kind), the topic another")
    }
    (number, epoch) = (header.number, header.epoch)
    let model = topic.model.flatMap(ModelName.init).map {
      ModelKey(name: $0, version: topic.version.flatMap(ModelVersion.init) ?? .none)
    }
    let sequence = SequenceNumber(epoch: header.epoch, number: header.number)
    self.header = EventHeader(
      id: .numbered(sequence), origin: Origin(source: source, model: model ?? .unspecified),
      sequence: sequence)
    switch kind {
    case .fetch: body = .fetch(try ControlFetch(parsing: frames[2], onlyOpen: false))
    case .snapshot: body = .fetch(try ControlFetch(parsing: frames[2], onlyOpen: true))
    case .feedback: body = .feedback(try Feedback(parsing: frames[2]))
    case .silence: body = .silence(try SilenceRequest(parsing: frames[2]))
    default: throw Remark(.unknownKind, "kind '\(kind.word)' is no request")
    }
  }

  /// Of a request that is none, what an answer needs: its kind, epoch and number; nil when these cannot be read,
  /// or it is of a kind that is no request.
  package static func address(of frames: Frames) -> (kind: FramedHeader.Kind, epoch: UInt64, number: UInt64)?
  {
    guard frames.count >= 3, let header = FramedHeader(parsing: frames[1]),
      header.majorVersion == FramedHeader.major, header.frames == frames.count, header.epoch > 0,
      header.number > 0, let kind = FramedHeader.Kind(rawValue: header.kind),
      [.fetch, .snapshot, .feedback, .silence].contains(kind),
      let topic = try? Topic(parsing: frames[0]), topic.parts == 4, topic.kind == kind.word.description
    else { return nil }
    return (kind, header.epoch, header.number)
  }
}

/// Which stored messages are wanted.
package struct ControlFetch: Sendable, Equatable {
  package static let maximumMessages = 512
  package static let maximumBytes = 4 << 20
  package static let maximumPrefixes = 16

  package var epoch: UInt64
  package var from: UInt64
  package var limit = Self.maximumMessages
  package var byteLimit = Self.maximumBytes
  /// Empty means all.
  package var prefixes: [[UInt8]] = []
  /// Only messages of alerts and decisions that are still open.
  package var onlyOpen: Bool

  package init(epoch: UInt64, from: UInt64, onlyOpen: Bool) {
    (self.epoch, self.from, self.onlyOpen) = (epoch, from, onlyOpen)
  }

  /// - Throws: `malformed`.
  init(parsing bytes: UnsafeRawBufferPointer, onlyOpen: Bool) throws(Remark) {
    self.init(epoch: 0, from: 0, onlyOpen: onlyOpen)
    // 0 is an epoch that no numbering has, and is answered like any other of those.
    var hasEpoch = false
    var reader = JSONReader(bytes)
    try reader.readObject { (reader, key) throws(Remark) in
      if key.equals("epoch") {
        epoch = try reader.readDecimal("epoch")
        hasEpoch = true
      } else if key.equals("from") {
        from = try reader.readDecimal("from")
      } else if key.equals("max") {
        limit = try reader.readCount("max", 1...Self.maximumMessages) ?? limit
      } else if key.equals("max_bytes") {
        byteLimit = try reader.readCount("max_bytes", 1...Self.maximumBytes) ?? byteLimit
      } else if key.equals("prefixes") {
        if try !reader.readNull() { prefixes = try Self.readPrefixes(&reader) }
      } else {
        try reader.skipValue()
      }
    }
    try reader.expectEnd()
    guard hasEpoch, from > 0 else { throw reader.failure("no epoch, or no from of at least 1") }
  }

  private static func readPrefixes(_ reader: inout JSONReader) throws(Remark) -> [[UInt8]] {
    var prefixes: [[UInt8]] = []
    try reader.readArray { (reader) throws(Remark) in
      guard prefixes.count < Self.maximumPrefixes else { throw reader.failure("too many prefixes") }
      let prefix = Array(try reader.readString().utf8)
      guard prefix.count <= WireLimits.topicBytes else { throw reader.failure("a prefix that is too long") }
      prefixes.append(prefix)
    }
    return prefixes
  }
}

extension JSONReader {
  /// A whole number as a decimal string, since it may exceed what a JSON number is sure to carry.
  mutating func readDecimal(_ key: StaticString) throws(Remark) -> UInt64 {
    let text = try readText()
    guard !text.hasEscapes, let value = text.wholeNumber else { throw failure("\(key) is no decimal string") }
    return value
  }

  /// A whole number within bounds; nil for null.
  fileprivate mutating func readCount(
    _ key: StaticString, _ bounds: ClosedRange<Int>
  ) throws(Remark) -> Int? {
    if try readNull() { return nil }
    guard let count = Int(exactly: try readCount(key)), bounds.contains(count) else {
      throw failure("\(key) is not from \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return count
  }
}

/// Frames of answers: from the control socket and from the lossless lane.
package struct AnswerEncoder {
  package let name: SourceName

  package init(name: SourceName) { self.name = name }

  /// The end of an answer to a fetch.
  package struct End: Sendable, Equatable {
    package enum Status: String, Sendable {
      case complete
      case more
      case truncated
      case epochMismatch = "epoch_mismatch"
      case noJournal = "no_journal"
      case busy
      case malformed
    }

    package var status: Status
    package var epoch: UInt64
    package var first: UInt64
    package var next: UInt64
    package var head: UInt64
    package var detail: String?

    package init(
      _ status: Status, epoch: UInt64, first: UInt64, next: UInt64, head: UInt64, detail: String? = nil
    ) {
      self.status = status
      self.epoch = epoch
      self.first = first
      self.next = next
      self.head = head
      self.detail = detail
    }
  }

  /// - Parameter number: the request's.
  package func frames(_ end: End, toSnapshot isSnapshot: Bool, number: UInt64, at now: Timestamp) -> [[UInt8]]
  {
    message(.end, epoch: max(1, end.epoch), number: number, at: now) { writer in
      writer.member("request", isSnapshot ? "snapshot" : "fetch")
      writer.member("status", end.status.rawValue)
      writer.member("epoch", String(end.epoch))
      writer.member("first", String(end.first))
      writer.member("next", String(end.next))
      writer.member("head", String(end.head))
      if let detail = end.detail { writer.member("detail", detail) }
    }
  }

  /// - Parameters: the request's numbering.
  package func frames(
    _ answer: FeedbackAnswer, toSilence isSilence: Bool = false, epoch: UInt64, number: UInt64,
    at now: Timestamp
  ) -> [[UInt8]] {
    switch answer {
    case .granted(let claim):
      message(.ack, epoch: epoch, number: number, at: now) { writer in
        writer.member("request", "feedback")
        writer.member("decision_id", claim.decision.text)
        writer.member("attempt", claim.attempt)
        writer.member("attempt_id", claim.decision.attempt(claim.attempt))
        writer.member("state", claim.state.rawValue)
        writer.member("rev", claim.revision)
        writer.member("owner", claim.owner)
        writer.member("token", claim.token)
      }
    case .silences(let silences):
      message(.ack, epoch: epoch, number: number, at: now) { writer in
        writer.member("request", "silence")
        writer.array("silences", silences) { $1.write(to: &$0) }
      }
    case .refused(let refusal):
      message(.nack, epoch: epoch, number: number, at: now) { writer in
        writer.member("request", isSilence ? "silence" : "feedback")
        writer.member("code", refusal.code.rawValue)
        writer.member("detail", refusal.detail)
        writer.member("owner", refusal.owner)
      }
    }
  }

  /// On the lossless lane: everything up to `number` of the source's epoch is durable.
  package func acknowledgement(
    of source: SourceName, _ position: SequenceNumber, credit: Int, creditBytes: Int, at now: Timestamp
  ) -> [[UInt8]] {
    message(.ack, epoch: position.epoch, number: position.number, at: now) { writer in
      writer.member("source", source.text)
      writer.member("credit", credit)
      writer.member("credit_bytes", creditBytes)
    }
  }

  /// On the lossless lane: a message was refused; or not taken, when `expected` says which comes first.
  package func refusal(
    _ remark: Remark, _ position: SequenceNumber, expected: UInt64?, at now: Timestamp
  ) -> [[UInt8]] {
    message(.nack, epoch: max(1, position.epoch), number: position.number, at: now) { writer in
      writer.member("code", remark.reason.rawValue)
      writer.member("detail", remark.detail)
      if let expected { writer.member("expected", String(expected)) }
    }
  }

  private func message(
    _ kind: FramedHeader.Kind, epoch: UInt64, number: UInt64, at now: Timestamp,
    _ members: (inout JSONWriter) -> Void
  ) -> [[UInt8]] {
    var writer = JSONWriter()
    writer.object(members)
    let header = FramedHeader(
      kind: kind.rawValue, frames: 3, epoch: epoch, number: number, sendTime: now.nanoseconds)
    let topic = FramedEncoder.topic(kind, Origin(source: name, model: .unspecified))
    return [topic, header.bytes, writer.bytes]
  }
}
