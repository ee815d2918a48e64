package import Events

package enum ModelHealth: String, Decodable, Sendable, CaseIterable {
  case healthy, alerting, stale, learning, silenced
  /// A word of a later version.
  case other

  package init(from decoder: any Decoder) throws {
    self = ModelHealth(rawValue: try decoder.singleValueContainer().decode(String.self)) ?? .other
  }
}

package enum AlertSeverity: String, Decodable, Sendable, Comparable, CaseIterable {
  case low, medium, high

  package init(from decoder: any Decoder) throws {
    // A word of a later version is taken as the worst: nothing is made light of.
    self = AlertSeverity(rawValue: try decoder.singleValueContainer().decode(String.self)) ?? .high
  }

  package static func < (left: AlertSeverity, right: AlertSeverity) -> Bool { left.rank < right.rank }
  private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// One model in the list of all.
package struct ModelSummary: Decodable, Sendable, Equatable {
  package struct OpenAlert: Decodable, Sendable, Equatable {
    package var monitor: String
    package var metric: String?
    package var severity: AlertSeverity
  }
  package struct Drift: Decodable, Sendable, Equatable {
    package var score: Double?
    package var threshold: Double
  }
  package struct Decision: Decodable, Sendable, Equatable {
    package var id: String
    package var state: String
    package var attempt: Int
    package var open: Bool
  }

  package var model: String
  package var version: String
  package var state: ModelHealth
  package var urgency: Double
  package var preset: String
  /// Arrival.
  package var lastEventAt: Timestamp
  /// The largest event time.
  package var modelTime: Timestamp
  @Tally package var events: Int
  package var accuracy: Double?
  package var baselineAccuracy: Double?
  package var latencyMs: Double?
  package var drift: Drift?
  package var recentDrift: [Double?]
  package var alerts: [OpenAlert]
  package var decision: Decision?
  package var nextAllowedRetrain: Timestamp

  package var name: ModelName { ModelName(model, version) }
  package var worst: AlertSeverity? { alerts.map(\.severity).max() }
}

package struct ModelListAnswer: Decodable, Sendable {
  package var at: Timestamp
  @Tally package var total: Int
  @Tallies package var byState: [String: Int]
  package var models: [ModelSummary]
}

/// What changed, as the stream of events tells it.
package struct FleetDelta: Decodable, Sendable {
  package var at: Timestamp
  @Tally package var total: Int
  @Tallies package var byState: [String: Int]
  package var models: [ModelSummary]
  package var truncated: Bool
}
