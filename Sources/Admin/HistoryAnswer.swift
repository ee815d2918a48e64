package import Events
import Wire

/// What the journal holds of one model, newest first.
package struct HistorySamples: Sendable {
  package var metrics: [MetricsSample]
  package var drift: [DriftSample]

  package init(metrics: [MetricsSample], drift: [DriftSample]) {
    (self.metrics, self.drift) = (metrics, drift)
  }
}

/// Reads at most so many samples of a model; it may take as long as a disk does.
package typealias HistorySource = @Sendable (_ model: ModelKey, _ limit: Int) throws -> HistorySamples

/// A stretch of time in steps.
struct HistorySpan {
  let from: Timestamp
  let to: Timestamp
  let step: Duration

  static let usual = Duration.seconds(24 * 3600)
  /// What a step divides a period into when none is given.
  static let usualPoints = 240.0

  init(_ target: Target, now: Timestamp) throws(BadParameter) {
    to = try Self.time("to", target) ?? now
    from = try Self.time("from", target) ?? to.advanced(by: .zero - Self.usual)
    guard from < to else { throw BadParameter("from", "a time before `to`") }
    let period = from.duration(to: to).secondsValue
    let asked = try target.integer("step", 1...2_678_400, default: Int(period / Self.usualPoints))
    let least = (period / Double(AdminLimits.points)).rounded(.up)
    step = .seconds(max(1, Double(asked), least))
  }

  private static func time(_ name: String, _ target: Target) throws(BadParameter) -> Timestamp? {
    guard let text = target.text(name) else { return nil }
    guard let time = RFC3339.parse(text) else { throw BadParameter(name, "a time as RFC 3339 writes it") }
    return time
  }

  /// The steps that samples fall into, by their order from ``from``.
  private func slot(_ time: Timestamp) -> Int? {
    guard time >= from, time <= to else { return nil }
    return Int(from.duration(to: time).secondsValue / step.secondsValue)
  }

  private struct Point {
    var accuracy: SampleSummary?
    var latency: SampleSummary?
    var drift: DriftSample?
  }

  /// - Parameter samples: nil when there are none, for a `reason`.
  func answer(_ model: ModelKey, _ samples: HistorySamples?, reason: String?) -> Answer {
    var points: [Int: Point] = [:]
    for sample in samples?.metrics ?? [] {
      guard let slot = slot(sample.time) else { continue }
      points[slot, default: Point()].accuracy.merge(sample.accuracy)
      points[slot, default: Point()].latency.merge(sample.latency)
    }
    for sample in samples?.drift ?? [] {
      guard let slot = slot(sample.time) else { continue }
      points[slot, default: Point()].drift.merge(sample)
    }
    return Answer { writer in
      writer.member("model", model.name.text)
      writer.member("version", model.version.text)
      writer.member("from", time: from)
      writer.member("to", time: to)
      writer.member("step_s", step.secondsValue)
      writer.member("reason", reason)
      writer.array("points", points.sorted { $0.key < $1.key }.prefix(AdminLimits.points)) { writer, point in
        writer.object { writer in
          writer.member("at", time: min(to, from.advanced(by: step * (point.key + 1))))
          writer.key("accuracy")
          point.value.accuracy.write(to: &writer)
          writer.key("latency_ms")
          point.value.latency.write(to: &writer)
          writer.key("drift")
          point.value.drift.write(to: &writer)
        }
      }
    }
  }
}

extension SampleSummary? {
  fileprivate mutating func merge(_ other: SampleSummary?) {
    guard let other else { return }
    guard var own = self else {
      self = other
      return
    }
    own.merge(other)
    self = own
  }

  fileprivate func write(to writer: inout JSONWriter) {
    guard let summary = self else { return writer.null() }
    writer.object { writer in
      writer.member("count", summary.count)
      writer.member("min", summary.minimum)
      writer.member("max", summary.maximum)
      writer.member("mean", summary.mean)
    }
  }
}

extension DriftSample? {
  /// Batches add up; of the rest the worst is kept.
  fileprivate mutating func merge(_ other: DriftSample) {
    guard var own = self else {
      self = other
      return
    }
    own.batches &+= other.batches
    own.maximumScore = [own.maximumScore, other.maximumScore].compactMap { $0 }.max()
    own.drifted = Swift.max(own.drifted, other.drifted)
    own.features = Swift.max(own.features, other.features)
    own.severity = Swift.max(own.severity, other.severity)
    self = own
  }

  fileprivate func write(to writer: inout JSONWriter) {
    guard let drift = self else { return writer.null() }
    writer.object { writer in
      writer.member("batches", drift.batches)
      writer.member("score", drift.maximumScore)
      writer.member("drifted", drift.drifted)
      writer.member("features", drift.features)
      writer.member("severity", drift.severity.rawValue)
    }
  }
}
