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

  /// Columns of text after those of numbers; a cell without text is an empty string, so that its column stays
  /// one of text.
  private static func write(_ batch: FeatureBatch, to writer: inout JSONWriter) {
    if let names = batch.allNames { writer.array("feature_names", names) { $0.string($1) } }
    let blocks = batch.blocks.map { (columns: $0.columns, values: $0.values) }
    let texts = batch.texts.map { (columns: $0.columns, cells: $0.cells) }
    writer.array("rows", 0..<batch.rows) { writer, row in
      writer.list { writer in
        for block in blocks {
          for cell in block.values[row * block.columns..<(row + 1) * block.columns] { writer.number(cell) }
        }
        for text in texts {
          for cell in text.cells[row * text.columns..<(row + 1) * text.columns] { writer.string(cell) }
        }
      }
    }
  }
}

extension FeatureBatch {
  /// Of the columns of numbers, then those of text; nil when the producer gave none.
  var allNames: [String]? {
    guard let names, texts.isEmpty || textNames != nil else { return nil }
    return names.names + (textNames?.names ?? [])
  }
}

extension TextBlock {
  /// Copies, row after row; what is not UTF-8 in them is replaced.
  fileprivate var cells: [String] {
    var cells: [String] = []
    cells.reserveCapacity(rows * columns)
    eachCell { _, cell in cells.append(String(decoding: cell, as: UTF8.self)) }
    return cells
  }
}
