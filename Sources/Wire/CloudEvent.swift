import Events

/// The context attributes of one CloudEvents 1.0 object, as they are met.
struct CloudEvent {
  enum Kind: String {
    case metrics
    case features
    case baseline
  }

  private var specVersion: String?
  private var id: String?
  private var source: String?
  private(set) var type: String?
  private var time: String?
  private var subject: String?
  private var modelVersion: String?
  private var sequence: UInt64?
  private var epoch: UInt64?
  private var traceParent: String?
  /// Where `data` begins; nil when there is none.
  var dataOffset: Int?
  var body: EventBody?

  /// Takes one attribute; those without meaning here are passed over.
  ///
  /// - Throws: `malformed` for a wrong type, or an attribute that stands twice.
  mutating func readAttribute(_ key: String, from reader: inout JSONReader) throws(Remark) {
    switch key {
    case "specversion": try Self.read(&specVersion, key, &reader)
    case "id": try Self.read(&id, key, &reader)
    case "source": try Self.read(&source, key, &reader)
    case "type": try Self.read(&type, key, &reader)
    case "time": try Self.read(&time, key, &reader)
    case "subject": try Self.read(&subject, key, &reader)
    case "modelversion": try Self.read(&modelVersion, key, &reader)
    case "traceparent": try Self.read(&traceParent, key, &reader)
    case "sequence": sequence = try readCount(key, &reader)
    case "epoch": epoch = try readCount(key, &reader)
    case "data_base64": throw reader.failure("data_base64 is not taken, want data")
    default: try reader.skipValue()
    }
  }

  private static func read(
    _ attribute: inout String?, _ key: String, _ reader: inout JSONReader
  ) throws(Remark) {
    guard attribute == nil else { throw reader.failure("a second \(key)") }
    if try reader.readNull() { return }
    attribute = try reader.readString()
  }

  /// A whole number, as a decimal string or a JSON number without fraction or exponent.
  private func readCount(_ key: String, _ reader: inout JSONReader) throws(Remark) -> UInt64? {
    if try reader.readNull() { return nil }
    let start = reader.offset
    let text: String
    if reader.peek() == UInt8(ascii: "\"") {
      text = try reader.readString()
    } else {
      let first = reader.offset
      _ = try reader.readNumber()
      text = String(decoding: reader.bytes[first..<reader.offset], as: UTF8.self)
    }
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }), let count = UInt64(text)
    else {
      reader.rewind(to: start)
      throw reader.failure("\(key) is no whole number")
    }
    return count
  }

  /// - Throws: `unknownKind` or `unsupportedVersion`.
  func kind() throws(Remark) -> Kind {
    let type = type ?? ""
    let parts = type.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "tidemark", let kind = Kind(rawValue: String(parts[1])) else {
      throw Remark(.unknownKind, "'\(type.prefix(64))'")
    }
    guard parts[2] == "v1" else { throw Remark(.unsupportedVersion, "'\(type.prefix(64))', want .v1") }
    return kind
  }

  /// - Throws: `malformed` for a required attribute that is absent or out of bounds,
  ///   `unsupportedVersion`, `topicMismatch`.
  func header(_ topic: Topic) throws(Remark) -> EventHeader {
    guard let specVersion else { throw Remark(.malformed, "no specversion") }
    guard specVersion.hasPrefix("1.") else {
      throw Remark(.unsupportedVersion, "specversion '\(specVersion.prefix(16))', want 1.0")
    }
    guard let id, !id.isEmpty else { throw Remark(.malformed, "no id") }
    guard id.utf8.count <= WireLimits.idBytes else {
      throw Remark(.malformed, "an id of \(id.utf8.count) bytes, at most \(WireLimits.idBytes) are taken")
    }
    guard type != nil else { throw Remark(.malformed, "no type") }
    let sourceText = try agreed("source", source, topic.source)
    guard let sourceText else { throw Remark(.malformed, "no source") }
    guard let source = SourceName(sourceText) else {
      throw Remark(.malformed, "source of more than \(SourceName.maximumEncodedBytes) bytes, or empty")
    }
    guard let modelText = try agreed("model", subject, topic.model) else {
      throw Remark(.malformed, "no model: neither subject nor the topic names one")
    }
    guard let name = ModelName(modelText) else {
      throw Remark(.malformed, "model of more than \(ModelName.maximumEncodedBytes) bytes, or empty")
    }
    let versionText = try agreed("version", modelVersion == "-" ? nil : modelVersion, topic.version)
    guard let version = versionText.map(ModelVersion.init) ?? ModelVersion.none else {
      throw Remark(.malformed, "version of more than \(ModelVersion.maximumEncodedBytes) bytes, or empty")
    }
    return EventHeader(
      id: id, source: source, model: ModelKey(name: name, version: version), time: try parsedTime(),
      sequence: sequence.map { SequenceNumber(epoch: epoch ?? 0, number: $0) }, traceParent: traceParent)
  }

  private func parsedTime() throws(Remark) -> Timestamp? {
    guard let time else { return nil }
    guard let parsed = RFC3339.parse(time) else {
      throw Remark(.malformed, "time '\(time.prefix(40))', want RFC 3339 between 1678 and 2261")
    }
    return parsed
  }

  /// What topic and body say of one thing; a topic that says nothing leaves it to the body.
  private func agreed(_ what: String, _ body: String?, _ topic: String?) throws(Remark) -> String? {
    guard let body, let topic, body != topic else { return body ?? topic }
    throw Remark(
      .topicMismatch, "the topic says \(what) '\(topic.prefix(64))', the body '\(body.prefix(64))'")
  }

  /// A topic of another kind than the event's would reach readers who did not ask for it.
  func mismatchedKind(_ topic: Topic) -> Remark? {
    guard let named = topic.kind, let kind = try? kind(), named != kind.rawValue else { return nil }
    return Remark(.topicMismatch, "the topic says kind '\(named.prefix(64))', the type '\(kind.rawValue)'")
  }
}
