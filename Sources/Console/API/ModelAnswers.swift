package import Events

/// Figures of a verdict by preset `standard`.
package struct EvidenceAnswer: Decodable, Sendable, Equatable {
  package struct Change: Decodable, Sendable, Equatable {
    package var at: Timestamp?
    @Tally package var measurements: Int
    package var kind: String
  }
  package struct Quantile: Decodable, Sendable, Equatable {
    package var level: Double
    package var limitMs: Double?
  }
  /// Powers of ten: how much likelier the data is under a change, and what is asked of it.
  package var log10E: Double?
  package var log10EThreshold: Double?
  @Tally package var cases: Int
  package var effect: Double?
  package var minimumEffect: Double?
  package var change: Change
  package var quantile: Quantile?
}

package struct MonitorAnswer: Decodable, Sendable, Equatable {
  package var monitor: String
  package var metric: String?
  /// `no_data`, `learning`, `watching`, `violated`.
  package var state: String
  package var value: Double?
  package var threshold: Double?
  package var direction: String
  /// 1 at the limit.
  package var score: Double?
  package var reference: String?
  package var seen: Int?
  package var wanted: Int?
  package var evidence: EvidenceAnswer?
}

package struct FeatureAnswer: Decodable, Sendable, Equatable {
  package var name: String
  package var drifted: Bool
  package var score: Double?
  package var baselineMean: Double?
  package var newMean: Double?
}

/// Why a model would be retrained now, or why not.
package struct RetrainAnswer: Decodable, Sendable, Equatable {
  package struct Rule: Decodable, Sendable, Equatable {
    package var rule: String
    package var fires: Bool
    package var value: Double?
    package var threshold: Double
    package var unit: String
    package var reason: String?
  }
  package struct Block: Decodable, Sendable, Equatable {
    package var code: String
    package var text: String
    package var until: Timestamp?
  }
  package var mode: String
  package var wouldRetrain: Bool
  package var rules: [Rule]
  package var blocks: [Block]
  /// Model time.
  package var lastRetrain: Timestamp
  package var coverage: Double?
}

package struct TimerAnswer: Decodable, Sendable, Equatable {
  package var timer: String
  /// Arrival clock.
  package var at: Timestamp
  package var text: String
}

/// One model in full.
package struct ModelDetail: Decodable, Sendable, Equatable {
  package struct Features: Decodable, Sendable, Equatable {
    @Tally package var total: Int
    @Tally package var drifted: Int
    package var top: [FeatureAnswer]
  }

  package var summary: ModelSummary
  package var at: Timestamp
  package var monitors: [MonitorAnswer]
  package var features: Features?
  package var sources: [SourceAnswer]
  package var sourcesTruncated: Bool
  package var alerts: [AlertAnswer]
  package var retrain: RetrainAnswer
  package var timers: [TimerAnswer]

  private enum Keys: String, CodingKey {
    case at, monitors, features, sources, sourcesTruncated, alerts, retrain, timers
  }

  package init(from decoder: any Decoder) throws {
    summary = try ModelSummary(from: decoder)
    let container = try decoder.container(keyedBy: Keys.self)
    at = try container.decode(Timestamp.self, forKey: .at)
    monitors = try container.decode([MonitorAnswer].self, forKey: .monitors)
    features = try container.decodeIfPresent(Features.self, forKey: .features)
    sources = try container.decode([SourceAnswer].self, forKey: .sources)
    sourcesTruncated = try container.decode(Bool.self, forKey: .sourcesTruncated)
    alerts = try container.decode([AlertAnswer].self, forKey: .alerts)
    retrain = try container.decode(RetrainAnswer.self, forKey: .retrain)
    timers = try container.decode([TimerAnswer].self, forKey: .timers)
  }
}
