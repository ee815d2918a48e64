// How findings and episodes lie in the journal.

extension Episode {
  package func encode(to writer: inout StateWriter) {
    writer.write(ordinal)
    writer.write(revision)
    writer.write(openedAt)
    writer.write(severity.rawValue)
  }

  package init(from reader: inout StateReader) throws(StateError) {
    self.init(
      ordinal: try reader.readCount(), revision: try reader.readCount(), openedAt: try reader.readTimestamp(),
      severity: try reader.readWord())
  }
}

extension Finding {
  package func encode(to writer: inout StateWriter) {
    writer.write(monitor.rawValue)
    writer.write(isViolated)
    writer.write(severity.rawValue)
    for figure in [value, threshold, score] { writer.write(figure) }
    writer.write(topFeatures) { writer, feature in
      writer.write(feature.name)
      writer.write(feature.score)
    }
    writer.write(source) { $0.write($1.text) }
    writer.write(metric) { $0.write($1) }
    writer.write(evidence) { $1.encode(to: &$0) }
  }

  package init(from reader: inout StateReader) throws(StateError) {
    self.init(
      monitor: try reader.readWord(), isViolated: try reader.readBool(), severity: try reader.readWord(),
      value: try reader.readDouble(), threshold: try reader.readDouble())
    score = try reader.readDouble()
    topFeatures = try reader.readArray { (reader) throws(StateError) in
      ScoredFeature(name: try reader.readText(), score: try reader.readDouble())
    }
    source = try reader.readOptional { (reader) throws(StateError) in
      guard let source = SourceName(try reader.readText()) else { throw StateError("no source") }
      return source
    }
    metric = try reader.readOptional { (reader) throws(StateError) in try reader.readText() }
    evidence = try reader.readOptional { (reader) throws(StateError) in try Evidence(from: &reader) }
  }
}

extension Evidence {
  fileprivate func encode(to writer: inout StateWriter) {
    for figure in [log10, threshold, effect, minimumEffect] { writer.write(figure) }
    writer.write(count)
    writer.write(change.at) { $0.write($1) }
    writer.write(change.measurements)
    writer.write(change.isGradual)
    writer.write(quantile) { writer, quantile in
      writer.write(quantile.level)
      writer.write(quantile.limit)
    }
  }

  fileprivate init(from reader: inout StateReader) throws(StateError) {
    let figures = (
      try reader.readDouble(), try reader.readDouble(), try reader.readDouble(), try reader.readDouble()
    )
    let count = try reader.readInt()
    let change = Change(
      at: try reader.readOptional { (reader) throws(StateError) in try reader.readTimestamp() },
      measurements: try reader.readInt(), isGradual: try reader.readBool())
    self.init(
      log10: figures.0, threshold: figures.1, count: count, effect: figures.2, minimumEffect: figures.3,
      change: change,
      quantile: try reader.readOptional { (reader) throws(StateError) in
        Quantile(level: try reader.readDouble(), limit: try reader.readDouble())
      })
  }
}
