/// What came of one metric over some time: exact, and mergeable without loss but for the mean's rounding.
package struct SampleSummary: Sendable, Equatable {
  package var count: UInt64
  package var minimum: Double
  package var maximum: Double
  package var sum: Double

  package init(_ value: Double) { (count, minimum, maximum, sum) = (1, value, value, value) }

  package init(count: UInt64, minimum: Double, maximum: Double, sum: Double) {
    self.count = count
    self.minimum = minimum
    self.maximum = maximum
    self.sum = sum
  }

  package var mean: Double { sum / Double(count) }

  package mutating func add(_ value: Double) {
    count += 1
    minimum = min(minimum, value)
    maximum = max(maximum, value)
    sum += value
  }
}

/// Measurements of one model between two checkpoints, for its history.
package struct MetricsSample: Sendable, Equatable {
  package var model: ModelKey
  /// Model time of the last of them.
  package var time: Timestamp
  package var accuracy: SampleSummary?
  /// Milliseconds.
  package var latency: SampleSummary?

  package init(model: ModelKey, time: Timestamp, accuracy: SampleSummary?, latency: SampleSummary?) {
    self.model = model
    self.time = time
    self.accuracy = accuracy
    self.latency = latency
  }
}

/// Feature batches of one model between two checkpoints, by the one with the largest score.
package struct DriftSample: Sendable, Equatable {
  package var model: ModelKey
  package var time: Timestamp
  package var batches: UInt64
  package var maximumScore: Double?
  package var driftedCount: Int
  package var severity: Severity

  package init(
    model: ModelKey, time: Timestamp, batches: UInt64, maximumScore: Double?, driftedCount: Int,
    severity: Severity
  ) {
    self.model = model
    self.time = time
    self.batches = batches
    self.maximumScore = maximumScore
    self.driftedCount = driftedCount
    self.severity = severity
  }
}
