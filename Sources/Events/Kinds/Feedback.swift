/// What became of a decision to retrain, by the word of whoever acts on it (`tidemark.feedback.v1`).
package struct Feedback: Sendable, Equatable {
  /// What can be reported.
  package enum Report: String, CaseIterable, Sendable {
    /// Claims it; the first to do so has it.
    case acked
    case started
    case succeeded
    case failed
    case rejected
    case verified
    case cancelled
  }

  package var decision: DecisionID
  package var report: Report
  /// Nil means the current one.
  package var attempt: Int?
  /// Who reports; needed for `acked`. 1 to ``maximumOwnerBytes`` bytes.
  package var owner: String?
  /// What the claim was granted with; checked when given.
  package var token: String?
  /// At most ``maximumReasonBytes`` bytes.
  package var reason: String?
  /// With `rejected` or `failed`: when another attempt may be issued.
  package var retryAfter: Duration?

  package static let maximumOwnerBytes = 128
  package static let maximumReasonBytes = 400

  package init(
    decision: DecisionID, report: Report, attempt: Int? = nil, owner: String? = nil, token: String? = nil,
    reason: String? = nil, retryAfter: Duration? = nil
  ) {
    self.decision = decision
    self.report = report
    self.attempt = attempt
    self.owner = owner
    self.token = token
    self.reason = reason
    self.retryAfter = retryAfter
  }
}

/// What is answered to feedback, or to what is said of alerts.
package enum FeedbackAnswer: Sendable, Equatable {
  case granted(Claim)
  /// The silences that were made or ended, or all that are in force.
  case silences([Silence])
  case refused(Refusal)

  /// The attempt as it stands after the report.
  package struct Claim: Sendable, Equatable {
    package var decision: DecisionID
    package var attempt: Int
    package var state: DecisionState
    package var revision: UInt64
    package var owner: String?
    /// The same for the same owner of the same attempt, so that a lost answer can be asked for again.
    package var token: String?

    package init(
      decision: DecisionID, attempt: Int, state: DecisionState, revision: UInt64, owner: String?,
      token: String?
    ) {
      self.decision = decision
      self.attempt = attempt
      self.state = state
      self.revision = revision
      self.owner = owner
      self.token = token
    }
  }

  package struct Refusal: Error, Sendable, Equatable {
    package enum Code: String, Sendable {
      /// Somebody else holds the claim.
      case denied
      case unknownDecision = "unknown_decision"
      case wrongAttempt = "wrong_attempt"
      case wrongToken = "wrong_token"
      /// What is reported cannot follow the state that it is in.
      case wrongState = "wrong_state"
      /// The decision is over.
      case final
      case malformed
      case unknownSilence = "unknown_silence"
      case tooManySilences = "too_many_silences"
      /// No such alert is open.
      case unknownAlert = "unknown_alert"
      /// The key of the connection may not report.
      case roleMissing = "role_missing"
      /// Too many requests wait.
      case busy
      /// The journal is failing, and nothing was changed: ask again.
      case unavailable
    }

    package var code: Code
    package var detail: String
    /// Who holds the claim.
    package var owner: String?

    package init(_ code: Code, _ detail: String, owner: String? = nil) {
      self.code = code
      self.detail = detail
      self.owner = owner
    }
  }
}
