/// Measurements in few numbers. Merging is exact in count, minimum and maximum; the mean is weighted by
/// counts.
package struct SampleSummary: Sendable, Equatable {
  package var count: UInt64
  package var minimum: Double
  package var maximum: Double
  package var mean: Double

  package init(count: UInt64, minimum: Double, maximum: Double, mean: Double) {
    self.count = count
    self.minimum = minimum
    self.maximum = maximum
    self.mean = mean
  }

  /// One measurement.
  package init(_ value: Double) { self.init(count: 1, minimum: value, maximum: value, mean: value) }

  package mutating func merge(_ other: SampleSummary) {
    guard other.count > 0 else { return }
    guard count > 0 else {
      self = other
      return
    }
    // Counts of hostile senders may not trap.
    let (sum, overflow) = count.addingReportingOverflow(other.count)
    count = overflow ? .max : sum
    // The share times the distance loses less than the sum of products: no large numbers appear.
    mean += (other.mean - mean) * (Double(other.count) / Double(count))
    minimum = Swift.min(minimum, other.minimum)
    maximum = Swift.max(maximum, other.maximum)
  }
}

/// What one model measured at a time, or in a short while that ends there.
package struct MetricsSample: Sendable, Equatable {
  package var model: String
  package var version: String
  package var time: Timestamp
  package var accuracy: SampleSummary?
  /// In milliseconds.
  package var latency: SampleSummary?

  package init(
    model: String, version: String, time: Timestamp, accuracy: SampleSummary?, latency: SampleSummary?
  ) {
    self.model = model
    self.version = version
    self.time = time
    self.accuracy = accuracy
    self.latency = latency
  }
}

/// What was found in one feature batch of a model, or in several. Merged, batches add up, and of the rest
/// the worst is kept.
package struct DriftSample: Sendable, Equatable {
  package var model: String
  package var version: String
  package var time: Timestamp
  package var batches: UInt64
  /// Nil when no column could be scored.
  package var maximumScore: Double?
  /// Columns found drifted, of `features`.
  package var drifted: Int
  package var features: Int
  package var severity: Severity

  package init(
    model: String, version: String, time: Timestamp, batches: UInt64, maximumScore: Double?, drifted: Int,
    features: Int, severity: Severity
  ) {
    self.model = model
    self.version = version
    self.time = time
    self.batches = batches
    self.maximumScore = maximumScore
    self.drifted = drifted
    self.features = features
    self.severity = severity
  }
}
