package import Events

/// The daemon, its journal, its account.
package struct StatusAnswer: Decodable, Sendable, Equatable {
  package struct Journal: Decodable, Sendable, Equatable {
    package var state: String
    package var since: Timestamp
    package var detail: String?
    @Tally package var outputsWaiting: Int
    package var bytes: Int?
  }
  package struct Account: Decodable, Sendable, Equatable {
    @Tally package var received: Int
    @Tally package var rejected: Int
    @Tally package var published: Int
    @Tally package var alertsOpened: Int
    @Tally package var decisions: Int
    @Tallies package var reasons: [String: Int]
  }
  package struct Population: Decodable, Sendable, Equatable {
    @Tally package var total: Int
    @Tally package var limit: Int
    @Tallies package var byState: [String: Int]
  }
  package struct Configuration: Decodable, Sendable, Equatable {
    package struct Reload: Decodable, Sendable, Equatable {
      package var at: Timestamp
      package var successful: Bool
    }
    package var file: String?
    @Tally package var revision: Int
    package var lastReload: Reload?
  }
  package var name: String
  package var version: String
  package var state: String
  package var since: Timestamp
  package var now: Timestamp
  package var journal: Journal
  package var account: Account
  package var models: Population
  package var sources: Population
  package var configuration: Configuration
}

package struct ReadinessAnswer: Decodable, Sendable, Equatable {
  package struct Check: Decodable, Sendable, Equatable {
    package var state: String
    package var detail: String?
    package var since: Timestamp?
  }
  package var status: String
  package var checks: [String: Check]
}

/// The account of one source.
package struct SourceAnswer: Decodable, Sendable, Equatable {
  package var source: String
  @Tally package var received: Int
  @Tally package var rejected: Int
  @Tallies package var rejectedBy: [String: Int]
  @Tally package var lost: Int
  @Tally package var duplicate: Int
  @Tally package var late: Int
  @Tally package var unsequenced: Int
  @Tally package var restarts: Int
  @Tally package var dropped: Int
  package var state: String
  package var lastHeard: Timestamp
  package var clockOffsetMs: Double?
}

package struct SourceList: Decodable, Sendable {
  @Tally package var total: Int
  package var sources: [SourceAnswer]
}
