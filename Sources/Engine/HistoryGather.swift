import Events

/// What came of one model since its history was last written: a sample each time it is, whatever came.
struct HistoryGather: Sendable {
  private var accuracy: SampleSummary?
  private var latency: SampleSummary?
  private var drift: DriftSample?
  private var lastMeasured = Timestamp.min

  mutating func note(_ metrics: Metrics, at time: Timestamp) {
    lastMeasured = time
    if let value = metrics.accuracy { Self.add(value, to: &accuracy) }
    if let value = metrics.latencyMilliseconds { Self.add(value, to: &latency) }
  }

  private static func add(_ value: Double, to summary: inout SampleSummary?) {
    if summary == nil { summary = SampleSummary(value) } else { summary?.merge(SampleSummary(value)) }
  }

  mutating func note(_ assessment: DriftAssessment, of model: ModelKey, at time: Timestamp) {
    let batches = (drift?.batches ?? 0) + 1
    if drift == nil || assessment.maximumScore ?? 0 >= drift?.maximumScore ?? 0 {
      drift = DriftSample(
        model: model.name.text, version: model.version.text, time: time, batches: batches,
        maximumScore: assessment.maximumScore, drifted: assessment.driftedCount,
        features: assessment.features.count, severity: assessment.severity)
    }
    drift?.batches = batches
    drift?.time = time
  }

  /// Hands out what was gathered, and begins anew.
  mutating func drain(of model: ModelKey, into samples: inout EngineChanges) {
    if accuracy != nil || latency != nil {
      samples.metrics.append(
        MetricsSample(
          model: model.name.text, version: model.version.text, time: lastMeasured, accuracy: accuracy,
          latency: latency))
    }
    if let drift { samples.drift.append(drift) }
    self = HistoryGather()
  }

  func encode(to writer: inout StateWriter) {
    for summary in [accuracy, latency] {
      writer.write(summary) { writer, summary in
        writer.write(summary.count)
        writer.write(summary.minimum)
        writer.write(summary.maximum)
        writer.write(summary.mean)
      }
    }
    writer.write(lastMeasured)
    writer.write(drift) { writer, drift in
      writer.write(drift.time)
      writer.write(drift.batches)
      writer.write(drift.maximumScore) { $0.write($1) }
      writer.write(drift.drifted)
      writer.write(drift.features)
      writer.write(drift.severity.rawValue)
    }
  }

  init(of model: ModelKey, from reader: inout StateReader) throws(StateError) {
    accuracy = try Self.readSummary(&reader)
    latency = try Self.readSummary(&reader)
    lastMeasured = try reader.readTimestamp()
    drift = try reader.readOptional { (reader) throws(StateError) in
      DriftSample(
        model: model.name.text, version: model.version.text, time: try reader.readTimestamp(),
        batches: try reader.read(),
        maximumScore: try reader.readOptional { (reader) throws(StateError) in try reader.readDouble() },
        drifted: try reader.readInt(), features: try reader.readInt(), severity: try reader.readWord())
    }
  }

  private static func readSummary(_ reader: inout StateReader) throws(StateError) -> SampleSummary? {
    try reader.readOptional { (reader) throws(StateError) in
      SampleSummary(
        count: try reader.read(), minimum: try reader.readDouble(), maximum: try reader.readDouble(),
        mean: try reader.readDouble())
    }
  }

  init() {}
}
