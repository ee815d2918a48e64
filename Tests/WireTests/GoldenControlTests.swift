import Events
import TestSupport
import Testing

@testable import Wire

/// Every golden message of the control socket and of the lossless lane: requests are taken or refused as
/// written down, and answers are written byte for byte.
@Suite struct GoldenControlTests {
  private static func frames(_ message: JSON) -> [[UInt8]] {
    message["frames"].list.map { frame in
      let digits = Array((frame.text ?? "").utf8)
      return stride(from: 0, to: digits.count, by: 2).map {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
      }
    }
  }

  private static func lines(_ direction: String) throws -> [JSON] {
    try Golden.protocolLines("control", version: "1.0").filter { $0["direction"].text == direction }
  }

  private static func count(_ value: JSON) -> UInt64 { value.text.flatMap { UInt64($0) } ?? 0 }

  @Test func requestsAreTakenOrRefusedAsWrittenDown() throws {
    var taken = 0
    var refused = 0
    for message in try Self.lines("control-in") {
      let name = Comment(rawValue: message["name"].text ?? "?")
      let frames = Self.frames(message)
      do throws(Remark) {
        let request = try Frames.with(frames) { (frames) throws(Remark) in try ControlRequest(parsing: frames)
        }
        #expect(message["refused"].isNull, "\(name): taken")
        compare(request, message["expect"], name)
        taken += 1
      } catch {
        #expect(error.reason.rawValue == message["refused"].text, "\(name): \(error)")
        let address = Frames.with(frames) { ControlRequest.address(of: $0) }
        #expect((address != nil) == (message["answered"].flag == true), name)
        refused += 1
      }
    }
    #expect(taken > 5 && refused > 15)
  }

  private func compare(_ request: ControlRequest, _ expected: JSON, _ name: Comment) {
    #expect(request.number == Self.count(expected["header"]["seq"]), name)
    #expect(request.epoch == Self.count(expected["header"]["epoch"]), name)
    let descriptor = expected["descriptor"]
    switch request.body {
    case .fetch(let fetch):
      #expect(fetch.epoch == Self.count(descriptor["epoch"]), name)
      #expect(fetch.from == Self.count(descriptor["from"]), name)
      #expect(fetch.limit == Int(descriptor["max"].number ?? 512), name)
      #expect(fetch.byteLimit == Int(descriptor["max_bytes"].number ?? Double(4 << 20)), name)
      #expect(fetch.prefixes == descriptor["prefixes"].list.map { Array(($0.text ?? "").utf8) }, name)
      #expect(fetch.onlyOpen == expected["topic"].text?.hasPrefix("snapshot"), name)
    case .feedback(let feedback):
      #expect(feedback.decision.text == descriptor["decision_id"].text, name)
      #expect(feedback.report.rawValue == descriptor["state"].text, name)
      #expect(feedback.owner == descriptor["owner"].text, name)
    case .silence(let silence): compare(silence, descriptor, name)
    }
  }

  private func compare(_ silence: SilenceRequest, _ descriptor: JSON, _ name: Comment) {
    switch silence {
    case .list: #expect(["create", "expire", "resolve"].allSatisfy { descriptor[$0].isNull }, name)
    case .expire(let id): #expect(id == descriptor["expire"].text, name)
    case .resolve(let key): #expect(key == descriptor["resolve"].text, name)
    case .create(let id, let terms):
      let said = descriptor["create"]
      #expect(id == said["id"].text, name)
      for matcher in terms.matchers {
        #expect(matcher.pattern == said["matchers"][matcher.field.rawValue].text, name)
      }
      #expect(!terms.matchers.isEmpty && terms.createdBy == said["created_by"].text, name)
      switch terms.end {
      case .at(let time): #expect(RFC3339.string(time) == said["ends_at"].text, name)
      case .after(let duration): #expect(duration.secondsValue == said["duration_s"].number, name)
      }
    }
  }

  @Test func hellosAreTakenOrRefusedAsWrittenDown() throws {
    var decoder = MessageDecoder()
    var seen = 0
    for message in try Self.lines("reliable-in") {
      let name = Comment(rawValue: message["name"].text ?? "?")
      seen += 1
      do throws(Remark) {
        let event = try Frames.with(Self.frames(message)) { (frames) throws(Remark) in
          try decoder.decode(frames)
        }
        #expect(message["refused"].isNull, "\(name): taken")
        guard case .head(let head) = event.body else { continue }
        let first = message["expect"]["descriptor"]["first"]
        #expect(head.first == (first.isNull ? nil : Self.count(first)), name)
      } catch { #expect(error.reason.rawValue == message["refused"].text, "\(name): \(error)") }
    }
    #expect(seen >= 5)
  }

  @Test func answersAreWrittenByteForByte() throws {
    let encoder = AnswerEncoder(name: SourceName("example")!)
    var written = 0
    for message in try Self.lines("control-out") + Self.lines("reliable-out") {
      let expected = message["expect"]
      guard let frames = Self.answer(expected, encoder) else { continue }
      written += 1
      #expect(frames == Self.frames(message), Comment(rawValue: message["name"].text ?? "?"))
    }
    #expect(written >= 15)
  }

  /// The answer that a golden line speaks of, as the daemon writes it; nil for a stored message.
  private static func answer(_ expected: JSON, _ encoder: AnswerEncoder) -> [[UInt8]]? {
    let said = expected["descriptor"]
    let number = count(expected["header"]["seq"])
    let epoch = count(expected["header"]["epoch"])
    let now = Timestamp(nanoseconds: Int64(count(expected["header"]["send_time"])))
    if let status = said["status"].text {
      let end = AnswerEncoder.End(
        .init(rawValue: status)!, epoch: count(said["epoch"]), first: count(said["first"]),
        next: count(said["next"]), head: count(said["head"]), detail: said["detail"].text)
      return encoder.frames(end, toSnapshot: said["request"].text == "snapshot", number: number, at: now)
    }
    let place = SequenceNumber(epoch: epoch, number: number)
    if let source = said["source"].text {
      return encoder.acknowledgement(
        of: SourceName(source)!, place, credit: Int(said["credit"].number!),
        creditBytes: Int(said["credit_bytes"].number!), at: now)
    }
    if said["request"].isNull, let code = said["code"].text {
      let expectedNumber = said["expected"].isNull ? nil : count(said["expected"])
      return encoder.refusal(
        Remark(Reason(rawValue: code)!, said["detail"].text!), place, expected: expectedNumber, at: now)
    }
    if let code = said["code"].text {
      let refusal = FeedbackAnswer.Refusal(
        .init(rawValue: code)!, said["detail"].text!, owner: said["owner"].text)
      return encoder.frames(
        .refused(refusal), toSilence: said["request"].text == "silence", epoch: epoch, number: number, at: now
      )
    }
    if said["request"].text == "silence" {
      return encoder.frames(
        .silences(said["silences"].list.map(silence)), epoch: epoch, number: number, at: now)
    }
    guard let decision = said["decision_id"].text else { return nil }
    let claim = FeedbackAnswer.Claim(
      decision: DecisionID(decision), attempt: Int(said["attempt"].number!),
      state: DecisionState(rawValue: said["state"].text!)!, revision: UInt64(said["rev"].number!),
      owner: said["owner"].text, token: said["token"].text)
    return encoder.frames(.granted(claim), epoch: epoch, number: number, at: now)
  }

  private static func silence(_ said: JSON) -> Silence {
    let matchers = Silence.Matcher.Field.allCases.compactMap { field in
      said["matchers"][field.rawValue].text.flatMap { Silence.Matcher(field, $0) }
    }
    let (created, ends) = (RFC3339.parse(said["created_at"].text!)!, RFC3339.parse(said["ends_at"].text!)!)
    return Silence(
      id: said["id"].text!,
      terms: .init(
        matchers: matchers, end: .at(ends), createdBy: said["created_by"].text!,
        comment: said["comment"].text!),
      createdAt: created, endsAt: ends)
  }
}
