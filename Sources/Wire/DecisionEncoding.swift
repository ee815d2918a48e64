import Events

extension RetrainDecision {
  func write(to writer: inout JSONWriter, of publication: Publication) {
    writer.member("decision_id", id.text)
    writer.member("model", publication.model.name.text)
    writer.member("version", publication.model.version.text)
    writer.key("issued_at")
    writer.time(publication.time)
    writer.array("reason_codes", assessment.reasons) { $0.string($1.code) }
    assessment.writeReasons(to: &writer)
    writer.member("severity_score", assessment.severityScore)
    assessment.writeConstraints(to: &writer)
    writer.array("episodes", episodes) { writer, episode in
      writer.string(
        Identity.episode(
          episode.monitor, ordinal: episode.ordinal, openedAt: episode.openedAt, of: publication.model))
    }
    writer.member("dry_run", isDryRun)
    writer.member("attempt", attempt)
    writer.member("attempt_id", id.attempt(attempt))
    writer.member("rev", revision)
    writer.member("state", (isDryRun ? DecisionState.proposed : .issued).rawValue)
    writer.member("expires_after_s", expiresAfter.secondsValue)
    writer.member("coverage", coverage)
    writer.object("data_window") { writer in
      writer.key("from")
      writer.time(window.from)
      writer.key("to")
      writer.time(window.to)
    }
  }

  /// The first attempt is the decision's own message; a later one has its own name.
  var identifier: String { attempt == 1 ? id.text : id.attempt(attempt) }
}

extension DecisionChange {
  func write(to writer: inout JSONWriter, of publication: Publication) {
    writer.member("decision_id", decision.text)
    writer.member("model", publication.model.name.text)
    writer.member("version", publication.model.version.text)
    writer.member("attempt", attempt)
    writer.member("attempt_id", decision.attempt(attempt))
    writer.member("rev", revision)
    writer.member("state", state.rawValue)
    writer.key("at")
    writer.time(at)
    writer.member("owner", owner)
    writer.member("reason", reason)
    writer.member("superseded_by", supersededBy?.text)
    writer.member("final", isFinal)
    writer.key("retry_at")
    if let retryAt { writer.time(retryAt) } else { writer.null() }
  }

  var identifier: String { "\(decision.text).\(revision)" }
}
