import Detection
package import Events

/// What the monitors of preset `standard` are held to.
package struct StandardSettings: Sendable, Equatable {
  /// Measurements in which each monitor may alarm falsely once, on average.
  package var batchesPerFalseAlarm = 10_000.0
  /// Drops of accuracy, and rises of the share of slow answers, below this do not alarm; 0: all do.
  package var minimumDrop = 0.01
  /// The cases that the expected accuracy was measured on.
  package var counts: CaseCounts?
  /// The expected accuracy, where it was stated without cases.
  package var accuracy: Double?
  package var latencyQuantiles: LatencyQuantiles?
  /// What a feature baseline is learned from, where none is given: the first so many rows, at least
  /// ``FeatureLesson/sampleRows``.
  package var learnedRows = 1_000
  /// In place of rows: those of the first so long, in model time, and no fewer than ``FeatureLesson/sampleRows``.
  package var learnedTime: Duration?
  /// Makes the feature baseline anew from each so many rows; nil: it stays.
  package var rollingRows: Int?
  /// Parts of a season that each have a baseline of their own; nil: all time has one.
  package var season: FeatureSeason?
  /// At most ``MetricsDetail/maximumNamed``, each name once.
  package var metrics: [MetricSettings] = []

  package init() {}
}

/// What one business metric is held to; all in the metric's own unit.
package struct MetricSettings: Sendable, Equatable {
  package let name: String
  /// Values outside are taken as the nearer end.
  package let range: ClosedRange<Double>
  package var direction = Direction.both
  /// The mean to expect; nil: that of the first values.
  package var baseline: Double?
  /// Means this close to it are no change; nil: a hundredth of the range.
  package var tolerance: Double?

  /// - Precondition: the range is finite and not empty.
  package init(name: String, range: ClosedRange<Double>) {
    precondition(range.lowerBound < range.upperBound && (range.upperBound - range.lowerBound).isFinite)
    (self.name, self.range) = (name, range)
  }

  /// Which moves matter.
  package enum Direction: String, CaseIterable, Sendable {
    case up
    case down
    case both

    var side: BoundedMeanDetector.Side {
      switch self {
      case .up: .up
      case .down: .down
      case .both: .both
      }
    }
  }

  var width: Double { range.upperBound - range.lowerBound }

  /// From 0 to 1 within the range.
  func scaled(_ value: Double) -> Double { (value - range.lowerBound) / width }
  func unscaled(_ share: Double) -> Double { range.lowerBound + share * width }
}
