package import Events

// What preset `standard` says beside a value and its threshold.

extension Evidence {
  /// As the members of a JSON object.
  package func write(to writer: inout JSONWriter) {
    writer.member("log10_e", log10)
    writer.member("log10_e_threshold", threshold)
    writer.member("cases", count)
    writer.member("effect", effect)
    writer.member("minimum_effect", minimumEffect)
    change.write(to: &writer)
    writer.key("quantile")
    guard let quantile else { return writer.null() }
    writer.object { writer in
      writer.member("level", quantile.level)
      writer.member("limit_ms", quantile.limit)
    }
  }
}

extension Evidence.Change {
  /// As member `change`.
  func write(to writer: inout JSONWriter) {
    writer.object("change") { writer in
      writer.key("at")
      if let at { writer.time(at) } else { writer.null() }
      writer.member("measurements", measurements)
      writer.member("kind", isGradual ? "gradual" : "abrupt")
    }
  }
}

extension WatchReport {
  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("monitor", monitor.rawValue)
      writer.member("metric", metric)
      writer.member("reference", origin.word.description)
      switch stage {
      case .learning(let seen, let wanted):
        writer.member("state", "learning")
        writer.member("seen", seen)
        writer.member("wanted", wanted)
      case .watching(let value, let threshold, let evidence):
        writer.member("state", "watching")
        writer.member("value", value)
        writer.member("threshold", threshold)
        writer.key("evidence")
        guard let evidence else { return writer.null() }
        writer.object { evidence.write(to: &$0) }
      }
    }
  }
}
