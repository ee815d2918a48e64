import Events

/// The parts of a topic `<kind>/<model>/<version>/<source>`; a part that is absent, empty or `-`
/// says nothing.
struct Topic {
  var kind: String?
  var model: String?
  var version: String?
  var source: String?

  /// How many parts there are, empty ones included.
  private(set) var parts = 0
  private(set) var hasEmptyPart = false

  init() {}

  static func tooLong(_ count: Int) -> Remark {
    Remark(.malformed, "a topic of \(count) bytes, at most \(WireLimits.topicBytes) are taken")
  }

  /// - Throws: `malformed` for more than four parts, more than 200 bytes, or no UTF-8.
  init(parsing bytes: UnsafeRawBufferPointer) throws(Remark) {
    guard bytes.count <= WireLimits.topicBytes else {
      throw Self.tooLong(bytes.count)
    }
    var parts: [String?] = []
    var start = 0
    for end in 0...bytes.count where end == bytes.count || bytes[end] == UInt8(ascii: "/") {
      guard let text = TopicSegment.decode(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) else {
        throw Remark(.malformed, "part \(parts.count) of the topic is not percent-encoded UTF-8")
      }
      if text.isEmpty { hasEmptyPart = true }
      parts.append(text.isEmpty || text == "-" ? nil : text)
      start = end + 1
    }
    guard parts.count <= 4 else { throw Remark(.malformed, "a topic of \(parts.count) parts, want 4") }
    self.parts = parts.count
    parts += [String?](repeating: nil, count: 4 - parts.count)
    (kind, model, version, source) = (parts[0], parts[1], parts[2], parts[3])
  }
}
