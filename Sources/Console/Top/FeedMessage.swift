package import Events

/// What the page in front needs besides the list of models.
package enum Interest: Hashable, Sendable {
  case fleet
  case model(ModelName)
  case decision(String)
  case account
  case alerts
}

/// How things stand with the daemon.
package enum Link: Equatable, Sendable {
  case connecting
  /// Changes come as they happen.
  case live
  /// The daemon gives no stream of events now, so it is asked every other second.
  case polling
  /// What is shown is as it was before; the next attempt is at `retry`, by this machine's clock.
  case lost(why: String, retry: Timestamp)
}

/// What comes from the daemon.
package enum FeedMessage: Sendable {
  case link(Link)
  case status(StatusAnswer)
  /// Every model, `truncated` when there are more than are kept.
  case fleet([ModelSummary], at: Timestamp, total: Int, byState: [String: Int])
  case delta(FleetDelta)
  case model(ModelDetail)
  case decision(DecisionDetail, ModelDetail?)
  case sources([SourceAnswer], total: Int)
  case alerts(AlertList)
  /// What a page asked for is not there, in words.
  case missing(Interest, String)
}
