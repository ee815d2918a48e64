package import Events

/// The framed encoding of events going in, as a publisher writes it.
package struct FramedEncoder {
  /// Descriptors are written anew for each event, the same bytes for the same names and shapes.
  private var writer = JSONWriter()

  package init() {}

  /// The frames of one event, numbered.
  ///
  /// - Parameters:
  ///   - previous: the number of the message of this epoch with the same topic before it; 0 for none.
  ///   - sendTime: unix ns.
  /// - Returns: topic, header, descriptor, tensors; nil for an event without a number, without one of the
  ///   metrics that the encoding has, or refused.
  package mutating func encode(_ event: Event, previous: UInt64, sendTime: Int64) -> [[UInt8]]? {
    guard let sequence = event.header.sequence, let kind = event.body.kind else { return nil }
    writer.removeAll()
    var tensors: [[UInt8]] = []
    switch event.body {
    case .metrics(let metrics):
      let detail = metrics.detail
      var values = [("accuracy", metrics.toldAccuracy), ("latency_ms", metrics.toldLatency)]
      values += DetailPlaces.values(detail?.counts, detail?.named ?? [])
      let latencies = detail?.latencies ?? []
      // Latencies alone still need the first tensor.
      if !latencies.isEmpty, values.allSatisfy({ $0.1 == nil }) { values[1].1 = .nan }
      writer.object { Self.write(values, latencies: latencies, nil, to: &$0, &tensors) }
    case .features(let batch): writer.object { Self.write([], batch, to: &$0, &tensors) }
    case .baseline(let update):
      var values = [("accuracy", update.accuracy), ("latency_ms", update.latencyMilliseconds)]
      values += DetailPlaces.values(update.counts, []) + DetailPlaces.values(update.latencyQuantiles)
      writer.object { Self.write(values, update.features, to: &$0, &tensors) }
    case .head(let head), .bye(let head):
      writer.object { writer in
        writer.member("dropped", head.dropped)
        if let interval = head.interval {
          writer.member("interval_ms", interval.clampedNanoseconds / 1_000_000)
        }
        if let first = head.first { writer.member("first", String(first)) }
      }
    case .feedback(let feedback): writer.object { feedback.write(to: &$0) }
    case .tombstone, .refused: return nil
    }
    let isSign = kind == .head || kind == .bye
    guard isSign || kind == .feedback || !tensors.isEmpty else { return nil }
    let header = FramedHeader(
      kind: kind.rawValue, flags: sequence.number == 1 && !isSign ? .firstOfEpoch : [],
      frames: 3 + tensors.count, epoch: sequence.epoch, number: sequence.number, previous: previous,
      eventTime: event.header.time?.nanoseconds ?? 0, sendTime: sendTime)
    return [Self.topic(kind, event.header.origin), header.bytes, writer.bytes] + tensors
  }

  /// `<kind>/<model>/<version>/<source>`.
  package static func topic(_ kind: FramedHeader.Kind, _ origin: Origin) -> [UInt8] {
    var topic = Array(kind.word.description.utf8)
    for segment in [origin.model.name.text, origin.model.version.text, origin.source.text] {
      topic.append(UInt8(ascii: "/"))
      TopicSegment.append(segment, to: &topic)
    }
    return topic
  }

  private static func write(
    _ metrics: [(name: String, value: Double?)], latencies: [Double] = [], _ batch: FeatureBatch?,
    to writer: inout JSONWriter, _ tensors: inout [[UInt8]]
  ) {
    let given = metrics.filter { $0.value != nil }
    if !given.isEmpty { writer.array("metrics", given) { $0.string($1.name) } }
    if let names = batch?.allNames { writer.array("feature_names", names) { $0.string($1) } }
    writer.key("tensors")
    var list: [(name: String, datatype: String, shape: [Int])] = []
    if !given.isEmpty {
      list.append(("values", "FP64", [given.count]))
      tensors.append(given.flatMap { withUnsafeBytes(of: $0.value!) { Array($0) } })
    }
    if !latencies.isEmpty {
      list.append(("latencies_ms", "FP64", [latencies.count]))
      tensors.append(latencies.withUnsafeBytes { Array($0) })
    }
    for block in batch?.blocks ?? [] {
      list.append(("rows", block.format.datatype, [block.rows, block.columns]))
      tensors.append(block.withBytes { Array($0) })
    }
    for text in batch?.texts ?? [] {
      list.append(("rows", "BYTES", [text.rows, text.columns]))
      tensors.append(text.withBytes { Array($0) })
    }
    writer.array(list) { writer, tensor in
      writer.object { writer in
        writer.member("name", tensor.name)
        writer.member("datatype", tensor.datatype)
        writer.array("shape", tensor.shape) { $0.integer($1) }
      }
    }
  }
}

extension EventBody {
  /// Its kind on the wire; nil for what has none.
  package var kind: FramedHeader.Kind? {
    switch self {
    case .metrics: .metrics
    case .features: .features
    case .baseline: .baseline
    case .feedback: .feedback
    case .head: .head
    case .bye: .bye
    case .tombstone, .refused: nil
    }
  }
}

extension Matrix.Format {
  /// The Open Inference Protocol's name.
  package var datatype: String {
    switch self {
    case .float64: "FP64"
    case .float32: "FP32"
    case .int64: "INT64"
    case .int32: "INT32"
    case .bool: "BOOL"
    }
  }
}
