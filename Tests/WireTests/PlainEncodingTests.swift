import Events
import Foundation
import TestSupport
import Testing
import Wire

@Suite struct PlainEncodingTests {
  private static func decode(
    _ body: String, topic: String? = nil, limits: WireLimits = WireLimits()
  ) throws(Remark) -> Event {
    var decoder = PlainDecoder(limits: limits)
    let result = Array(body.utf8).withUnsafeBytes { body -> Result<Event, Remark> in
      do throws(Remark) {
        guard let topic else { return .success(try decoder.decode(topic: nil, body: body)) }
        return .success(
          try Array(topic.utf8).withUnsafeBufferPointer { (bytes) throws(Remark) in
            try decoder.decode(topic: UnsafeRawBufferPointer(bytes), body: body)
          })
      } catch { return .failure(error) }
    }
    return try result.get()
  }

  private static func event(_ attributes: String, data: String = "{}") -> String {
    #"{"specversion":"1.0","id":"1","source":"s",\#(attributes),"data":\#(data)}"#
  }

  private static let metrics = #""type":"tidemark.metrics.v1","subject":"m""#
  private static let features = #""type":"tidemark.features.v1","subject":"m""#

  /// The refusal of a body, whether with or without a header.
  private static func refusal(_ body: String, topic: String? = nil, limits: WireLimits = WireLimits())
    -> Reason?
  {
    do throws(Remark) {
      guard case .refused(let remark) = try decode(body, topic: topic, limits: limits).body else {
        return nil
      }
      return remark.reason
    } catch { return error.reason }
  }

  // MARK: Attributes

  @Test func attributesInAnyOrder() throws {
    let body =
      #"{"data":{"latency_ms":7,"accuracy":0.5,"x":[1,{"y":null}]},"subject":"m","modelversion":"3","time":"2026-01-01T00:00:00Z","sequence":"12","epoch":1700000000000000001,"type":"tidemark.metrics.v1","source":"/pods/7","id":"a","specversion":"1.0","traceparent":"00-x","unknown":{"deep":[1,2]}}"#
    let event = try Self.decode(body)
    #expect(event.header.id == .text("a") && event.header.source.text == "/pods/7")
    #expect(event.header.model == ModelKey(name: ModelName("m")!, version: ModelVersion("3")!))
    #expect(event.header.time == Timestamp(nanoseconds: 1_767_225_600_000_000_000))
    #expect(event.header.sequence == SequenceNumber(epoch: 1_700_000_000_000_000_001, number: 12))
    #expect(event.header.traceParent == "00-x")
    guard case .metrics(let metrics) = event.body else { return #expect(Bool(false)) }
    #expect(metrics == Metrics(accuracy: 0.5, latencyMilliseconds: 7))
  }

  @Test func escapesAreResolvedInEveryAttribute() throws {
    let escaped = Self.event(
      #""type":"tidemark.\u006detrics.v1","subje\u0063t":"\u006d","time":"2026-01-01T01:00:00\u002B01:00","sequence":"\u0035""#
    )
    let event = try Self.decode(escaped)
    #expect(event.header.model.name.text == "m" && event.header.sequence?.number == 5)
    #expect(event.header.time == Timestamp(nanoseconds: 1_767_225_600_000_000_000))
    guard case .metrics = event.body else { return #expect(Bool(false)) }
  }

  @Test func topicGivesWhatTheBodyLeavesOut() throws {
    let body = Self.event(#""type":"tidemark.metrics.v1""#, data: #"{"accuracy":1}"#)
    let event = try Self.decode(body, topic: "metrics/team%2Ffraud/2/s")
    #expect(event.header.model == ModelKey(name: ModelName("team/fraud")!, version: ModelVersion("2")!))
    #expect(try Self.decode(body, topic: "metrics/m").header.model.version == .none)
    #expect(try Self.decode(Self.event(Self.metrics), topic: "").header.model.name.text == "m")
  }

  @Test(arguments: [
    "metrics/other/-/s", "metrics/m/2/s", "metrics/m/-/other", "features/m/-/s",
  ]) func disagreementIsATopicMismatch(topic: String) {
    let body = Self.event(Self.metrics + #","modelversion":"1""#, data: #"{"accuracy":1}"#)
    #expect(Self.refusal(body, topic: topic) == .topicMismatch)
  }

  // MARK: Bad input, each with its reason

  static let bad: [(String, Reason)] = [
    ("", .malformed), ("[]", .malformed), ("{", .malformed), ("{}", .malformed), ("null", .malformed),
    (event(metrics) + "x", .malformed), (event(metrics) + "{}", .malformed),
    (#"{"specversion":"1.0"}"#, .malformed),
    (event(#""type":"tidemark.metrics.v1""#), .malformed),
    (event(metrics + #","id":"2""#), .malformed),
    (event(metrics + #","time":"yesterday""#), .malformed), (event(metrics + #","time":5"#), .malformed),
    (event(metrics + #","sequence":"-1""#), .malformed), (event(metrics + #","sequence":1.5"#), .malformed),
    (event(metrics + #","sequence":"99999999999999999999""#), .malformed),
    (event(metrics + #","data_base64":"AA==""#), .malformed),
    (event(metrics, data: "3"), .malformed), (event(metrics, data: #"{"accuracy":"high"}"#), .malformed),
    (event(metrics, data: #"{"accuracy":1"#), .malformed),
    (#"{"specversion":"1.0","id":"1","source":"s","type":"tidemark.metrics.v1","subject":"m"}"#, .malformed),
    (
      #"{"specversion":"1.0","id":"","source":"s","type":"tidemark.metrics.v1","subject":"m","data":{}}"#,
      .malformed
    ),
    (event(#""type":"tidemark.metrics.v1","subject":"\#(String(repeating: "m", count: 81))""#), .malformed),
    (event(#""type":"tidemark.metrics.v2","subject":"m""#), .unsupportedVersion),
    (
      #"{"specversion":"2.0","id":"1","source":"s","type":"tidemark.metrics.v1","subject":"m","data":{}}"#,
      .unsupportedVersion
    ),
    (event(#""type":"tidemark.labels.v1","subject":"m""#), .unknownKind),
    (event(#""type":"com.example.thing","subject":"m""#), .unknownKind),
    (event(features, data: #"{"rows":[[1,2],[3]]}"#), .shapeMismatch),
    (event(features, data: #"{"rows":[]}"#), .shapeMismatch),
    (event(features, data: #"{"rows":[[]]}"#), .shapeMismatch),
    (event(features, data: #"{"feature_names":["a"],"rows":[[1,2]]}"#), .shapeMismatch),
    (event(features, data: #"{"feature_names":["a","a"],"rows":[[1,2]]}"#), .shapeMismatch),
    (event(features, data: #"{"rows":[["x"]]}"#), .shapeMismatch), (event(features, data: "{}"), .malformed),
    (event(features, data: #"{"rows":[1]}"#), .malformed),
    (event(#""type":"tidemark.baseline.v1","subject":"m""#, data: #"{"accuracy":NaN}"#), .malformed),
  ]

  @Test(arguments: bad.indices) func badInputHasItsReason(index: Int) {
    #expect(Self.refusal(Self.bad[index].0) == Self.bad[index].1, "\(Self.bad[index].0)")
  }

  /// A refusal of data leaves the header, so that its sequence number counts as received.
  @Test func refusedDataKeepsItsHeader() throws {
    let event = try Self.decode(
      Self.event(Self.features + #","sequence":"7""#, data: #"{"rows":[[1],[2,3]]}"#))
    #expect(event.header.sequence?.number == 7)
    guard case .refused(let remark) = event.body else { return #expect(Bool(false)) }
    #expect(remark.detail == "row 0 has 1 values, row 1 has 2")
  }

  @Test func limitsAreKept() {
    var limits = WireLimits()
    limits.frameBytes = 200
    let body = Self.event(Self.metrics, data: #"{"x":"\#(String(repeating: "y", count: 200))"}"#)
    #expect(Self.refusal(body, limits: limits) == .tooLarge)
    #expect(Self.refusal(Self.event(Self.metrics), topic: String(repeating: "t", count: 201)) == .malformed)
    #expect(Self.refusal(Self.event(Self.metrics), topic: "a/b/c/d/e") == .malformed)
    #expect(Self.refusal(Self.event(Self.metrics), topic: "metrics/%zz") == .malformed)
  }

  // MARK: Values

  @Test func missingValuesAndBooleans() throws {
    let body = Self.event(Self.features, data: #"{"rows":[[1,null,true],[NaN,-Infinity,false]]}"#)
    guard case .features(let batch) = try Self.decode(body).body else { return #expect(Bool(false)) }
    #expect(batch.names == nil && batch.blocks[0].rows == 2 && batch.blocks[0].columns == 3)
    #expect(batch.blocks[0].values.map { $0.isFinite ? $0 : -1 } == [1, -1, 1, -1, -1, 0])
  }

  @Test func metricThatIsNoNumberIsAbsent() throws {
    let body = Self.event(Self.metrics, data: #"{"accuracy":NaN,"latency_ms":null}"#)
    guard case .metrics(let metrics) = try Self.decode(body).body else { return #expect(Bool(false)) }
    #expect(metrics == Metrics())
  }

  private static func metrics(_ data: String) throws -> Metrics? {
    guard case .metrics(let metrics) = try decode(event(metrics, data: data)).body else { return nil }
    return metrics
  }

  @Test func metricsInDetail() throws {
    let whole =
      #"{"correct":91,"total":1e2,"latencies_ms":[100,null,140],"metrics":{"rev\u0065nue":5,"x":null}}"#
    let metrics = try #require(try Self.metrics(whole))
    #expect(metrics.accuracy == 0.91 && metrics.latencyMilliseconds == 120)
    #expect(metrics.toldAccuracy == nil && metrics.toldLatency == nil)
    let detail = try #require(metrics.detail)
    #expect(detail.counts == CaseCounts(correct: 91, total: 100))
    #expect(detail.latencies.count == 3 && detail.latencies[1].isNaN)
    #expect(detail.named == [.init(name: "revenue", value: 5), .init(name: "x", value: .nan)])
    let told = try Self.metrics(
      #"{"accuracy":0.5,"latency_ms":7,"correct":91,"total":100,"latencies_ms":[1]}"#)
    #expect(told?.accuracy == 0.5 && told?.latencyMilliseconds == 7)
    #expect(told?.detail?.counts?.accuracy == 0.91)
    // Null is absent, and nothing more is told.
    let nulls = #"{"accuracy":0.5,"correct":null,"total":null,"latencies_ms":null,"metrics":null}"#
    #expect(try Self.metrics(nulls) == Metrics(accuracy: 0.5))
    #expect(try Self.metrics(#"{"accuracy":0.5,"latencies_ms":[],"metrics":{}}"#)?.detail == nil)
    #expect(try Self.metrics(#"{"correct":0,"total":0}"#)?.accuracy == nil)
  }

  @Test(arguments: [
    #"{"correct":101,"total":100}"#, #"{"correct":1}"#, #"{"total":1}"#, #"{"correct":0.5,"total":1}"#,
    #"{"correct":-1,"total":1}"#, #"{"correct":NaN,"total":1}"#, #"{"correct":0,"total":Infinity}"#,
    #"{"correct":0,"total":9007199254740994}"#, #"{"correct":"1","total":2}"#, #"{"latencies_ms":3}"#,
    #"{"latencies_ms":["1"]}"#, #"{"metrics":[1]}"#, #"{"metrics":{"":1}}"#, #"{"metrics":{"a":"1"}}"#,
    #"{"metrics":{"a":1,"\u0061":2}}"#,
  ])
  func detailThatCannotBeIsRefused(data: String) {
    #expect(Self.refusal(Self.event(Self.metrics, data: data)) == .malformed)
  }

  @Test func detailIsBounded() throws {
    func latencies(_ count: Int) -> String {
      Self.event(
        Self.metrics,
        data: "{\"latencies_ms\":[\([String](repeating: "1", count: count).joined(separator: ","))]}")
    }
    func named(_ count: Int) -> String {
      let members = (0..<count).map { "\"m\($0)\":1" }.joined(separator: ",")
      return Self.event(Self.metrics, data: "{\"metrics\":{\(members)}}")
    }
    #expect(Self.refusal(latencies(10_000)) == nil && Self.refusal(latencies(10_001)) == .tooLarge)
    #expect(Self.refusal(named(32)) == nil && Self.refusal(named(33)) == .tooLarge)
    let long = Self.event(Self.metrics, data: "{\"metrics\":{\"\(String(repeating: "x", count: 65))\":1}}")
    #expect(Self.refusal(long) == .malformed)
  }

  @Test func baselinesInDetail() throws {
    let type = #""type":"tidemark.baseline.v1","subject":"m""#
    let quantiles = #""latency_quantiles_ms":{"p50":1,"p95":2,"p99":2,"count":10}"#
    let body = Self.event(type, data: #"{"correct":9,"total":10,\#(quantiles)}"#)
    guard case .baseline(let update) = try Self.decode(body).body else { return #expect(Bool(false)) }
    #expect(update.accuracy == nil && update.expectedAccuracy == 0.9)
    #expect(update.latencyQuantiles == LatencyQuantiles(p50: 1, p95: 2, p99: 2, count: 10))
    for wrong in [
      #"{"p50":1,"p95":2,"p99":2}"#, #"{"p50":3,"p95":2,"p99":2,"count":1}"#, "3",
      #"{"p50":-1,"p95":2,"p99":2,"count":1}"#, #"{"p50":1,"p95":2,"p99":2,"count":0.5}"#,
    ] {
      let body = Self.event(type, data: #"{"latency_quantiles_ms":\#(wrong)}"#)
      #expect(Self.refusal(body) == .malformed, "\(wrong)")
    }
    let none = Self.event(type, data: #"{"accuracy":1,"correct":null,"latency_quantiles_ms":null}"#)
    guard case .baseline(let update) = try Self.decode(none).body else { return #expect(Bool(false)) }
    #expect(update.counts == nil && update.latencyQuantiles == nil && update.accuracy == 1)
  }

  /// What is written of an event is read as the same.
  @Test func detailsSurviveTheRoundTrip() throws {
    let metrics = Metrics(
      accuracy: nil, latencyMilliseconds: 3, counts: CaseCounts(correct: 0x1p53 - 1, total: 0x1p53),
      latencies: [0.5, .nan], named: [.init(name: "a \"b\"", value: .nan), .init(name: "é", value: 1e300)])
    let event = Event(
      header: EventHeader(
        id: .text("1"), origin: Origin(source: SourceName("s")!, model: ModelKey(name: ModelName("m")!))),
      body: .metrics(metrics))
    var encoder = EventEncoder()
    let encoded = encoder.encode(event)
    let text = String(decoding: try #require(encoded).body, as: UTF8.self)
    #expect(!text.contains("accuracy") && text.contains("9007199254740992"))
    guard case .metrics(let again) = try Self.decode(text).body else { return #expect(Bool(false)) }
    #expect(again.accuracy == metrics.accuracy && again.toldAccuracy == nil)
    #expect(again.detail?.counts == metrics.detail?.counts && again.detail?.named == metrics.detail?.named)
  }

  /// Batches that repeat their names share one list.
  @Test func namesAreShared() throws {
    var decoder = PlainDecoder()
    let body = Array(Self.event(Self.features, data: #"{"feature_names":["a","b"],"rows":[[1,2]]}"#).utf8)
    let batches = try (0..<2).map { _ in
      try body.withUnsafeBytes { bytes in
        guard case .features(let batch) = try decoder.decode(topic: nil, body: bytes).body else {
          throw Remark(.malformed)
        }
        return batch
      }
    }
    #expect(batches[0].names === batches[1].names && batches[0].names?.names == ["a", "b"])
  }

  // MARK: Properties

  /// What the encoder writes the decoder reads back.
  @Test(arguments: [UInt64(1), 2]) func eventsReadBack(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var encoder = EventEncoder()
    var decoder = PlainDecoder()
    for round in 0..<500 {
      let event = Self.randomEvent(&random, id: "\(round)")
      let encoded = encoder.encode(event)
      let (topic, body) = try #require(encoded)
      let decoded = try topic.withUnsafeBytes { topic in
        try body.withUnsafeBytes { body in try decoder.decode(topic: topic, body: body) }
      }
      #expect(
        String(describing: Self.plain(decoded)) == String(describing: Self.plain(event)), "seed \(seed)")
    }
  }

  /// Names by value, missing values alike, for comparing.
  private static func plain(_ event: Event) -> [String] {
    func batch(_ batch: FeatureBatch) -> String {
      "\(batch.names?.names ?? []) \(batch.blocks[0].rows) \(batch.blocks[0].values.map { $0.isFinite ? $0 : .nan })"
    }
    switch event.body {
    case .metrics(let metrics): return ["\(event.header)", "\(metrics)"]
    case .features(let features): return ["\(event.header)", batch(features)]
    case .baseline(let update):
      return [
        "\(event.header)", "\(update.accuracy as Any) \(update.latencyMilliseconds as Any)",
        update.features.map(batch) ?? "",
      ]
    case .feedback(let feedback): return ["\(event.header)", "\(feedback)"]
    case .head, .bye, .tombstone: return ["\(event.header)"]
    case .refused(let remark): return ["\(remark)"]
    }
  }

  private static func randomEvent(_ random: inout SeededGenerator, id: String) -> Event {
    let texts = ["m", "team/fraud", "100%", "é😀", "a\u{1}b", "x\"y\\z"]
    let header = EventHeader(
      id: .text(id),
      origin: Origin(
        source: SourceName(texts.randomElement(using: &random)!)!,
        model: ModelKey(
          name: ModelName(texts.randomElement(using: &random)!)!,
          version: Bool.random(using: &random)
            ? .none : ModelVersion(texts.randomElement(using: &random)!)!)),
      time: Bool.random(using: &random) ? nil : Timestamp(nanoseconds: Int64(bitPattern: random.next())),
      sequence: Bool.random(using: &random)
        ? nil : SequenceNumber(epoch: random.next() >> 1, number: random.next() >> 1))
    func batch() -> FeatureBatch {
      let columns = Int.random(in: 1...5, using: &random)
      let rows = Int.random(in: 1...5, using: &random)
      let values = (0..<rows * columns).map { _ in
        Bool.random(using: &random) ? Double.nan : Double(bitPattern: random.next())
      }
      return FeatureBatch(
        names: Bool.random(using: &random) ? nil : FeatureNames((0..<columns).map { "\(texts[$0])-\($0)" }),
        matrix: Matrix(rows: rows, columns: columns, values: values))
    }
    switch Int.random(in: 0..<3, using: &random) {
    case 0: return Event(header: header, body: .metrics(Metrics(accuracy: random.normal())))
    case 1: return Event(header: header, body: .features(batch()))
    default:
      return Event(
        header: header, body: .baseline(BaselineUpdate(accuracy: random.normal(), features: batch())))
    }
  }

  /// Random bytes, and good events with bytes changed, cut or doubled, give an event or a remark.
  @Test(arguments: [UInt64(1), 2, 3]) func anyBytesAreTaken(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var decoder = PlainDecoder()
    var encoder = EventEncoder()
    var refused = 0
    for round in 0..<30_000 {
      var frames: [[UInt8]]
      if round % 3 == 0 {
        frames = (0..<2).map { _ in
          (0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
      } else {
        let encoded = encoder.encode(Self.randomEvent(&random, id: "x"))
        let (topic, body) = try #require(encoded)
        frames = [topic, body]
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          let frame = Int.random(in: 0...1, using: &random)
          guard !frames[frame].isEmpty else { continue }
          let place = Int.random(in: 0..<frames[frame].count, using: &random)
          switch Int.random(in: 0..<3, using: &random) {
          case 0: frames[frame][place] = UInt8.random(in: 0...255, using: &random)
          case 1: frames[frame].removeSubrange(place...)
          default: frames[frame].insert(contentsOf: frames[frame][place...].prefix(9), at: place)
          }
        }
      }
      frames[0].withUnsafeBytes { topic in
        frames[1].withUnsafeBytes { body in
          do throws(Remark) {
            if case .refused = try decoder.decode(topic: topic, body: body).body { refused += 1 }
          } catch { refused += 1 }
        }
      }
    }
    #expect(refused > 20_000, "seed \(seed): \(refused) refused")
  }
}
