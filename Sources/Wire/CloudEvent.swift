import Events

/// The context attributes of one CloudEvents 1.0 object, as they are met.
///
/// Texts stay where they stand until the event is whole; see ``JSONText`` for how long they are valid.
struct CloudEvent {
  enum Kind: String {
    case metrics
    case features
    case baseline
    case feedback
  }

  private var specVersion: JSONText?
  private var id: JSONText?
  private var source: JSONText?
  private var type: JSONText?
  private var time: JSONText?
  private var subject: JSONText?
  private var modelVersion: JSONText?
  private var traceParent: JSONText?
  private var sequence: UInt64?
  private var epoch: UInt64?
  /// Where `data` begins; nil when there is none.
  var dataOffset: Int?
  var body: EventBody?

  var hasType: Bool { type != nil }

  /// Takes one attribute; those without meaning here are passed over.
  ///
  /// - Throws: `malformed` for a wrong type, or an attribute that stands twice.
  mutating func readAttribute(_ key: JSONText, from reader: inout JSONReader) throws(Remark) {
    if key.equals("id") {
      try Self.read(&id, "id", &reader)
    } else if key.equals("type") {
      try Self.read(&type, "type", &reader)
    } else if key.equals("time") {
      try Self.read(&time, "time", &reader)
    } else if key.equals("source") {
      try Self.read(&source, "source", &reader)
    } else if key.equals("subject") {
      try Self.read(&subject, "subject", &reader)
    } else if key.equals("specversion") {
      try Self.read(&specVersion, "specversion", &reader)
    } else if key.equals("modelversion") {
      try Self.read(&modelVersion, "modelversion", &reader)
    } else if key.equals("sequence") {
      try Self.readCount(&sequence, "sequence", &reader)
    } else if key.equals("epoch") {
      try Self.readCount(&epoch, "epoch", &reader)
    } else if key.equals("traceparent") {
      try Self.read(&traceParent, "traceparent", &reader)
    } else if key.equals("data_base64") {
      throw reader.failure("data_base64 is not taken, want data")
    } else {
      try reader.skipValue()
    }
  }

  private static func read(
    _ attribute: inout JSONText?, _ key: StaticString, _ reader: inout JSONReader
  ) throws(Remark) {
    guard attribute == nil else { throw reader.failure("a second \(key)") }
    if try reader.readNull() { return }
    attribute = try reader.readText()
  }

  /// A whole number, as a decimal string or a JSON number without fraction or exponent.
  private static func readCount(
    _ attribute: inout UInt64?, _ key: StaticString, _ reader: inout JSONReader
  ) throws(Remark) {
    guard attribute == nil else { throw reader.failure("a second \(key)") }
    if try reader.readNull() { return }
    let start = reader.offset
    var text: JSONText
    if reader.peek() == UInt8(ascii: "\"") {
      text = try reader.readText()
    } else {
      let first = reader.offset
      _ = try reader.readNumber()
      text = JSONText(
        bytes: UnsafeRawBufferPointer(rebasing: reader.bytes[first..<reader.offset]), hasEscapes: false)
    }
    let count = text.hasEscapes ? UInt64(try text.resolved()) : text.wholeNumber
    guard let count else {
      reader.rewind(to: start)
      throw reader.failure("\(key) is no whole number")
    }
    attribute = count
  }

  // MARK: Kind

  /// - Throws: `unknownKind` or `unsupportedVersion`.
  func kind() throws(Remark) -> Kind {
    guard let type else { throw Remark(.malformed, "no type") }
    if type.equals("tidemark.metrics.v1") { return .metrics }
    if type.equals("tidemark.features.v1") { return .features }
    if type.equals("tidemark.baseline.v1") { return .baseline }
    if type.equals("tidemark.feedback.v1") { return .feedback }
    let text = try type.resolved()
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "tidemark", Kind(rawValue: String(parts[1])) != nil else {
      throw Remark(.unknownKind, "'\(text.prefix(64))'")
    }
    throw Remark(.unsupportedVersion, "'\(text.prefix(64))', want .v1")
  }

  /// A topic of another kind than the event's would reach readers who did not ask for it.
  func mismatchedKind(_ topic: Topic) -> Remark? {
    guard let named = topic.kind, let kind = try? kind(), named != kind.rawValue else { return nil }
    return Remark(.topicMismatch, "the topic says kind '\(named.prefix(64))', the type '\(kind.rawValue)'")
  }

  // MARK: Header

  /// - Parameters:
  ///   - topicBytes: what `topic` was parsed from.
  /// - Throws: `malformed` for a required attribute that is absent or out of bounds,
  ///   `unsupportedVersion`, `topicMismatch`.
  func header(
    _ topic: Topic, topicBytes: UnsafeRawBufferPointer?, _ origins: inout OriginTable
  ) throws(Remark) -> EventHeader {
    guard let specVersion else { throw Remark(.malformed, "no specversion") }
    if !specVersion.equals("1.0") {
      let text = try specVersion.resolved()
      guard text.hasPrefix("1.") else {
        throw Remark(.unsupportedVersion, "specversion '\(text.prefix(16))', want 1.0")
      }
    }
    guard let id = try id?.resolved(), !id.isEmpty else { throw Remark(.malformed, "no id") }
    guard id.utf8.count <= WireLimits.idBytes else {
      throw Remark(.malformed, "an id of \(id.utf8.count) bytes, at most \(WireLimits.idBytes) are taken")
    }
    guard type != nil else { throw Remark(.malformed, "no type") }
    guard sequence != 0 else { throw Remark(.malformed, "sequence 0: numbers begin with 1") }
    // Feedback names a decision, which knows its model.
    guard subject != nil || topic.model != nil || (try? kind()) == .feedback else {
      throw Remark(.malformed, "no model: neither subject nor the topic names one")
    }
    let origin = try origins.value(topicBytes, (source, subject, modelVersion)) { () throws(Remark) in
      try self.origin(topic)
    }
    return EventHeader(
      id: .text(id), origin: origin, time: try parsedTime(),
      sequence: sequence.map { SequenceNumber(epoch: epoch ?? 0, number: $0) },
      traceParent: try parsedTraceParent())
  }

  private func origin(_ topic: Topic) throws(Remark) -> Origin {
    let source = try agreed("source", source, topic.source, limit: SourceName.maximumEncodedBytes) {
      SourceName($0)
    }
    guard let source else { throw Remark(.malformed, "no source") }
    let name = try agreed("model", subject, topic.model, limit: ModelName.maximumEncodedBytes) {
      ModelName($0)
    }
    let stated = modelVersion.flatMap { $0.equals("-") ? nil : $0 }
    let version = try agreed("version", stated, topic.version, limit: ModelVersion.maximumEncodedBytes) {
      ModelVersion($0)
    }
    guard let name else { return Origin(source: source, model: .unspecified) }
    return Origin(source: source, model: ModelKey(name: name, version: version ?? .none))
  }

  /// One that is too long to be any is left out, as W3C's Trace Context has it, since it is handed on
  /// with every output.
  private func parsedTraceParent() throws(Remark) -> String? {
    guard let traceParent, traceParent.bytes.count <= WireLimits.traceParentBytes else { return nil }
    return try traceParent.resolved()
  }

  private func parsedTime() throws(Remark) -> Timestamp? {
    guard let time else { return nil }
    let parsed = time.hasEscapes ? RFC3339.parse(try time.resolved()) : RFC3339.parse(time.bytes)
    guard let parsed else {
      throw Remark(
        .malformed, "time '\(try time.resolved().prefix(40))', want RFC 3339 between 1678 and 2261")
    }
    return parsed
  }

  /// What topic and body say of one thing; where one says nothing, the other's word holds.
  private func agreed<Name: CustomStringConvertible>(
    _ what: StaticString, _ body: JSONText?, _ topic: String?, limit: Int, _ make: (String) -> Name?
  ) throws(Remark) -> Name? {
    guard let text = try body?.resolved() ?? topic else { return nil }
    guard let name = make(text) else {
      throw Remark(.malformed, "a \(what) of more than \(limit) bytes, or none")
    }
    guard let topic, name.description != topic else { return name }
    throw Remark(
      .topicMismatch,
      "the topic says \(what) '\(topic.prefix(64))', the body '\(name.description.prefix(64))'")
  }
}

/// Origins by the bytes that name them, in topic and body together.
struct OriginTable {
  private var table = InternTable<Origin>(entries: WireLimits.internedOrigins, maximumBytes: 512)
  /// Reused between events.
  private var key: [UInt8] = []

  mutating func value(
    _ topic: UnsafeRawBufferPointer?, _ texts: (JSONText?, JSONText?, JSONText?),
    make: () throws(Remark) -> Origin
  ) throws(Remark) -> Origin {
    key.removeAll(keepingCapacity: true)
    // An escaped text is rare, and its bytes are not its own.
    if texts.0?.hasEscapes == true || texts.1?.hasEscapes == true || texts.2?.hasEscapes == true {
      return try make()
    }
    append(topic)
    append(texts.0?.bytes)
    append(texts.1?.bytes)
    append(texts.2?.bytes)
    return try key.withUnsafeBufferPointer { (key) throws(Remark) in
      try table.value(for: UnsafeRawBufferPointer(key), parse: make)
    }
  }

  /// Each part after its length, one more than its bytes, so that none can pass for another or for none.
  private mutating func append(_ part: UnsafeRawBufferPointer?) {
    let count = part.map { $0.count + 1 } ?? 0
    key.append(UInt8(truncatingIfNeeded: count))
    key.append(UInt8(truncatingIfNeeded: count >> 8))
    key.append(UInt8(truncatingIfNeeded: count >> 16))
    key.append(UInt8(truncatingIfNeeded: count >> 24))
    if let part { key.append(contentsOf: part) }
  }
}
