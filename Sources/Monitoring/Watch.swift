import Detection
import Events
import Statistics

/// One kind of stream that preset `standard` judges: what it learns its reference from, and with which
/// detector it is then watched.
protocol WatchSubject: Sendable {
  /// What one event says of it.
  associatedtype Sample
  associatedtype Reference: Sendable, Equatable
  /// What of the stream's beginning is kept while the reference is learned; bounded.
  associatedtype Lesson: Sendable
  associatedtype Watching: Detector

  var emptyLesson: Lesson { get }
  /// Takes a sample into the lesson.
  ///
  /// - Returns: the reference, once enough was seen.
  func learn(_ sample: Sample, into lesson: inout Lesson) -> Reference?
  /// Cases seen of cases wanted.
  func progress(of lesson: Lesson) -> (seen: Int, wanted: Int)
  func detector(against reference: Reference) -> Watching
  func observation(of sample: Sample, against reference: Reference) -> Watching.Observation
  /// Value and threshold, as alerts have them, of what the detector says.
  func figures(of verdict: Verdict, _ detector: Watching, _ reference: Reference) -> (Double, Double)
  func quantile(of detector: Watching) -> Evidence.Quantile?

  func encode(_ reference: Reference, to writer: inout StateWriter)
  func reference(from reader: inout StateReader) throws(StateError) -> Reference
  func encode(_ lesson: Lesson, to writer: inout StateWriter)
  func lesson(from reader: inout StateReader) throws(StateError) -> Lesson
}

extension WatchSubject {
  func quantile(of detector: Watching) -> Evidence.Quantile? { nil }
}

/// A stream that learns its reference, or has it from elsewhere, and is then watched against it.
///
/// Memory: the lesson or the detector, and 64 times.
struct Watch<Subject: WatchSubject>: Sendable {
  /// Measurements whose times are kept, to date a change: 512 bytes.
  static var timesKept: Int { 64 }

  let subject: Subject
  private(set) var origin = WatchReport.Origin.learned
  private(set) var stage: Stage
  /// Measurements that the detector took.
  private(set) var taken = 0
  private var times = Ring<Int64>(capacity: Self.timesKept)
  private(set) var last: Verdict?

  enum Stage: Sendable {
    case learning(Subject.Lesson)
    case watching(Subject.Reference, Subject.Watching)
  }

  /// - Parameter reference: from the configuration; nil: it is learned.
  init(_ subject: Subject, configured reference: Subject.Reference?) {
    self.subject = subject
    stage = .learning(subject.emptyLesson)
    if let reference { hold(against: reference, .configured) }
  }

  /// Whether anything came, or a reference from elsewhere stands.
  var isIdle: Bool {
    if case .learning(let lesson) = stage { subject.progress(of: lesson).seen == 0 } else { taken == 0 }
  }

  /// Begins anew against another reference.
  mutating func hold(against reference: Subject.Reference, _ origin: WatchReport.Origin) {
    self.origin = origin
    stage = .watching(reference, subject.detector(against: reference))
    (taken, last, times) = (0, nil, Ring(capacity: Self.timesKept))
  }

  /// - Returns: nil while it learns, and for a sample without content.
  mutating func observe(_ sample: Subject.Sample, at time: Timestamp) -> Verdict? {
    switch stage {
    case .learning(var lesson):
      // The stage gives its lesson up, so that growing it copies nothing.
      stage = .learning(subject.emptyLesson)
      if let reference = subject.learn(sample, into: &lesson) {
        hold(against: reference, .learned)
      } else {
        stage = .learning(lesson)
      }
      return nil
    case .watching(let reference, var detector):
      stage = .learning(subject.emptyLesson)
      let verdict = detector.observe(subject.observation(of: sample, against: reference))
      stage = .watching(reference, detector)
      guard !verdict.score.isNaN else { return nil }
      taken += 1
      times.append(time.nanoseconds)
      last = verdict
      return verdict
    }
  }

  // MARK: What is told of it

  /// Value, threshold and evidence of the last verdict; nil before the first.
  var finding: (value: Double, threshold: Double, evidence: Evidence)? {
    guard case .watching(let reference, let detector) = stage, let last else { return nil }
    let (value, threshold) = subject.figures(of: last, detector, reference)
    let measurements = max(1, taken - (last.change?.index ?? taken - 1))
    let change = Evidence.Change(
      at: measurements <= times.count ? Timestamp(nanoseconds: times[fromLatest: measurements - 1]) : nil,
      measurements: measurements, isGradual: last.change?.kind == .gradual)
    return (
      value, threshold,
      Evidence(
        log10: last.score / Elementary.ln10, threshold: last.threshold / Elementary.ln10, count: last.count,
        effect: last.effect?.value ?? 0, minimumEffect: last.effect?.threshold ?? 0, change: change,
        quantile: subject.quantile(of: detector))
    )
  }

  func report(_ monitor: MonitorKind, metric: String? = nil) -> WatchReport {
    let stage: WatchReport.Stage
    switch self.stage {
    case .learning(let lesson):
      let (seen, wanted) = subject.progress(of: lesson)
      stage = .learning(seen: seen, wanted: wanted)
    case .watching(let reference, let detector):
      if let finding {
        stage = .watching(value: finding.value, threshold: finding.threshold, finding.evidence)
      } else {
        let none = Verdict(isDrifted: false, score: .nan, threshold: .nan, count: 0)
        let (value, threshold) = subject.figures(of: none, detector, reference)
        stage = .watching(value: value, threshold: threshold, nil)
      }
    }
    return WatchReport(monitor: monitor, metric: metric, origin: origin, stage: stage)
  }

  // MARK: State

  func encode(to writer: inout StateWriter) {
    writer.write(origin.rawValue)
    switch stage {
    case .learning(let lesson):
      writer.write(false)
      subject.encode(lesson, to: &writer)
    case .watching(let reference, let detector):
      writer.write(true)
      subject.encode(reference, to: &writer)
      writer.write(detector.state)
      writer.write(taken)
      writer.write((0..<times.count).reversed().map { times[fromLatest: $0] }) { $0.write($1) }
      writer.write(last) { $0.write($1) }
    }
  }

  /// Goes on from what was written. A configured reference of today stands before a learned one, and before
  /// another that was configured; one that came as an event stands before both.
  mutating func restore(from reader: inout StateReader) throws(StateError) {
    guard let origin = WatchReport.Origin(rawValue: try reader.read()) else {
      throw StateError("an unknown origin of a reference")
    }
    guard try reader.readBool() else {
      let lesson = try subject.lesson(from: &reader)
      if case .learning = stage { stage = .learning(lesson) }
      return
    }
    let reference = try subject.reference(from: &reader)
    let state = try reader.readDoubles()
    let taken = try reader.readInt()
    let times = try reader.readArray { (reader) throws(StateError) in try reader.read(Int64.self) }
    let last = try reader.readOptional { (reader) throws(StateError) in try Verdict(from: &reader) }
    if origin != .given, case .watching(let configured, _) = stage, configured != reference { return }
    var detector = subject.detector(against: reference)
    // Another number of figures is another build's, or other settings: it begins anew.
    let isTaken = detector.restore(state)
    self.origin = origin
    stage = .watching(reference, detector)
    guard isTaken else { return }
    guard taken >= 0, times.count <= taken, (last?.change?.index ?? 0) < max(1, taken) else {
      throw StateError("a watch of \(taken) measurements with others")
    }
    (self.taken, self.last) = (taken, last)
    for time in times.suffix(Self.timesKept) { self.times.append(time) }
  }
}

extension StateWriter {
  mutating func write(_ verdict: Verdict) {
    write(verdict.isDrifted)
    for value in [verdict.score, verdict.threshold] { write(value) }
    write(verdict.count)
    write(verdict.effect) { writer, effect in
      writer.write(effect.value)
      writer.write(effect.threshold)
    }
    write(verdict.change) { writer, change in
      writer.write(change.index)
      writer.write(change.kind.rawValue)
    }
  }
}

extension Verdict {
  init(from reader: inout StateReader) throws(StateError) {
    self.init(
      isDrifted: try reader.readBool(), score: try reader.readDouble(), threshold: try reader.readDouble(),
      count: try reader.readInt())
    effect = try reader.readOptional { (reader) throws(StateError) in
      Effect(try reader.readDouble(), threshold: try reader.readDouble())
    }
    change = try reader.readOptional { (reader) throws(StateError) in
      ChangePoint(index: try reader.readInt(), kind: try reader.readWord())
    }
    guard change.map({ $0.index >= 0 }) ?? true else { throw StateError("a change before the beginning") }
  }
}
