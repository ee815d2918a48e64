import Engine
import Events
import Wire

extension Timestamp {
  /// Seconds after an arbitrary beginning.
  static func test(_ seconds: Double) -> Timestamp {
    Timestamp(nanoseconds: Int64((seconds * 1e9).rounded()))
  }
}

extension Event {
  /// An event of model `m` at `seconds`; a nil time leaves it to arrival.
  static func test(
    _ id: String, _ seconds: Double?, _ body: EventBody, model: String = "m", source: String = "s",
    sequence: SequenceNumber? = nil
  ) -> Event {
    Event(
      header: EventHeader(
        id: .text(id), origin: Origin(source: SourceName(source)!, model: ModelKey(name: ModelName(model)!)),
        time: seconds.map(Timestamp.test), sequence: sequence),
      body: body)
  }
}

extension EventBody {
  static func accuracy(_ value: Double) -> EventBody { .metrics(Metrics(accuracy: value)) }

  static func column(_ values: [Double]) -> EventBody {
    .features(FeatureBatch(names: nil, matrix: Matrix(rows: values.count, columns: 1, values: values)))
  }

  static func baseline(column values: [Double]) -> EventBody {
    let matrix = Matrix(rows: values.count, columns: 1, values: values)
    return .baseline(BaselineUpdate(features: FeatureBatch(names: nil, matrix: matrix)))
  }
}

extension [Effect] {
  var publications: [Publication] {
    compactMap { if case .publish(let publication) = $0 { publication } else { nil } }
  }
  var outputs: [Output] { publications.map(\.output) }
  var reasons: [Reason] { compactMap { if case .account(let remark) = $0 { remark.reason } else { nil } } }
  /// Evaluations of the trigger: when, and whether a deadline caused them.
  var evaluations: [(time: Timestamp, isTimer: Bool, decided: Bool)] {
    publications.compactMap { publication in
      guard case .retrain(let assessment) = publication.output else { return nil }
      var isTimer = false
      if case .timer = publication.cause { isTimer = true }
      return (publication.time, isTimer, assessment.shouldRetrain)
    }
  }
}

extension EngineSettings {
  /// Settings whose ids are made as everywhere else. Decisions are not sent again: tests of the rules count them.
  init() {
    self.init(digest: Identity.digest)
    runsDecisionTimers = false
  }
}
