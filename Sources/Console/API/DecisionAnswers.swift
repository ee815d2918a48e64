package import Events

package struct AlertAnswer: Decodable, Sendable, Equatable {
  package struct Feature: Decodable, Sendable, Equatable {
    package var name: String
    package var driftScore: Double?
  }
  package var episodeId: String
  package var model: String
  package var version: String
  package var source: String?
  package var monitor: String
  package var metric: String?
  package var severity: AlertSeverity
  package var openedAt: Timestamp
  package var value: Double?
  package var threshold: Double?
  package var topK: [Feature]
  package var evidence: EvidenceAnswer?

  package var name: ModelName { ModelName(model, version) }
}

package struct AlertList: Decodable, Sendable {
  @Tally package var total: Int
  package var alerts: [AlertAnswer]
}

/// One decision in the list of the last ones.
package struct DecisionAnswer: Decodable, Sendable, Equatable {
  package var id: String
  package var model: String
  package var version: String
  package var state: String
  package var final: Bool
  package var attempt: Int
  package var owner: String?
  package var dryRun: Bool?
  package var issuedAt: Timestamp?
  package var reasonCodes: [String]
  package var triggerReasons: [String]
  package var severityScore: Double?
  package var coverage: Double?

  package var name: ModelName { ModelName(model, version) }
}

package struct DecisionList: Decodable, Sendable {
  @Tally package var total: Int
  package var decisions: [DecisionAnswer]
}

/// One decision with the messages of its life.
package struct DecisionDetail: Decodable, Sendable, Equatable {
  /// A CloudEvent about the decision: the keys of both kinds of it.
  package struct Message: Decodable, Sendable, Equatable {
    package struct Contents: Decodable, Sendable, Equatable {
      package struct Window: Decodable, Sendable, Equatable {
        package var from: Timestamp
        package var to: Timestamp
      }
      package struct Constraints: Decodable, Sendable, Equatable {
        package var accuracyTrigger: Bool
        package var driftTrigger: Bool
        package var timeTrigger: Bool
      }
      package var state: String
      package var attempt: Int
      package var owner: String?
      package var reason: String?
      package var supersededBy: String?
      package var retryAt: Timestamp?
      package var constraints: Constraints?
      package var episodes: [String]?
      package var dataWindow: Window?
      package var expiresAfterS: Double?
    }
    package var time: Timestamp
    package var data: Contents
  }

  package var decision: DecisionAnswer
  package var at: Timestamp
  /// False when its first messages are no longer kept.
  package var complete: Bool
  package var timers: [TimerAnswer]
  package var messages: [Message]

  private enum Keys: String, CodingKey { case at, complete, timers, messages }

  package init(from decoder: any Decoder) throws {
    decision = try DecisionAnswer(from: decoder)
    let container = try decoder.container(keyedBy: Keys.self)
    at = try container.decode(Timestamp.self, forKey: .at)
    complete = try container.decode(Bool.self, forKey: .complete)
    timers = try container.decode([TimerAnswer].self, forKey: .timers)
    messages = try container.decode([Message].self, forKey: .messages)
  }
}
