package import Events

/// The plain encoding, in: a topic and one CloudEvents 1.0 JSON object become an ``Event``.
///
/// A total function: every input gives an event or a ``Remark``. When the attributes could be read
/// and the rest is refused, the event bears the refusal, so that its sequence number still counts.
package struct PlainDecoder {
  let limits: WireLimits
  private var origins = OriginTable()
  private var topics = InternTable<Topic>(
    entries: WireLimits.internedOrigins, maximumBytes: WireLimits.topicBytes)
  private var nameLists = InternTable<NameList>(
    entries: WireLimits.internedNameLists, maximumBytes: WireLimits.internedNameListBytes)

  package init(limits: WireLimits = WireLimits()) { self.limits = limits }

  /// - Parameters:
  ///   - topic: `<kind>/<model>/<version>/<source>`; nil where there is none, as in files.
  ///   - body: the JSON object; read in place.
  /// - Throws: `malformed`, `tooLarge`, `unsupportedVersion` or `topicMismatch` without a header.
  package mutating func decode(
    topic: UnsafeRawBufferPointer?, body: UnsafeRawBufferPointer
  ) throws(Remark) -> Event {
    let size = body.count + (topic?.count ?? 0)
    guard body.count <= limits.frameBytes, size <= limits.messageBytes else {
      throw Remark(.tooLarge, "\(size) bytes, at most \(limits.frameBytes) a frame are taken")
    }
    var parts = Topic()
    if let topic, topic.count > WireLimits.topicBytes { throw Topic.tooLong(topic.count) }
    if let topic { parts = try topics.value(for: topic) { () throws(Remark) in try Topic(parsing: topic) } }
    guard body.first == UInt8(ascii: "{") else { throw Remark(.malformed, "the body is no JSON object") }

    var reader = JSONReader(body)
    var envelope = CloudEvent()
    try reader.readObject { (reader, key) throws(Remark) in
      guard key.equals("data") else {
        try envelope.readAttribute(key, from: &reader)
        return
      }
      guard envelope.dataOffset == nil else { throw reader.failure("a second data") }
      envelope.dataOffset = reader.offset
      // With the type known, data is read where it stands; otherwise it is passed over, and read after.
      if !envelope.hasType {
        try reader.skipValue()
      } else {
        envelope.body = try decodeData(of: envelope, &reader)
      }
    }
    try reader.expectEnd()

    let header = try envelope.header(parts, topicBytes: topic, &origins)
    if let remark = envelope.mismatchedKind(parts) { return Event(header: header, body: .refused(remark)) }
    if envelope.body == nil {
      reader.rewind(to: envelope.dataOffset ?? 0)
      envelope.body = try decodeData(of: envelope, &reader)
    }
    return Event(header: header, body: envelope.body!)
  }

  /// Reads `data` by the event's kind. Text that is no JSON throws; data that is not what the kind
  /// wants comes back as a refusal, with the reader after it.
  private mutating func decodeData(
    of envelope: CloudEvent, _ reader: inout JSONReader
  ) throws(Remark) -> EventBody {
    let start = reader.offset
    do throws(Remark) {
      let kind = try envelope.kind()
      guard envelope.dataOffset != nil else { throw Remark(.malformed, "no data") }
      switch kind {
      case .metrics: return .metrics(try readMetrics(&reader))
      case .features: return .features(try readFeatures(&reader))
      case .baseline: return .baseline(try readBaseline(&reader))
      case .feedback: return .feedback(try Feedback(reading: &reader))
      }
    } catch {
      if envelope.dataOffset != nil {
        reader.rewind(to: start)
        try reader.skipValue()
      }
      return .refused(error)
    }
  }

  // MARK: Kinds

  private func readMetrics(_ reader: inout JSONReader) throws(Remark) -> Metrics {
    var accuracy: Double?
    var latency: Double?
    var parts = MetricsParts()
    try reader.readObject { (reader, key) throws(Remark) in
      if key.equals("accuracy") {
        accuracy = try readOptionalNumber(&reader)
      } else if key.equals("latency_ms") {
        latency = try readOptionalNumber(&reader)
      } else if try !parts.readMetric(key, from: &reader) {
        try reader.skipValue()
      }
    }
    if parts.isEmpty { return Metrics(accuracy: accuracy, latencyMilliseconds: latency) }
    return Metrics(
      accuracy: accuracy, latencyMilliseconds: latency, counts: try parts.counts(),
      latencies: parts.latencies, named: parts.named)
  }

  private mutating func readBaseline(_ reader: inout JSONReader) throws(Remark) -> BaselineUpdate {
    var update = BaselineUpdate()
    var parts = MetricsParts()
    try reader.readObject { (reader, key) throws(Remark) in
      if key.equals("accuracy") {
        update.accuracy = try readFinite(&reader, "accuracy")
      } else if key.equals("latency_ms") {
        update.latencyMilliseconds = try readFinite(&reader, "latency_ms")
      } else if key.equals("features") {
        update.features = try reader.readNull() ? nil : readFeatures(&reader)
      } else if try !parts.readBaseline(key, from: &reader) {
        try reader.skipValue()
      }
    }
    (update.counts, update.latencyQuantiles) = (try parts.counts(), try parts.latencyQuantiles())
    return update
  }

  private func readOptionalNumber(_ reader: inout JSONReader) throws(Remark) -> Double? {
    try reader.readNull() ? nil : reader.readNumber()
  }

  /// A baseline that is no number would silence its rule without a word.
  private func readFinite(_ reader: inout JSONReader, _ key: StaticString) throws(Remark) -> Double? {
    guard let value = try readOptionalNumber(&reader) else { return nil }
    guard value.isFinite else { throw reader.failure("\(key) is not finite") }
    return value
  }

  private mutating func readFeatures(_ reader: inout JSONReader) throws(Remark) -> FeatureBatch {
    var list: NameList?
    var rows: PlainRows?
    try reader.readObject { (reader, key) throws(Remark) in
      if key.equals("feature_names") {
        list = try reader.readNull() ? nil : readNames(&reader)
      } else if key.equals("rows") {
        rows = try PlainRows(reading: &reader)
      } else {
        try reader.skipValue()
      }
    }
    guard let rows else { throw Remark(.malformed, "no rows") }
    if let list, list.names.count != rows.columns {
      throw Remark(
        .shapeMismatch, "\(list.names.count) feature_names, but rows of \(rows.columns) values")
    }
    guard let texts = rows.texts else { return FeatureBatch(names: list?.names, matrix: rows.numbers) }
    let names = list?.split(byText: rows.isText)
    var batch = FeatureBatch(names: names?.ofNumbers, matrix: rows.numbers)
    (batch.texts, batch.textNames) = ([texts], names?.ofText)
    return batch
  }

  private mutating func readNames(_ reader: inout JSONReader) throws(Remark) -> NameList {
    let start = reader.offset
    try reader.skipValue()
    let bytes = UnsafeRawBufferPointer(rebasing: reader.bytes[start..<reader.offset])
    return try nameLists.value(for: bytes) { () throws(Remark) in NameList(try Self.parseNames(bytes)) }
  }

  private static func parseNames(_ bytes: UnsafeRawBufferPointer) throws(Remark) -> FeatureNames {
    var reader = JSONReader(bytes)
    var list: [String] = []
    try reader.readArray { (reader) throws(Remark) in list.append(try reader.readString()) }
    return try Descriptor.distinct(list)
  }
}

/// Names of columns, and how they were last told apart, so that a stream of batches of the same columns of
/// text has the same objects each time.
private final class NameList {
  let names: FeatureNames
  private var lastSplit: (isText: [Bool], names: Split)?

  struct Split {
    var ofNumbers: FeatureNames?
    var ofText: FeatureNames?
  }

  init(_ names: FeatureNames) { self.names = names }

  /// Cost: of the same columns as the time before, comparing as many flags.
  func split(byText isText: [Bool]) -> Split {
    if let lastSplit, lastSplit.isText == isText { return lastSplit.names }
    let kept = { (wanted: Bool) in
      FeatureNames(zip(self.names.names, isText).filter { $1 == wanted }.map { $0.0 })
    }
    let split = Split(ofNumbers: kept(false), ofText: kept(true))
    lastSplit = (isText, split)
    return split
  }
}
