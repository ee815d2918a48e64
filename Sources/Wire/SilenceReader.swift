package import Events

// What an operator says of alerts, in JSON: `{"create": {…}}`, `{"expire": ID}`, `{"resolve": KEY}`, or `{}` to be
// told what is in force.
extension SilenceRequest {
  /// - Throws: `malformed`.
  init(parsing bytes: UnsafeRawBufferPointer) throws(Remark) {
    var found: [SilenceRequest] = []
    var reader = JSONReader(bytes)
    try reader.readObject { (reader, key) throws(Remark) in
      if key.equals("create") {
        found.append(try Self.readCreation(&reader))
      } else if key.equals("expire") {
        found.append(.expire(id: try reader.readShort("expire", 1...Silence.maximumIDBytes)))
      } else if key.equals("resolve") {
        found.append(.resolve(alertKey: try reader.readShort("resolve", 1...WireLimits.alertKeyBytes)))
      } else {
        try reader.skipValue()
      }
    }
    try reader.expectEnd()
    guard found.count <= 1 else { throw Remark(.malformed, "more than one of create, expire and resolve") }
    self = found.first ?? .list
  }

  private static func readCreation(_ reader: inout JSONReader) throws(Remark) -> SilenceRequest {
    var id: String?
    var matchers: [Silence.Matcher] = []
    var ends: [Silence.End] = []
    var author = ""
    var comment = ""
    try reader.readObject { (reader, key) throws(Remark) in
      if key.equals("id") {
        id = try reader.readNull() ? nil : reader.readShort("id", 1...Silence.maximumIDBytes)
      } else if key.equals("matchers") {
        matchers = try readMatchers(&reader)
      } else if key.equals("ends_at") {
        let text = try reader.readString()
        guard let time = RFC3339.parse(text) else { throw reader.failure("ends_at is no time") }
        ends.append(.at(time))
      } else if key.equals("duration_s") {
        let seconds = try reader.readNumber()
        guard seconds > 0, seconds <= Silence.longest.secondsValue else {
          throw reader.failure("duration_s is no number of seconds up to a year")
        }
        ends.append(.after(.nanoseconds(Int64(seconds * 1e9))))
      } else if key.equals("created_by") {
        author = try reader.readShort("created_by", 1...Silence.maximumAuthorBytes)
      } else if key.equals("comment") {
        comment = try reader.readShort("comment", 0...Silence.maximumCommentBytes)
      } else {
        try reader.skipValue()
      }
    }
    guard !matchers.isEmpty else { throw reader.failure("a silence without matchers") }
    guard ends.count == 1 else { throw reader.failure("want one of ends_at and duration_s") }
    guard !author.isEmpty else { throw reader.failure("a silence without created_by") }
    return .create(
      id: id, Silence.Terms(matchers: matchers, end: ends[0], createdBy: author, comment: comment))
  }

  private static func readMatchers(_ reader: inout JSONReader) throws(Remark) -> [Silence.Matcher] {
    var matchers: [Silence.Matcher] = []
    try reader.readObject { (reader, key) throws(Remark) in
      guard matchers.count < Silence.maximumMatchers else { throw reader.failure("too many matchers") }
      guard let field = Silence.Matcher.Field(rawValue: try key.resolved()),
        let matcher = Silence.Matcher(field, try reader.readString())
      else { throw reader.failure("a matcher of what alerts do not have, or without a pattern") }
      matchers.append(matcher)
    }
    return matchers
  }

  /// Its frames, as a requester sends them.
  package func frames(_ header: EventHeader, sendTime: Timestamp) -> [[UInt8]] {
    var writer = JSONWriter()
    writer.object { writer in
      switch self {
      case .list: break
      case .expire(let id): writer.member("expire", id)
      case .resolve(let key): writer.member("resolve", key)
      case .create(let id, let terms):
        writer.object("create") { writer in
          writer.member("id", id)
          terms.write(to: &writer)
          switch terms.end {
          case .at(let time):
            writer.key("ends_at")
            writer.time(time)
          case .after(let duration): writer.member("duration_s", duration.secondsValue)
          }
        }
      }
    }
    let sequence = header.sequence ?? SequenceNumber(epoch: 1, number: 1)
    let framed = FramedHeader(
      kind: FramedHeader.Kind.silence.rawValue, frames: 3, epoch: sequence.epoch, number: sequence.number,
      sendTime: sendTime.nanoseconds)
    return [FramedEncoder.topic(.silence, header.origin), framed.bytes, writer.bytes]
  }
}

extension Silence.Matcher.Field {
  fileprivate var word: StaticString {
    switch self {
    case .model: "model"
    case .version: "version"
    case .monitor: "monitor"
    case .severity: "severity"
    case .type: "type"
    }
  }
}

extension Silence.Terms {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.object("matchers") { writer in
      for matcher in matchers { writer.member(matcher.field.word, matcher.pattern) }
    }
    writer.member("created_by", createdBy)
    writer.member("comment", comment)
  }
}

extension Silence {
  /// As an answer lists it.
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", id)
      terms.write(to: &writer)
      writer.key("created_at")
      writer.time(createdAt)
      writer.key("ends_at")
      writer.time(endsAt)
    }
  }
}

extension JSONReader {
  fileprivate mutating func readShort(
    _ key: StaticString, _ bounds: ClosedRange<Int>
  ) throws(Remark) -> String {
    let text = try readString()
    guard bounds.contains(text.utf8.count) else {
      throw failure("\(key) of \(text.utf8.count) bytes, want \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return text
  }
}
