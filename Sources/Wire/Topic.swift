import Events

/// The parts of a topic `<kind>/<model>/<version>/<source>`; a part that is absent, empty or `-`
/// says nothing.
struct Topic {
  var kind: String?
  var model: String?
  var version: String?
  var source: String?

  init() {}

  /// - Throws: `malformed` for more than four parts, more than 200 bytes, or no UTF-8.
  init(parsing bytes: UnsafeRawBufferPointer) throws(Remark) {
    guard bytes.count <= WireLimits.topicBytes else {
      throw Remark(.malformed, "a topic of \(bytes.count) bytes, at most \(WireLimits.topicBytes) are taken")
    }
    let parts = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count <= 4 else { throw Remark(.malformed, "a topic of \(parts.count) parts, want 4") }
    func text(_ index: Int) throws(Remark) -> String? {
      guard index < parts.count else { return nil }
      guard let text = TopicSegment.decode(parts[index]) else {
        throw Remark(.malformed, "part \(index) of the topic is not percent-encoded UTF-8")
      }
      return text.isEmpty || text == "-" ? nil : text
    }
    kind = try text(0)
    model = try text(1)
    version = try text(2)
    source = try text(3)
  }
}
