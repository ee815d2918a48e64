import Events
import Statistics

/// What the features of a model are held to by preset `standard`, and what judges by it; of a season, one for
/// each part.
///
/// Without a baseline one is learned. A rolling one is learned beside the one that judges, and takes its place.
/// While a column is in alarm, or columns are not the reference's, nothing is learned: what drifted does not become
/// the reference. A drift slower than the rows that a rolling baseline is made of is never seen: it is absorbed.
struct FeatureWatch: Sendable {
  private let settings: StandardSettings
  private(set) var baseline: FeatureBaseline?
  /// Once there is a baseline.
  private(set) var judging: StandardDrift?
  /// The first one, or that of the next rolling baseline.
  private(set) var lesson: FeatureLesson?
  /// What was wrong with the columns of the last batch.
  private(set) var breaks = FeatureMatch.Breaks()
  private(set) var origin = WatchReport.Origin.learned

  init(_ settings: StandardSettings) {
    self.settings = settings
    lesson = FeatureLesson(settings.lesson)
  }

  var columns: Int { judging?.columns ?? 0 }
  /// Judged by, or being learned.
  var heldColumns: Int { max(columns, lesson?.heldColumns ?? 0) }
  var driftedCount: Int { judging?.driftedCount ?? 0 }

  /// Begins anew with a baseline. One without bins has none of what is needed: features are then judged from the
  /// next batches, which it is learned from.
  mutating func hold(to baseline: FeatureBaseline, _ origin: WatchReport.Origin) {
    (self.baseline, self.origin) = (baseline, origin)
    judging = baseline.reference.map {
      StandardDrift($0, batchesPerFalseAlarm: settings.batchesPerFalseAlarm)
    }
    lesson = judging == nil ? FeatureLesson(settings.lesson) : emptyRollingLesson
    breaks = FeatureMatch.Breaks()
  }

  private var emptyRollingLesson: FeatureLesson? { settings.rollingRows.map { FeatureLesson(.rows($0)) } }

  /// Learns from a batch while there is nothing to judge by.
  ///
  /// - Returns: whether there is now.
  mutating func learn(_ batch: FeatureBatch, at time: Timestamp) -> Bool {
    guard judging == nil, let learned = takeLesson(batch, at: time) else { return false }
    hold(to: learned, .learned)
    return true
  }

  /// - Returns: the batch as it was judged, columns without a value taken for what the reference has; nil where
  ///   there is nothing to judge by.
  mutating func judge(_ batch: FeatureBatch, at time: Timestamp, _ multiplicity: StandardDrift.Multiplicity)
    -> FeatureBatch?
  {
    // Taken out, so that it is changed in place.
    guard var judging else { return nil }
    self.judging = nil
    let typed = judging.typed(batch)
    breaks = judging.observe(typed, at: time, multiplicity)
    self.judging = judging
    return typed
  }

  /// Learns the next rolling baseline from a batch that was judged.
  ///
  /// - Returns: whether it is now the one that judges.
  mutating func roll(_ batch: FeatureBatch, at time: Timestamp) -> Bool {
    guard judging != nil, let empty = emptyRollingLesson else { return false }
    guard driftedCount == 0, breaks.isEmpty else {
      lesson = empty
      return false
    }
    guard let learned = takeLesson(batch, at: time) else { return false }
    hold(to: learned, .learned)
    return true
  }

  private mutating func takeLesson(_ batch: FeatureBatch, at time: Timestamp) -> FeatureBaseline? {
    // The lesson is given up meanwhile, so that growing it copies nothing.
    guard var lesson else { return nil }
    self.lesson = nil
    let learned = lesson.take(batch, at: time)
    self.lesson = lesson
    return learned
  }

  // MARK: State

  /// - Parameter withBaseline: whether the baseline is kept here too, and not elsewhere.
  func encode(to writer: inout StateWriter, withBaseline: Bool) {
    if withBaseline {
      writer.write(baseline) { writer, baseline in
        var own = StateWriter()
        baseline.encode(to: &own)
        writer.write(own.bytes) { $0.write($1) }
      }
    }
    writer.write(origin.rawValue)
    writer.write(lesson) { $1.encode(to: &$0) }
    writer.write(judging) { $1.encode(to: &$0) }
  }

  /// Goes on from what was written, as far as it is of this baseline and these settings.
  mutating func restore(from reader: inout StateReader, withBaseline: Bool) throws(StateError) {
    if withBaseline {
      let bytes = try reader.readOptional { (reader) throws(StateError) in
        try reader.readArray { (reader) throws(StateError) in try reader.read(UInt8.self) }
      }
      if let bytes {
        var own = StateReader(bytes)
        hold(to: try FeatureBaseline(from: &own), .learned)
        try own.end()
      }
    }
    guard let origin = WatchReport.Origin(rawValue: try reader.read(UInt8.self)) else {
      throw StateError("a baseline from nowhere")
    }
    self.origin = origin
    // What there is nothing for any more, or is of another baseline, is passed over.
    let wanted = lesson
    let learned = try reader.readOptional { (reader) throws(StateError) in
      var lesson = wanted ?? FeatureLesson(settings.lesson)
      try lesson.restore(from: &reader)
      return lesson
    }
    let hasJudged = try reader.readBool()
    if wanted != nil, let learned, hasJudged == (judging != nil) { lesson = learned }
    guard hasJudged else { return }
    guard var judging else { return try StandardDrift.skip(from: &reader) }
    try judging.restore(from: &reader)
    self.judging = judging
  }
}
