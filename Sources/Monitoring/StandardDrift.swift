import Detection
import Events
import Statistics

/// Drift of one model's features by preset `standard`: ``BinsDetector`` on every column of numbers and text,
/// both gates, and e-BH over the columns of all models.
///
/// Memory: 2 KiB a column. Cost: one pass over the values and about 0.6 µs a column.
struct StandardDrift: Sendable {
  /// Batches whose times are kept, to date a change: 512 bytes.
  static let timesKept = 64

  /// How many columns are judged at the same time in all models, and how many of them drift in other models than
  /// this one: what e-BH counts with.
  struct Multiplicity: Sendable, Equatable {
    var tested = 0
    var driftedElsewhere = 0
  }

  let reference: FeatureReference
  /// The same object for every batch; columns without names have those of the reference's places.
  let featureNames: FeatureNames?
  private let numberNames: FeatureNames?
  private let textNames: FeatureNames?
  private let batchesPerFalseAlarm: Double
  private(set) var detector: BinsDetector
  private var match = FeatureMatch()
  private(set) var times = Ring<Int64>(capacity: timesKept)
  /// Batches judged.
  private(set) var batches = 0
  private var ebh: EBH
  /// By column of text, the bin of each category.
  private let bins: [[UInt64: Int]]
  /// Columns that e-BH and both gates select, by column.
  private(set) var isDrifted: [Bool]
  /// Shares of missing and unseen values that stand out in the last batch.
  private(set) var quality: [DriftAssessment.Quality] = []
  /// By how much a share must exceed the reference's: five points.
  private static let relevantShare = 0.05
  private let referenceShares: [(missing: Double, other: Double)]
  private var counts: [UInt32] = []
  private var gathered: [Double] = []

  init(_ reference: FeatureReference, batchesPerFalseAlarm: Double) {
    self.reference = reference
    featureNames = FeatureNames((0..<reference.columns).map(reference.name))
    let split = reference.numbers.count
    numberNames = reference.names.flatMap { FeatureNames(Array($0[..<split])) }
    textNames = reference.names.flatMap { FeatureNames(Array($0[split...])) }
    self.batchesPerFalseAlarm = batchesPerFalseAlarm
    let columns = reference.numbers + reference.texts
    detector = BinsDetector(
      columns.map(\.bins), dependence: columns.map(\.dependence),
      settings: .init(batchesPerFalseAlarm: batchesPerFalseAlarm))
    referenceShares = columns.map { column in
      let rows = Double(max(1, column.bins.rows))
      return (Double(column.bins.counts[0]) / rows, Double(column.bins.counts[1]) / rows)
    }
    ebh = EBH(level: min(1, 1 / batchesPerFalseAlarm))
    bins = reference.texts.map { column in
      Dictionary((column.categories ?? []).enumerated().map { ($1.hash, $0 + 2) }) { first, _ in first }
    }
    isDrifted = Array(repeating: false, count: columns.count)
  }

  var columns: Int { isDrifted.count }
  private(set) var driftedCount = 0

  /// The batch with columns that have no value taken for what the reference has; see
  /// ``FeatureBatch/typed(numbers:texts:)``.
  mutating func typed(_ batch: FeatureBatch) -> FeatureBatch {
    _ = match.match(batch, to: reference)
    return match.breaks.retyped.isEmpty ? batch : batch.typed(numbers: numberNames, texts: textNames)
  }

  /// Counts a batch and judges it.
  ///
  /// - Returns: what is wrong with the batch's columns.
  mutating func observe(_ batch: FeatureBatch, at time: Timestamp, _ multiplicity: Multiplicity)
    -> FeatureMatch.Breaks
  {
    _ = match.match(batch, to: reference)
    countNumbers(of: batch)
    countTexts(of: batch)
    noteQuality()
    detector.judge()
    batches += 1
    times.append(time.nanoseconds)
    select(multiplicity)
    return match.breaks
  }

  /// The place of a column of numbers among the batch's; nil where the batch has none.
  func sourceColumn(of column: Int) -> Int? { match.numbers[column] }

  private mutating func countNumbers(of batch: FeatureBatch) {
    if match.isStraight {
      var first = 0
      for block in batch.blocks {
        block.withBytes {
          detector.bins.count(
            $0, NumberFormat(block.format), rows: block.rows, columns: block.columns, at: first)
        }
        first += block.columns
      }
      return
    }
    // Runs of columns that are there, each copied together in the reference's order.
    let values = batch.rowMajorValues
    var first = 0
    while first < match.numbers.count {
      guard match.numbers[first] != nil else {
        first += 1
        continue
      }
      var end = first
      while end < match.numbers.count, match.numbers[end] != nil { end += 1 }
      gathered.removeAll(keepingCapacity: true)
      for row in 0..<batch.rows {
        for column in first..<end { gathered.append(values[row * batch.columns + match.numbers[column]!]) }
      }
      let (start, width) = (first, end - first)
      gathered.withUnsafeBytes {
        detector.bins.count($0, .float64, rows: batch.rows, columns: width, at: start)
      }
      first = end
    }
  }

  private mutating func countTexts(of batch: FeatureBatch) {
    guard !bins.isEmpty, !batch.texts.isEmpty else { return }
    let width = ReferenceBins.capacity
    counts.removeAll(keepingCapacity: true)
    counts.append(contentsOf: repeatElement(0, count: bins.count * width))
    var columnOf = [Int?](repeating: nil, count: batch.textColumns)
    for (column, place) in match.texts.enumerated() { if let place { columnOf[place] = column } }
    var first = 0
    for block in batch.texts {
      block.eachCell { place, cell in
        guard let column = columnOf[first + place] else { return }
        let bin = cell.isEmpty ? 0 : bins[column][StableHash.of(cell)] ?? 1
        counts[column * width + bin] += 1
      }
      first += block.columns
    }
    for column in bins.indices where match.texts[column] != nil {
      let used = reference.texts[column].bins.counts.count
      detector.bins.replaceCounts(
        of: reference.numbers.count + column, with: Array(counts[column * width..<column * width + used]))
    }
  }

  private mutating func noteQuality() {
    quality.removeAll(keepingCapacity: true)
    for column in 0..<columns where quality.count < DriftAssessment.Standard.maximumQuality {
      let (missing, all) = detector.bins.rows(of: column, in: 0)
      guard all > 0 else { continue }
      let limit = referenceShares[column].missing + Self.relevantShare
      let share = Double(missing) / Double(all)
      if share > limit {
        quality.append(.init(column: column, issue: .missing, value: share, limit: limit))
      }
      guard column >= reference.numbers.count else { continue }
      let other = Double(detector.bins.rows(of: column, in: 1).own) / Double(all)
      let most = referenceShares[column].other + Self.relevantShare
      if other > most { quality.append(.init(column: column, issue: .unseen, value: other, limit: most)) }
    }
  }

  private mutating func select(_ multiplicity: Multiplicity) {
    let selection = ebh.select(
      detector.verdicts.lazy.map(\.score), of: max(multiplicity.tested, columns),
      besides: multiplicity.driftedElsewhere)
    for column in isDrifted.indices {
      let verdict = detector.verdicts[column]
      // A column that could not be scored stays as it was: no data resolves nothing.
      guard !verdict.score.isNaN else { continue }
      isDrifted[column] = verdict.isDrifted && verdict.score >= selection.threshold
    }
    driftedCount = isDrifted.count { $0 }
  }

  /// What stands behind a column's last verdict; nil when that does not alarm, as of a column that drifts
  /// and was not in the batch.
  func evidence(of column: Int) -> Evidence? {
    let verdict = detector.verdicts[column]
    guard let change = verdict.change else { return nil }
    let since = max(1, batches - change.index)
    return Evidence(
      log10: verdict.score / Elementary.ln10, threshold: verdict.threshold / Elementary.ln10,
      count: verdict.count,
      effect: verdict.effect?.value ?? 0, minimumEffect: verdict.effect?.threshold ?? 0,
      change: .init(
        at: since <= times.count ? Timestamp(nanoseconds: times[fromLatest: since - 1]) : nil,
        measurements: since, isGradual: change.kind == .gradual))
  }

  // MARK: State

  /// Tells references apart, so that what was learned against one is not taken for another's.
  private var fingerprint: UInt64 {
    var writer = StateWriter()
    reference.encode(to: &writer)
    writer.write(batchesPerFalseAlarm)
    return writer.bytes.withUnsafeBytes { StableHash.of($0) }
  }

  func encode(to writer: inout StateWriter) {
    writer.write(fingerprint)
    writer.write(batches)
    writer.write((0..<times.count).reversed().map { times[fromLatest: $0] }) { $0.write($1) }
    writer.write(columns)
    for column in 0..<columns {
      writer.write(isDrifted[column])
      writer.write(detector.state(of: column)) { $0.write($1) }
    }
  }

  /// Goes on from what was written; begins anew when that was against another reference.
  mutating func restore(from reader: inout StateReader) throws(StateError) {
    let isSame = try reader.read(UInt64.self) == fingerprint
    let batches = max(0, try reader.readInt())
    let kept = try reader.readArray { (reader) throws(StateError) in try reader.read(Int64.self) }
    let count = try reader.readInt()
    guard count >= 0, !isSame || count == columns else { throw StateError("\(count) columns") }
    if isSame {
      self.batches = batches
      for time in kept.suffix(Self.timesKept) { times.append(time) }
    }
    for column in 0..<count {
      let wasDrifted = try reader.readBool()
      let state = try reader.readArray { (reader) throws(StateError) in try reader.read(UInt8.self) }
      guard isSame else { continue }
      isDrifted[column] = wasDrifted
      guard detector.restore(column, state) else { throw StateError("a damaged column \(column)") }
    }
    driftedCount = isDrifted.count { $0 }
  }

  /// Passes over what was written.
  static func skip(from reader: inout StateReader) throws(StateError) {
    var nobody = StandardDrift(FeatureReference(numbers: [], texts: [], names: nil), batchesPerFalseAlarm: 1)
    try nobody.restore(from: &reader)
  }
}
