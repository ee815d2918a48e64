import Events

extension Feedback {
  /// The `data` of feedback, plain or framed; unknown keys are passed over.
  ///
  /// - Throws: `malformed`.
  init(reading reader: inout JSONReader) throws(Remark) {
    var decision: String?
    var report: Report?
    var attempt: Int?
    var owner: String?
    var token: String?
    var reason: String?
    var wait: Double?
    try reader.readObject { (reader, key) throws(Remark) in
      if key.equals("decision_id") {
        decision = try reader.readString()
      } else if key.equals("state") {
        let word = try reader.readString()
        report = Report(rawValue: word)
        guard report != nil else { throw reader.failure("'\(word.prefix(40))' cannot be reported") }
      } else if key.equals("attempt") {
        guard try !reader.readNull() else { return }
        attempt = Int(exactly: try reader.readCount("attempt"))
        guard let attempt, attempt > 0 else { throw reader.failure("an attempt that is none") }
      } else if key.equals("owner") {
        owner = try reader.readShortText("owner", 1...Self.maximumOwnerBytes)
      } else if key.equals("token") {
        token = try reader.readShortText("token", 1...Self.maximumOwnerBytes)
      } else if key.equals("reason") {
        reason = try reader.readShortText("reason", 0...Self.maximumReasonBytes)
      } else if key.equals("retry_after_s") {
        wait = try reader.readNull() ? nil : reader.readNumber()
      } else {
        try reader.skipValue()
      }
    }
    guard let decision, (1...DecisionID.maximumBytes).contains(decision.utf8.count) else {
      throw reader.failure("feedback without a decision_id")
    }
    guard let report else { throw reader.failure("feedback without a state") }
    // 30 years are more than anybody waits.
    guard wait.map({ $0 >= 0 && $0 < 1e9 }) ?? true else {
      throw reader.failure("retry_after_s is no number of seconds")
    }
    if report == .acked && owner == nil { throw reader.failure("acked without an owner") }
    self.init(
      decision: DecisionID(decision), report: report, attempt: attempt, owner: owner, token: token,
      reason: reason, retryAfter: wait.map { .nanoseconds(Int64($0 * 1e9)) })
  }

  /// - Throws: `malformed`.
  init(parsing bytes: UnsafeRawBufferPointer) throws(Remark) {
    var reader = JSONReader(bytes)
    try self.init(reading: &reader)
    try reader.expectEnd()
  }

  func write(to writer: inout JSONWriter) {
    writer.member("decision_id", decision.text)
    writer.member("state", report.rawValue)
    if let attempt { writer.member("attempt", attempt) }
    if let owner { writer.member("owner", owner) }
    if let token { writer.member("token", token) }
    if let reason { writer.member("reason", reason) }
    if let retryAfter { writer.member("retry_after_s", retryAfter.secondsValue) }
  }
}

extension JSONReader {
  /// A text within its bounds, in bytes; nil for null.
  fileprivate mutating func readShortText(
    _ key: StaticString, _ bounds: ClosedRange<Int>
  ) throws(Remark) -> String? {
    if try readNull() { return nil }
    let text = try readString()
    guard bounds.contains(text.utf8.count) else {
      throw failure("\(key) of \(text.utf8.count) bytes, want \(bounds.lowerBound) to \(bounds.upperBound)")
    }
    return text
  }
}
