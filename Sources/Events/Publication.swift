/// Something for the output socket: what, of which model, when in model time, and because of what.
package struct Publication: Sendable, Equatable {
  package var model: ModelKey
  /// Model time of the evaluation, the same live and in replay.
  package var time: Timestamp
  package var cause: Cause
  package var output: Output

  package init(model: ModelKey, time: Timestamp, cause: Cause, output: Output) {
    self.model = model
    self.time = time
    self.cause = cause
    self.output = output
  }
}

/// What made the engine evaluate.
package enum Cause: Sendable, Equatable {
  case event(origin: Origin, id: EventID, traceParent: String?)
  /// A deadline in model time.
  case timer(Timestamp)
}

/// The kinds of output.
package enum Output: Sendable, Equatable {
  case performance(PerformanceAssessment)
  case drift(DriftAssessment)
  case retrain(RetrainAssessment)
  case keep(RetrainKeep)
  case alert(AlertTransition)
  case decision(RetrainDecision)
  case decisionChange(DecisionChange)
}

/// What the engine asks of the world; it performs nothing itself.
package enum Effect: Sendable, Equatable {
  case publish(Publication)
  /// Count it, and tell a person at a bounded rate.
  case account(Remark)
  /// The answer to feedback, for whoever asked; what it changed comes before it.
  case answer(FeedbackAnswer)
}
