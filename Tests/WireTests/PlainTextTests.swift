import Events
import TestSupport
import Testing

@testable import Wire

/// Columns of text in the plain encoding.
@Suite struct PlainTextTests {
  private static func decode(
    _ data: String, kind: String = "features", by decoder: inout PlainDecoder
  ) throws(Remark) -> EventBody {
    let body =
      #"{"specversion":"1.0","id":"1","source":"s","type":"tidemark.\#(kind).v1","subject":"m","data":\#(data)}"#
    return try Array(body.utf8).withUnsafeBufferPointer { (bytes) throws(Remark) in
      try decoder.decode(topic: nil, body: UnsafeRawBufferPointer(bytes)).body
    }
  }

  private static func batch(_ data: String, by decoder: inout PlainDecoder) throws -> FeatureBatch {
    guard case .features(let batch) = try decode(data, by: &decoder) else {
      throw Remark(.malformed, "no batch")
    }
    return batch
  }

  private static func batch(_ data: String) throws -> FeatureBatch {
    var decoder = PlainDecoder()
    return try batch(data, by: &decoder)
  }

  private static func cells(_ batch: FeatureBatch) -> [String] {
    var cells: [String] = []
    for block in batch.texts {
      block.eachCell { column, cell in cells.append("\(column)" + String(decoding: cell, as: UTF8.self)) }
    }
    return cells
  }

  @Test func aStringMakesItsColumnOneOfText() throws {
    let batch = try Self.batch(
      #"{"feature_names":["a","city","b","grade"],"rows":[[1,7.50,true,null],[2,"Zürich",null,"A"],[3,"",4,true]]}"#
    )
    #expect(batch.names?.names == ["a", "b"] && batch.textNames?.names == ["city", "grade"])
    #expect(batch.blocks.count == 1 && batch.rows == 3)
    #expect(batch.blocks[0].values.map { $0.isNaN ? -1 : $0 } == [1, 1, 2, -1, 3, 4])
    #expect(Self.cells(batch) == ["07.50", "1", "0Zürich", "1A", "0", "1true"])
  }

  @Test func whatIsNoFiniteNumberIsMissingInText() throws {
    let batch = try Self.batch(#"{"rows":[[1,"a"],[2,NaN],[3,-Infinity],[4,null],[5,-1e3],[6,1e999]]}"#)
    #expect(Self.cells(batch) == ["0a", "0", "0", "0", "0-1e3", "0"])
    #expect(batch.names == nil && batch.textNames == nil)
  }

  @Test func escapesAreResolved() throws {
    let batch = try Self.batch(#"{"rows":[[1,"\u00fc\n\ud83d\ude00"],[2,"\\"]]}"#)
    #expect(Self.cells(batch) == ["0ü\n😀", "0\\"])
  }

  @Test func aBaselineMayHaveText() throws {
    var decoder = PlainDecoder()
    let data = #"{"accuracy":0.9,"features":{"rows":[["a",1],["b",2]],"feature_names":["city","n"]}}"#
    guard case .baseline(let update) = try Self.decode(data, kind: "baseline", by: &decoder),
      let batch = update.features
    else { return #expect(Bool(false)) }
    #expect(batch.names?.names == ["n"] && batch.textNames?.names == ["city"])
    #expect(Self.cells(batch) == ["0a", "0b"] && update.accuracy == 0.9)
  }

  @Test func equalNamesOfEqualColumnsAreTheSameObjects() throws {
    var decoder = PlainDecoder()
    let text = #"{"feature_names":["a","city"],"rows":[[1,"x"]]}"#
    let first = try Self.batch(text, by: &decoder)
    let second = try Self.batch(text, by: &decoder)
    #expect(first.names === second.names && first.textNames === second.textNames)
    let untyped = try Self.batch(#"{"feature_names":["a","city"],"rows":[[1,null]]}"#, by: &decoder)
    #expect(untyped.names?.names == ["a", "city"] && untyped.texts.isEmpty)
  }

  static let bad: [(String, Reason)] = [
    (#"{"rows":[["a"]]}"#, .shapeMismatch), (#"{"rows":[["a",""],[1,2]]}"#, .shapeMismatch),
    (#"{"rows":[[1,"a"],[2]]}"#, .shapeMismatch), (#"{"rows":[[1,"a"],[2,"b",3]]}"#, .shapeMismatch),
    (#"{"rows":[[1],["a",2]]}"#, .shapeMismatch), (#"{"rows":[[],["a"]]}"#, .shapeMismatch),
    (#"{"feature_names":["a"],"rows":[[1,"x"]]}"#, .shapeMismatch),
    (#"{"rows":[[1,"a"],[2,{}]]}"#, .malformed), (#"{"rows":[[1,"a"],2]}"#, .malformed),
    (#"{"rows":[[1,"a" "b"]]}"#, .malformed), (#"{"rows":[[1"a"]]}"#, .malformed),
    (#"{"rows":["a"]}"#, .malformed), (#"{"rows":"a"}"#, .malformed),
    (#"{"rows":[[1,"\ud800"]]}"#, .malformed), (#"{"rows":[[1,"\x"]]}"#, .malformed),
    ("{\"rows\":[[1,\"a\u{1}\"]]}", .malformed),
    (#"{"rows":[["a","# + String(repeating: "1,", count: WireLimits.columns) + "1]]}", .tooLarge),
  ]

  @Test(arguments: bad.indices) func badInputHasItsReason(index: Int) {
    var decoder = PlainDecoder()
    do throws(Remark) {
      guard case .refused(let remark) = try Self.decode(Self.bad[index].0, by: &decoder) else {
        return #expect(Bool(false), "\(Self.bad[index].0.prefix(60)) is taken")
      }
      #expect(remark.reason == Self.bad[index].1, "\(Self.bad[index].0.prefix(60)): \(remark)")
    } catch { #expect(error.reason == Self.bad[index].1, "\(Self.bad[index].0.prefix(60)): \(error)") }
  }

  /// Both encodings of random batches of numbers and text say what was encoded.
  @Test func whatIsEncodedIsReadAgain() throws {
    for seed in 1...60 {
      var random = SeededGenerator(seed: UInt64(seed))
      let rows = Int.random(in: 1...5, using: &random)
      let (numbers, texts) = (Int.random(in: 1...3, using: &random), Int.random(in: 0...3, using: &random))
      let words = ["", "a", "true", "12.50", "Zürich", "\"\\\n", String(repeating: "x", count: 300)]
      let values = (0..<rows * numbers).map { _ in
        Bool.random(using: &random) ? Double.random(in: -9...9, using: &random) : .nan
      }
      var batch = FeatureBatch(
        names: FeatureNames((0..<numbers).map { "n\($0)" }),
        matrix: Matrix(rows: rows, columns: numbers, values: values))
      if texts > 0 {
        let cells = (0..<rows * texts).map { _ in words.randomElement(using: &random)! }
        batch.texts = [TextBlock(rows: rows, columns: texts, cells: cells)]
        batch.textNames = FeatureNames((0..<texts).map { "t\($0)" })
      }
      let event = Event(
        header: EventHeader(
          id: .numbered(SequenceNumber(epoch: 1, number: 1)),
          origin: Origin(
            source: SourceName("s")!, model: ModelKey(name: ModelName("m")!, version: .none)),
          sequence: SequenceNumber(epoch: 1, number: 1)),
        body: .features(batch))
      var (plain, framed, decoder) = (EventEncoder(), FramedEncoder(), MessageDecoder())
      let (inPlain, inFrames) = (plain.encode(event), framed.encode(event, previous: 0, sendTime: 1))
      for frames in [try #require(inPlain.map { [$0.topic, $0.body] }), try #require(inFrames)] {
        let told = try Frames.with(frames) { (frames) throws(Remark) in
          Told(try decoder.decode(frames)).body
        }
        #expect(told == Told(event).body, "seed \(seed)")
      }
    }
  }
}
