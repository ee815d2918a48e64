package import Events

/// The plain encoding of events going in, as a publisher writes it.
package struct EventEncoder {
  private var writer = JSONWriter()

  package init() {}

  /// - Returns: topic and body; nil for a body that is no kind of event of its own (a refusal).
  package mutating func encode(_ event: Event) -> (topic: [UInt8], body: [UInt8])? {
    let kind: CloudEvent.Kind
    switch event.body {
    case .metrics: kind = .metrics
    case .features: kind = .features
    case .baseline: kind = .baseline
    case .feedback: kind = .feedback
    case .head, .bye, .tombstone, .refused: return nil
    }
    let header = event.header
    var topic = Array(kind.rawValue.utf8)
    for segment in [header.model.name.text, header.model.version.text, header.source.text] {
      topic.append(UInt8(ascii: "/"))
      TopicSegment.append(segment, to: &topic)
    }
    writer.removeAll()
    writer.object { writer in
      writer.member("specversion", "1.0")
      writer.member("type", "tidemark.\(kind.rawValue).v1")
      writer.member("source", header.source.text)
      writer.member("id", header.id.description)
      if let time = header.time {
        writer.key("time")
        writer.time(time)
      }
      if header.model != .unspecified { writer.member("subject", header.model.name.text) }
      if header.model.version != .none { writer.member("modelversion", header.model.version.text) }
      if let sequence = header.sequence {
        writer.member("sequence", String(sequence.number))
        if sequence.epoch != 0 { writer.member("epoch", String(sequence.epoch)) }
      }
      if let traceParent = header.traceParent { writer.member("traceparent", traceParent) }
      writer.object("data") { writer in Self.writeData(event.body, to: &writer) }
    }
    return (topic, writer.bytes)
  }

  private static func writeData(_ body: EventBody, to writer: inout JSONWriter) {
    switch body {
    case .metrics(let metrics):
      if let accuracy = metrics.toldAccuracy { writer.member("accuracy", accuracy) }
      if let latency = metrics.toldLatency { writer.member("latency_ms", latency) }
      MetricsParts.write(metrics.detail, to: &writer)
    case .features(let batch): write(batch, to: &writer)
    case .baseline(let update):
      if let accuracy = update.accuracy { writer.member("accuracy", accuracy) }
      if let latency = update.latencyMilliseconds { writer.member("latency_ms", latency) }
      MetricsParts.write(update.counts, to: &writer)
      MetricsParts.write(update.latencyQuantiles, to: &writer)
      if let features = update.features { writer.object("features") { write(features, to: &$0) } }
    case .feedback(let feedback): feedback.write(to: &writer)
    case .head, .bye, .tombstone, .refused: break
    }
  }

  private static func write(_ batch: FeatureBatch, to writer: inout JSONWriter) {
    if let names = batch.names { writer.array("feature_names", names.names) { $0.string($1) } }
    let blocks = batch.blocks.map { (columns: $0.columns, values: $0.values) }
    writer.array("rows", 0..<batch.rows) { writer, row in
      let cells = blocks.lazy.map { $0.values[row * $0.columns..<(row + 1) * $0.columns] }.joined()
      writer.array(cells) { $0.number($1) }
    }
  }
}
