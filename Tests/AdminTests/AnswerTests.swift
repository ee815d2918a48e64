import Events
import Foundation
import HTTPTypes
import Testing
import Wire

@testable import Admin

@Suite struct TargetTests {
  @Test func aPathIsTakenApartAndDecoded() throws {
    let target = try #require(Target("/api/v1/models/team%2Ffraud/7?limit=5&q=a%20b+c&limit=6&flag"))
    #expect(target.segments == ["api", "v1", "models", "team/fraud", "7"])
    #expect(try target.integer("limit", 1...10, default: 1) == 5)
    #expect(target.text("q") == "a b c")
    #expect(target.text("flag") == "")
    #expect(try #require(Target("/")).segments.isEmpty)
    #expect(try #require(Target("/a/")).segments == ["a", ""])
  }

  @Test(arguments: ["", "a", "/%", "/%4", "/%zz", "/%ff", "/a?b=%c3"])
  func whatIsNoPathIsNone(path: String) { #expect(Target(path) == nil) }

  @Test(arguments: ["0", "11", "x", "", "+5", "1e1", " 5"])
  func whatIsNoNumberInRangeIsAProblem(text: String) throws {
    let query = text.replacing("+", with: "%2B").replacing(" ", with: "%20")
    let target = try #require(Target("/?limit=\(query)"))
    #expect(throws: BadParameter.self) { try target.integer("limit", 1...10, default: 1) }
  }
}

@Suite struct EmbeddedTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  @Test func theBinaryHasTheOpenAPIFileAsItIs() throws {
    let source = try Data(contentsOf: Self.root.appendingPathComponent("protocol/http/openapi.yaml"))
    #expect(Embedded.files.map(\.name) == ["openapi.yaml"])
    #expect(Embedded.files[0].body == Array(source), "it has changed: run Sources/Admin/Dashboard/embed.py")
  }

  @Test func aTagThatIsRightIsNotSentAgain() throws {
    let page = try #require(Embedded.file(at: []))
    var request = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/")
    let tag = try #require(page.answer(to: request).headers[.eTag])
    for known in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
      request.headerFields[.ifNoneMatch] = known
      #expect(page.answer(to: request).status == .notModified && page.answer(to: request).body.isEmpty)
    }
    request.headerFields[.ifNoneMatch] = "\"x\""
    #expect(page.answer(to: request).status == .ok)
  }
}

@Suite struct TokenTests {
  @Test func itIsComparedWhole() {
    let token = Token(Array("0123456789abcdef".utf8))
    #expect(token.isBorne(by: "Bearer 0123456789abcdef") && token.isBorne(by: "BEARER 0123456789abcdef"))
    let wrong = [
      nil, "", "Bearer", "Bearer ", "0123456789abcdef", "Bearer 0123456789abcde", "Bearer 0123456789abcdeX",
      "Bearer 0123456789abcdef0123456789abcdef", "Bearer  0123456789abcdef", "Basic 0123456789abcdef",
    ]
    for each in wrong { #expect(!token.isBorne(by: each), "\(each ?? "nothing")") }
  }
}

@Suite struct ChronicleTests {
  private func numbers(_ chronicle: Chronicle, after number: UInt64, limit: Int = 10_000) -> [UInt64]? {
    chronicle.messages(after: .init(epoch: 7, number: number), limit: limit)?.messages.map(\.number)
  }

  @Test func bothKindsComeInOrderAndTheOldestGo() throws {
    let chronicle = Chronicle()
    let count = 5_000 as UInt64
    for number in 1...count {
      chronicle.note(number % 2 == 0 ? .alert : .decision, epoch: 7, number: number, subject: nil, body: [])
    }
    #expect(chronicle.messages(.alert).count == Chronicle.capacity)
    #expect(chronicle.messages(.alert).last?.number == count)
    #expect(numbers(chronicle, after: count - 3) == [count - 2, count - 1, count])
    #expect(numbers(chronicle, after: count - 100, limit: 2) == [count - 99, count - 98])
    #expect(numbers(chronicle, after: count) == [])
    #expect(numbers(chronicle, after: count + 1) == nil, "from the future")
    #expect(chronicle.messages(after: .init(epoch: 8, number: 1), limit: 1) == nil)
    let all = try #require(chronicle.messages(after: .init(epoch: 7, number: 0), limit: 10_000))
    #expect(all.lost > 0 && all.messages.first?.number == all.lost + 1)
    #expect(all.messages.count <= 3 * Chronicle.capacity && all.messages.last?.number == count)
  }

  @Test func anotherNumberingBeginsAnew() {
    let chronicle = Chronicle()
    chronicle.note(.alert, epoch: 1, number: 5, subject: nil, body: [])
    chronicle.note(.alert, epoch: 7, number: 1, subject: nil, body: [])
    #expect(numbers(chronicle, after: 0) == [1])
    #expect(chronicle.beginning == .init(epoch: 7, number: 0) && chronicle.end == .init(epoch: 7, number: 1))
  }

  @Test func whatAMessageSaysBesideIsTold() throws {
    func told(_ more: String) throws -> String {
      let body = """
        {"time": "2026-03-02T04:10:00Z", "subject": "m", "data": {"rev": 3, "state": "resolved", "top_k": []\(more)}}
        """
      let message = ToldMessage(kind: .alert, epoch: 1, number: 1, subject: nil, body: Array(body.utf8))
      var writer = JSONWriter()
      try #require(message.content).writeAlert(to: &writer)
      return String(decoding: writer.bytes, as: UTF8.self)
    }
    let said = #", "flags": ["stale", "inhibited"], "inhibited_by": ["no_data"], "reason": "expired""#
    #expect(
      try told(said).contains(
        #""state":"resolved","flags":["stale","inhibited"],"inhibited_by":["no_data"],"reason":"expired""#))
    // One of an earlier version.
    #expect(try told("").contains(#""state":"resolved","flags":[],"inhibited_by":[],"reason":null"#))
  }

  @Test func whatIsNoMessageOfOursHasNoContent() {
    for body in ["", "{}", "[1]", "{\"time\": 3}", "\u{0}"] {
      #expect(
        ToldMessage(kind: .alert, epoch: 1, number: 1, subject: nil, body: Array(body.utf8)).content == nil)
    }
  }
}

@Suite struct DelayHistogramTests {
  @Test func eachDelayFallsIntoOneBucket() {
    var histogram = DelayHistogram(bounds: [0.001, 1])
    for nanoseconds in [-5, 0, 1_000_000, 1_000_001, 1_000_000_000, 1_000_000_001, Int64.max] {
      histogram.observe(nanoseconds: nanoseconds)
    }
    #expect(histogram.counts == [3, 2, 2] && histogram.count == 7)
    #expect(histogram.sum > 9e9)
  }
}
