// How monitors lie in the journal. Settings are not kept: they are the configuration's.
package import Events
import Statistics

extension Ring where Element == Double {
  func encode(to writer: inout StateWriter) {
    writer.write((0..<count).reversed().map { self[fromLatest: $0] })
  }

  init(capacity: Int, from reader: inout StateReader) throws(StateError) {
    self.init(capacity: capacity)
    // A shorter ring than the one that was written keeps the latest.
    for value in try reader.readDoubles().suffix(capacity) { append(value) }
  }
}

extension PerformanceMonitor {
  package func encode(to writer: inout StateWriter) {
    writer.write(givenBaseline) { $0.write($1) }
    accuracies.encode(to: &writer)
    latencies.encode(to: &writer)
    writer.write(total)
    for breach in [accuracyBreach, latencyBreach] { Self.write(breach, to: &writer) }
  }

  /// What ``encode(to:)`` leaves out: only records of models under preset `standard` have it.
  package func encodeStandard(to writer: inout StateWriter) {
    if isStandard { standards[0].encode(to: &writer) }
  }

  /// Reads what ``encodeStandard(to:)`` wrote; a model that is no longer under that preset passes over it.
  package mutating func restoreStandard(from reader: inout StateReader) throws(StateError) {
    if isStandard { return try standards[0].restore(from: &reader) }
    var forgotten = StandardMonitor(StandardSettings())
    try forgotten.restore(from: &reader)
  }

  static func write(_ breach: Breach?, to writer: inout StateWriter) {
    writer.write(breach) { writer, breach in
      writer.write(breach.current)
      writer.write(breach.threshold)
      writer.write(breach.severity.rawValue)
    }
  }

  /// Goes on from what was written; a baseline that came as an event stands before the configured one.
  package mutating func restore(from reader: inout StateReader) throws(StateError) {
    if let baseline = try reader.readOptional({ (reader) throws(StateError) in try reader.readDouble() }) {
      setBaseline(accuracy: baseline)
    }
    accuracies = try Ring(capacity: accuracies.capacity, from: &reader)
    latencies = try Ring(capacity: latencies.capacity, from: &reader)
    total = try reader.read()
    accuracyBreach = try Self.readBreach(&reader)
    latencyBreach = try Self.readBreach(&reader)
  }

  static func readBreach(_ reader: inout StateReader) throws(StateError) -> Breach? {
    try reader.readOptional { (reader) throws(StateError) in
      Breach(
        current: try reader.readDouble(), threshold: try reader.readDouble(),
        severity: try reader.readWord())
    }
  }
}

extension DriftMonitor {
  /// All but the baseline, which is kept apart since it changes seldom and is large.
  package func encode(to writer: inout StateWriter) {
    let summaries = (0..<history.count).reversed().map { history[fromLatest: $0] }
    writer.write(summaries) { writer, summary in
      writer.write(summary.at)
      writer.write(summary.maximumScore) { $0.write($1) }
      writer.write(summary.severity.rawValue)
      writer.write(summary.driftedCount)
    }
  }

  package mutating func restore(from reader: inout StateReader) throws(StateError) {
    let summaries = try reader.readArray { (reader) throws(StateError) in
      Summary(
        at: try reader.readTimestamp(),
        maximumScore: try reader.readOptional { (reader) throws(StateError) in try reader.readDouble() },
        severity: try reader.readWord(), driftedCount: try reader.readInt())
    }
    for summary in summaries.suffix(history.capacity) { history.append(summary) }
  }
}

extension DriftMonitor {
  /// What preset `standard` has beside; see ``encode(to:)``. The baselines of a season's parts are here, too.
  package func encodeStandard(to writer: inout StateWriter) {
    let season = standardSettings?.season
    writer.write(UInt8(season.flatMap { FeatureSeason.allCases.firstIndex(of: $0) }.map { $0 + 1 } ?? 0))
    for watch in watches { watch.encode(to: &writer, withBaseline: season != nil) }
  }

  /// Goes on from what was written, where the baseline is still that one; else begins anew with it. So do parts
  /// of another season than this one.
  package mutating func restoreStandard(from reader: inout StateReader) throws(StateError) {
    let code = Int(try reader.read(UInt8.self))
    guard code <= FeatureSeason.allCases.count else { throw StateError("a season of kind \(code)") }
    let season = code == 0 ? nil : FeatureSeason.allCases[code - 1]
    let isOwn = isStandard && season == standardSettings?.season
    for part in 0..<(season?.parts ?? 1) {
      if isOwn {
        try watches[part].restore(from: &reader, withBaseline: season != nil)
      } else {
        var forgotten = FeatureWatch(StandardSettings())
        try forgotten.restore(from: &reader, withBaseline: season != nil)
      }
    }
  }
}

extension FeatureBaseline {
  package func encode(to writer: inout StateWriter) {
    writer.write(names) { writer, names in writer.write(names.names) { $0.write($1) } }
    writer.write(moments.rows)
    writer.write(moments.columns)
    writer.write(moments.state)
    // At the end, so that records from before bins are read, too.
    if let reference { reference.encode(to: &writer) }
  }

  package init(from reader: inout StateReader) throws(StateError) {
    let list = try reader.readOptional { (reader) throws(StateError) in
      try reader.readArray { (reader) throws(StateError) in try reader.readText() }
    }
    let rows = try reader.readInt()
    let columns = try reader.readInt()
    guard let moments = ColumnMoments(columns: columns, rows: rows, state: try reader.readDoubles()) else {
      throw StateError("a baseline of \(columns) columns with other moments")
    }
    let names = list.flatMap(FeatureNames.init)
    guard list == nil || names?.count == columns else { throw StateError("other names than columns") }
    let reference = reader.isAtEnd ? nil : try FeatureReference(from: &reader)
    guard reference == nil || reference?.numbers.count == columns else {
      throw StateError("a reference of other columns than moments")
    }
    self.init(names: names, moments: moments, reference: reference)
  }
}
