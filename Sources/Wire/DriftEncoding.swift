import Events

extension DriftAssessment {
  func write(to writer: inout JSONWriter) {
    writer.member("drift_detected", isDrifted)
    writer.member("drift_severity", severity.rawValue)
    writer.member("max_drift_score", maximumScore)
    var details = (standard?.details ?? [])[...]
    writer.array("per_feature", features.enumerated()) { writer, entry in
      writer.object { writer in
        writer.member("name", name(of: entry.offset))
        writer.member("drift_detected", entry.element.isDrifted)
        writer.member("drift_score", entry.element.score)
        writer.member("baseline_mean", entry.element.baselineMean)
        writer.member("new_mean", entry.element.newMean)
        guard standard != nil else { return }
        writer.member("log10_e", entry.element.evidence)
        writer.member("cases", entry.element.cases)
        guard let detail = details.first, detail.column == entry.offset else { return }
        details = details.dropFirst()
        detail.evidence.change.write(to: &writer)
      }
    }
    writer.object("summary") { writer in
      writer.member("total_features", features.count)
      writer.member("drifted_features", driftedCount)
      writer.member("drift_percentage", Double(driftedCount) / Double(features.count) * 100)
    }
    guard let standard else { return }
    writer.object("gates") { writer in
      writer.member("log10_e_threshold", standard.threshold)
      writer.member("minimum_effect", standard.minimumEffect)
    }
    writer.member("reference", standard.origin.word.description)
    writer.array("quality", standard.quality) { writer, issue in
      writer.object { writer in
        writer.member("name", name(of: issue.column))
        writer.member("issue", issue.issue.rawValue)
        writer.member("value", issue.value)
        writer.member("limit", issue.limit)
      }
    }
    writer.object("schema") { writer in
      writer.array("missing", standard.missing) { $0.string($1) }
      writer.array("unknown", standard.unknown) { $0.string($1) }
      writer.array("retyped", standard.retyped) { $0.string($1) }
    }
  }
}
