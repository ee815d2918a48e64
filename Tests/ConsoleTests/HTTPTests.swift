import Testing

@testable import Console

@Suite struct HTTPTests {
  private func parsed(_ text: String, pieces: Int, limit: Int = 1 << 20) throws(HTTPFailure) -> (
    ResponseParser.Head?, String
  ) {
    var parser = ResponseParser(maximumBodyBytes: limit)
    var body: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      body += try parser.take(Array(rest.prefix(pieces)))
      rest = rest.dropFirst(pieces)
    }
    if !parser.isDone { try parser.end() }
    return (parser.head, String(decoding: body, as: UTF8.self))
  }

  static let answers = [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
      "hello"
    ),
    ("HTTP/1.0 200\r\n\r\nhello", "hello"),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello", "hello"),
    ("HTTP/1.1 204 No Content\r\n\r\n", ""),
    ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
    ("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "hello"),
  ]

  @Test(arguments: answers, [1, 2, 7, 1_000]) func bodies(answer: (String, String), pieces: Int) throws {
    let (head, body) = try parsed(answer.0, pieces: pieces)
    #expect(head?.status == 200 || head?.status == 204)
    #expect(body == answer.1)
  }

  @Test(arguments: [
    "", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "HTTP/2 200\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nhel\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "\u{00}\u{ff}\u{7f}\r\n\r\n",
  ])
  func whatIsNoAnswerIsSaidToBeNone(text: String) {
    #expect(throws: HTTPFailure.self) { try parsed(text, pieces: 3) }
  }

  @Test func everythingIsBounded() {
    #expect(throws: HTTPFailure.tooLarge(10)) {
      try parsed("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world", pieces: 4, limit: 10)
    }
    #expect(throws: HTTPFailure.tooLarge(10)) {
      try parsed("HTTP/1.1 200 OK\r\n\r\nhello world", pieces: 4, limit: 10)
    }
    let head = "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 70_000)
    #expect(throws: HTTPFailure.malformed("a line without an end")) { try parsed(head, pieces: 8_192) }
    let line = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + String(repeating: "0", count: 5_000)
    #expect(throws: HTTPFailure.malformed("a line without an end")) { try parsed(line, pieces: 512) }
  }

  @Test(arguments: [1, 3, 1_000]) func eventsOfAStream(pieces: Int) throws {
    let text =
      ":hello\n\nevent: fleet\nid: 7-1\ndata: {\"a\":\ndata: 1}\n\ndata:x\r\n\r\nevent: none\n\nretry: 5\rdata: cr\r\rdata: not ended"
    var parser = EventStreamParser()
    var events: [ServerEvent] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      events += try parser.take(Array(rest.prefix(pieces)))
      rest = rest.dropFirst(pieces)
    }
    #expect(
      events == [
        ServerEvent(name: "fleet", id: "7-1", data: "{\"a\":\n1}"), ServerEvent(data: "x"),
        ServerEvent(data: "cr"),
      ])
  }

  @Test func aStreamWithoutLinesEnds() {
    var parser = EventStreamParser()
    #expect(throws: HTTPFailure.tooLarge(EventStreamParser.maximumEventBytes)) {
      for _ in 0..<100 { _ = try parser.take(Array(repeating: 0x61, count: 64 << 10)) }
    }
    var folded = EventStreamParser()
    #expect(throws: HTTPFailure.tooLarge(EventStreamParser.maximumEventBytes)) {
      for _ in 0..<100 { _ = try folded.take(Array("data: \(String(repeating: "x", count: 60_000))\n".utf8)) }
    }
  }

  @Test(arguments: [
    ("http://127.0.0.1:7414", "127.0.0.1", 7414), ("http://[::1]:80/", "::1", 80),
    ("http://host", "host", 80),
    ("http://tidemark.mon.svc.cluster.local:7414", "tidemark.mon.svc.cluster.local", 7414),
  ])
  func addresses(text: String, host: String, port: Int) throws {
    let address = try ServiceAddress(parsing: text)
    #expect(address.host == host)
    #expect(Int(address.port) == port)
    #expect(try ServiceAddress(parsing: "\(address)") == address)
  }

  @Test(arguments: [
    "", "127.0.0.1:7414", "https://host:1", "http://", "http://host:0", "http://host:70000", "http://::1:80",
    "http://[::1",
    "http://a b:1", "http://host:1/path", "http://me@host:1", "http://host\r\nX: y:1", "ftp://host:1",
  ])
  func noAddresses(text: String) {
    #expect(throws: InvalidAddress.self) { try ServiceAddress(parsing: text) }
  }

  @Test func segmentsOfAPath() {
    #expect(HTTPClient.segment("team/fraud 7%é\n") == "team%2Ffraud%207%25%C3%A9%0A")
    #expect(Path.model(ModelName("a/b", "-")) == "/api/v1/models/a%2Fb/-")
  }

  @Test func anAnswerThatIsAnotherSaysWhere() {
    #expect(throws: ClientFailure.undecodable("no total in ''")) {
      try Answers.decoded(AlertList.self, #"{"alerts": []}"#)
    }
    #expect(throws: ClientFailure.self) { try Answers.decoded(AlertList.self, "<html>") }
  }

  /// A source may claim to have lost more than there are numbers: nothing that is counted or shown traps on it.
  @Test func countersOfAnySizeAreTaken() throws {
    let most = "18446744073709551615"
    let text = Answers.source("pod-a").replacing("\"lost\":0", with: "\"lost\":\(most)")
      .replacing("\"received\":18000", with: "\"received\":\(most)").replacing(
        "{}", with: "{\"malformed\":\(most)}")
    let list = #"{"total":\#(most),"sources":[\#(Array(repeating: text, count: 40).joined(separator: ","))]}"#
    let sources = try Answers.decoded(SourceList.self, list).sources
    #expect(sources[0].lost == Tally.maximum)
    #expect(sources[0].losses != nil)
    var seen = Examination(
      address: try ServiceAddress(parsing: ServiceAddress.standard), ownVersion: "0.6.0", reach: .answered)
    seen.sources = sources
    seen.status = try Answers.status()
    seen.metrics = MetricsText(
      "process_open_fds NaN\nprocess_max_fds +Inf\ntidemark_log_lines_dropped_total 1e308\n")
    #expect(Diagnosis(seen).warnings > 0)
  }

  @Test func numbersOfAnySizeAreShown() throws {
    for drift in [1e300, -1e300, 1e-300] {
      var state = TopState(now: Answers.now)
      state.take(
        .fleet(
          try Answers.models([Answers.summary("m", accuracy: drift, latency: drift, drift: drift)]),
          at: Answers.now, total: 1, byState: [:]))
      #expect(state.screen(ScreenSize(columns: 200, rows: 8)).allSatisfy { $0.width <= 200 })
    }
    var model = try Answers.model()
    model.monitors[0].score = 1e300
    model.retrain.rules[2].value = 1e300
    model.retrain.blocks[0].until = .max
    model.timers[0].at = .min
    #expect(!Explanation.of(model, width: 80).isEmpty)
  }

  /// Bytes from nowhere: each reader gives something or throws, and none traps or goes on for ever.
  @Test func anyBytesAreRead() {
    var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    func next() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33)
    }
    let parts: [[UInt8]] = [
      "HTTP/1.1 200 OK\r\n", "Content-Length: ", "Transfer-Encoding: chunked\r\n", "\r\n", "\r\n\r\n", "7",
      "ffffffff", ":",
      "data: x", "event: fleet", "{", "}", "\"", "\\", "=", "name{a=\"b\"} 1\n", " ", "\n", "\u{0}", "é",
      "\u{1b}[2J",
    ].map { Array($0.utf8) }
    for _ in 0..<5_000 {
      let bytes = (0..<1 + next() % 12).flatMap { _ in
        next() % 9 == 0 ? [UInt8(truncatingIfNeeded: next())] : parts[next() % parts.count]
      }
      var parser = ResponseParser(maximumBodyBytes: 1_000)
      var stream = EventStreamParser()
      do throws(HTTPFailure) {
        let body = try parser.take(bytes)
        #expect(body.count <= bytes.count)
        for event in try stream.take(bytes) { #expect(event.data.utf8.count <= 3 * bytes.count) }
        try parser.end()
      } catch { #expect(!plain(error.description).isEmpty) }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(MetricsText(text).samples.count <= bytes.count)
      #expect(displayWidth(of: plain(text)) <= 2 * bytes.count)
      var keys = KeyParser()
      #expect(keys.take(bytes).count <= bytes.count)
    }
  }
}
