package import Events

extension Finding {
  /// The source or metric that it is about; nil for a model as a whole.
  var subject: String? { source?.text ?? metric }
}

extension AlertTransition {
  /// Which alert of which model, as it is written on the wire.
  package func key(of model: ModelKey) -> String {
    var key: [UInt8] = []
    TopicSegment.append(model.name.text, to: &key)
    key.append(UInt8(ascii: "/"))
    TopicSegment.append(model.version.text, to: &key)
    key.append(contentsOf: "/\(finding.monitor.rawValue)".utf8)
    if let subject = finding.subject {
      key.append(UInt8(ascii: "/"))
      TopicSegment.append(subject, to: &key)
    }
    return String(decoding: key, as: UTF8.self)
  }

  /// Which opening of it.
  package func episodeID(of model: ModelKey) -> String {
    Identity.episode(
      finding.monitor, about: finding.subject, ordinal: episode.ordinal, openedAt: episode.openedAt, of: model
    )
  }

  /// - Parameter now: when it is sent; nil where nobody waits for the next word, as in a replay.
  func write(to writer: inout JSONWriter, of model: ModelKey, at now: Timestamp?) {
    writer.member("alert_key", key(of: model))
    writer.member("episode_id", episodeID(of: model))
    writer.member("rev", episode.revision)
    writer.member("monitor", finding.monitor.rawValue)
    if let metric = finding.metric { writer.member("metric", metric) }
    writer.member("type", finding.monitor.alertType)
    writer.member("state", state.rawValue)
    writer.array("flags", flags.words) { $0.string($1.description) }
    if !flags.isDisjoint(with: .inhibited) {
      writer.array("inhibited_by", flags.inhibitors) { $0.string($1.alertType) }
    }
    if let reason { writer.member("reason", reason.rawValue) }
    writer.member("severity", episode.severity.rawValue)
    writer.key("opened_at")
    writer.time(episode.openedAt)
    writer.key("last_eval_at")
    writer.time(evaluatedAt)
    if let now {
      writer.key("valid_until")
      writer.time(now.advanced(by: circumstances.validFor))
    }
    writeFigures(to: &writer)
  }

  private func writeFigures(to writer: inout JSONWriter) {
    writer.member("value", finding.value)
    writer.member("threshold", finding.threshold)
    writer.member("score", finding.score)
    writer.member("clear_score", circumstances.clearScore)
    writer.member("n", finding.samples)
    writer.object("window") { writer in
      writer.key("from")
      if let from { writer.time(from) } else { writer.null() }
      writer.key("to")
      writer.time(evaluatedAt)
    }
    writer.member("coverage", circumstances.coverage)
    let hex = String(circumstances.ruleRevision, radix: 16)
    writer.member("rule_rev", String(repeating: "0", count: 8 - hex.count) + hex)
    writer.array("top_k", finding.topFeatures) { writer, feature in
      writer.object { writer in
        writer.member("name", feature.name)
        writer.member("drift_score", feature.score)
      }
    }
    if let evidence = finding.evidence { writer.object("evidence") { evidence.write(to: &$0) } }
  }

  /// Of the data that the finding is about: since the change, or the one measurement.
  private var from: Timestamp? {
    guard let evidence = finding.evidence else { return evaluatedAt }
    return evidence.change.at
  }
}
