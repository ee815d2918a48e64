import Events
import Statistics

/// A reference being learned from a model's own first batches.
///
/// The first ``sampleRows`` rows are kept to cut the bins by; from then on rows are only counted. Memory: 2 KiB
/// a column of numbers until the bins are cut, 176 bytes after; 4 KiB a column of text.
struct FeatureLesson: Sendable {
  /// Rows by which bins are cut: intervals that are each a twentieth, give or take 1.4 hundredths.
  static let sampleRows = 256
  /// Values that are kept at most, for tables that are very wide: 64 MiB.
  static let sampleValues = 8 << 20

  /// When it is over.
  enum Goal: Sendable, Equatable {
    /// Fewer than ``sampleRows`` count as so many.
    case rows(Int)
    /// With the first batch so long after the first one, or later with the one that has ``sampleRows``.
    case time(Duration)
  }

  /// Half of what can be counted, so that no batch goes beyond it.
  static let mostRows = ReferenceBins.mostRows / 2

  let goal: Goal
  private(set) var rows = 0
  /// When the first batch came, in model time.
  private var start = Timestamp(nanoseconds: 0)
  private var names: FeatureNames?
  private var textNames: FeatureNames?
  private var columns = 0
  private var sample: [Double] = []
  private var bins: ColumnBins?
  private var parts: [ReferenceBins] = []
  private var dependence: [Double] = []
  private var moments = ColumnMoments(columns: 0)
  private var texts: [CategoryCounter] = []

  init(_ goal: Goal) { self.goal = goal }

  /// Of the batches so far.
  var heldColumns: Int { columns + texts.count }

  private func isOver(at time: Timestamp) -> Bool {
    switch goal {
    case .rows: rows >= wantedRows
    case .time(let wanted):
      rows >= Self.mostRows || rows >= Self.sampleRows && start.duration(to: time) >= wanted
    }
  }

  /// Rows that it needs at least.
  var wantedRows: Int {
    switch goal {
    case .rows(let wanted): min(max(wanted, Self.sampleRows), Self.mostRows)
    case .time: Self.sampleRows
    }
  }

  /// Takes a batch; one of another shape than the first begins the lesson anew.
  ///
  /// - Returns: the baseline, once enough was seen.
  mutating func take(_ batch: FeatureBatch, at time: Timestamp) -> FeatureBaseline? {
    let batch =
      rows == 0 || isSameShape(batch) ? batch : batch.typed(numbers: names, texts: textNames)
    if rows == 0 || !isSameShape(batch) { begin(with: batch, at: time) }
    rows += batch.rows
    for block in texts.isEmpty ? [] : batch.texts.enumerated().map({ $0 }) {
      let first = batch.texts[..<block.offset].reduce(0) { $0 + $1.columns }
      block.element.eachCell { column, cell in texts[first + column].add(cell) }
    }
    let values = batch.rowMajorValues
    values.withUnsafeBytes { moments.fold($0, .float64) }
    if bins == nil {
      sample += values
      let enough = min(Self.sampleRows, max(1, Self.sampleValues / columns))
      if sample.count / columns >= enough { cut() }
    } else {
      values.withUnsafeBytes { bins!.count($0, .float64, rows: batch.rows, columns: columns) }
    }
    return isOver(at: time) && bins != nil ? baseline : nil
  }

  private func isSameShape(_ batch: FeatureBatch) -> Bool {
    batch.columns == columns && batch.textColumns == texts.count
      && (batch.names === names || batch.names == names)
      && (batch.textNames === textNames || batch.textNames == textNames)
  }

  private mutating func begin(with batch: FeatureBatch, at time: Timestamp) {
    self = FeatureLesson(goal)
    start = time
    (names, textNames, columns) = (batch.names, batch.textNames, batch.columns)
    moments = ColumnMoments(columns: columns)
    texts = Array(repeating: CategoryCounter(), count: batch.textColumns)
  }

  private mutating func cut() {
    sample.withUnsafeBytes { sample in
      parts = ReferenceBins.columns(of: sample, .float64, columns: columns)
      dependence = LagCorrelation.columns(of: sample, .float64, columns: columns).map {
        FeatureReference.dependence($0, rows: sample.count / (8 * columns))
      }
    }
    bins = ColumnBins(parts)
    sample = []
  }

  private var baseline: FeatureBaseline {
    let counted = bins!
    let numbers = parts.indices.map { column in
      let sum = zip(parts[column].counts, counted.counts(of: column)).map { $0 &+ $1 }
      return FeatureReference.Column(
        // Sums beyond what is counted keep the sample's own counts.
        bins: parts[column].counting(sum) ?? parts[column], dependence: dependence[column])
    }
    let all = names.map { $0.names + (textNames?.names ?? []) }
    return FeatureBaseline(
      names: names, moments: moments,
      reference: FeatureReference(
        numbers: numbers, texts: texts.map(\.column),
        names: all?.count == columns + texts.count ? all : nil))
  }

  // MARK: State

  func encode(to writer: inout StateWriter) {
    writer.write(rows)
    writer.write(start)
    writer.write(names) { writer, names in writer.write(names.names) { $0.write($1) } }
    writer.write(textNames) { writer, names in writer.write(names.names) { $0.write($1) } }
    writer.write(columns)
    writer.write(sample)
    writer.write(moments.rows)
    writer.write(moments.state)
    writer.write(parts) { $1.encode(to: &$0) }
    writer.write(dependence)
    writer.write(bins) { writer, bins in
      writer.write(parts.indices.map { bins.counts(of: $0) }) { writer, counts in
        writer.write(counts) { $0.write($1) }
      }
    }
    writer.write(texts) { writer, text in
      writer.write(text.missing)
      writer.write(text.rows)
      writer.write(text.summary.state)
    }
  }

  mutating func restore(from reader: inout StateReader) throws(StateError) {
    var lesson = FeatureLesson(goal)
    lesson.rows = try reader.readInt()
    lesson.start = try reader.readTimestamp()
    lesson.names = try Self.readNames(&reader)
    lesson.textNames = try Self.readNames(&reader)
    lesson.columns = try reader.readInt()
    lesson.sample = try reader.readDoubles()
    let momentRows = try reader.readInt()
    guard
      let moments = ColumnMoments(columns: lesson.columns, rows: momentRows, state: try reader.readDoubles())
    else { throw StateError("a lesson of \(lesson.columns) columns with other moments") }
    lesson.moments = moments
    lesson.parts = try reader.readArray { (reader) throws(StateError) in try ReferenceBins(from: &reader) }
    lesson.dependence = try reader.readDoubles()
    let counts = try reader.readOptional { (reader) throws(StateError) in
      try reader.readArray { (reader) throws(StateError) in
        try reader.readArray { (reader) throws(StateError) in try reader.read(UInt32.self) }
      }
    }
    lesson.texts = try reader.readArray { (reader) throws(StateError) in
      let (missing, rows) = (try reader.readInt(), try reader.readInt())
      guard let summary = HeavyHitters(state: try reader.readDoubles()), missing >= 0, rows >= missing,
        rows <= Self.mostRows, summary.total == rows - missing
      else { throw StateError("a damaged summary of categories") }
      return CategoryCounter(summary: summary, missing: missing, rows: rows)
    }
    guard 0...Self.mostRows ~= lesson.rows, lesson.columns >= 0,
      lesson.columns == 0 ? lesson.sample.isEmpty : lesson.sample.count % lesson.columns == 0,
      lesson.dependence.count == lesson.parts.count,
      lesson.parts.isEmpty == (counts == nil) || lesson.columns == 0,
      lesson.parts.isEmpty || lesson.parts.count == lesson.columns,
      lesson.names == nil || lesson.names?.count == lesson.columns,
      lesson.textNames == nil || lesson.textNames?.count == lesson.texts.count
    else { throw StateError("a damaged lesson") }
    if let counts {
      var bins = ColumnBins(lesson.parts)
      guard counts.count == lesson.parts.count,
        zip(counts, lesson.parts).allSatisfy({ $0.count == $1.counts.count })
      else { throw StateError("a lesson with other bins") }
      for (column, counts) in counts.enumerated() { bins.replaceCounts(of: column, with: counts) }
      lesson.bins = bins
    }
    self = lesson
  }

  private static func readNames(_ reader: inout StateReader) throws(StateError) -> FeatureNames? {
    let list = try reader.readOptional { (reader) throws(StateError) in
      try reader.readArray { (reader) throws(StateError) in try reader.readText() }
    }
    guard let list else { return nil }
    guard let names = FeatureNames(list) else { throw StateError("a name that stands twice") }
    return names
  }
}

extension StandardSettings {
  /// What is learned where there is no baseline.
  var lesson: FeatureLesson.Goal { learnedTime.map { .time($0) } ?? .rows(learnedRows) }
}

extension FeatureBatch {
  /// The numbers of all blocks side by side; a copy.
  var rowMajorValues: [Double] {
    if blocks.count == 1 { return blocks[0].values }
    let columns = columns
    var values = [Double](repeating: .nan, count: rows * columns)
    var first = 0
    for block in blocks {
      let own = block.values
      for row in 0..<rows {
        for column in 0..<block.columns {
          values[row * columns + first + column] = own[row * block.columns + column]
        }
      }
      first += block.columns
    }
    return values
  }
}
