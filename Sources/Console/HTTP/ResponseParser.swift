/// An HTTP/1.1 response out of bytes as they come: first the head, then pieces of the body.
///
/// Total: whatever the bytes, it gives pieces, waits for more or throws `malformed` or `tooLarge`.
package struct ResponseParser: Sendable {
  /// A head has a few hundred bytes.
  static let maximumHeadBytes = 64 << 10
  /// A chunk's length, with extensions, and each trailer.
  static let maximumLineBytes = 4 << 10

  package struct Head: Equatable, Sendable {
    package var status: Int
    /// Names in lower case, in order.
    package var fields: [String: String] = [:]
  }

  private enum Stage: Equatable {
    case head
    /// So many bytes are still to come.
    case counted(Int)
    case untilClose
    case chunkLength
    case chunk(Int)
    /// The line end after a chunk.
    case chunkEnd
    case trailers
    case done
  }

  private var stage = Stage.head
  private var buffer: [UInt8] = []
  private let maximumBodyBytes: Int
  private var bodyBytes = 0
  package private(set) var head: Head?

  /// - Parameter maximumBodyBytes: of all pieces together; `Int.max` for a stream, whose reader bounds its lines.
  package init(maximumBodyBytes: Int) { self.maximumBodyBytes = maximumBodyBytes }

  /// Whether nothing more belongs to the response.
  package var isDone: Bool { stage == .done }

  /// Takes what came and returns what of it is body.
  package mutating func take(_ bytes: [UInt8]) throws(HTTPFailure) -> [UInt8] {
    buffer += bytes
    var body: [UInt8] = []
    while try step(&body) {}
    guard buffer.count <= Self.maximumHeadBytes else { throw .malformed("a line without an end") }
    return body
  }

  /// The stream has ended.
  ///
  /// - Throws: `malformed` when something was still to come.
  package mutating func end() throws(HTTPFailure) {
    guard stage == .untilClose || stage == .done else {
      throw .malformed(head == nil ? "the connection ended without an answer" : "the answer was cut off")
    }
    stage = .done
  }

  /// Goes on by one part; false when more bytes are needed.
  private mutating func step(_ body: inout [UInt8]) throws(HTTPFailure) -> Bool {
    switch stage {
    case .head: return try takeHead()
    case .done: return false
    case .counted(let left):
      stage = try takeBody(left, &body).map(Stage.counted) ?? .done
      return stage == .done
    case .chunk(let left):
      stage = try takeBody(left, &body).map(Stage.chunk) ?? .chunkEnd
      return stage == .chunkEnd
    case .untilClose:
      _ = try takeBody(.max, &body)
      return false
    case .chunkLength:
      guard let line = try takeLine() else { return false }
      let digits = line.prefix { $0 != ";" }.trimmingSpaces
      guard digits.utf8.count <= 15, let length = Int(digits, radix: 16), length >= 0 else {
        throw .malformed("a chunk's length")
      }
      stage = length == 0 ? .trailers : .chunk(length)
      return true
    case .chunkEnd:
      guard let line = try takeLine() else { return false }
      guard line.isEmpty else { throw .malformed("a chunk that is longer than it says") }
      stage = .chunkLength
      return true
    case .trailers:
      guard let line = try takeLine() else { return false }
      if line.isEmpty { stage = .done }
      return true
    }
  }

  /// Moves at most `left` bytes of the buffer to the body; returns how many are still to come, nil for none.
  private mutating func takeBody(_ left: Int, _ body: inout [UInt8]) throws(HTTPFailure) -> Int? {
    let count = min(left, buffer.count)
    bodyBytes += count
    guard bodyBytes <= maximumBodyBytes else { throw .tooLarge(maximumBodyBytes) }
    body += buffer.prefix(count)
    buffer.removeFirst(count)
    return left == count ? nil : left - count
  }

  private mutating func takeLine() throws(HTTPFailure) -> String? {
    guard let end = buffer.firstIndex(of: UInt8(ascii: "\n")) else {
      guard buffer.count <= Self.maximumLineBytes else { throw .malformed("a line without an end") }
      return nil
    }
    var line = buffer[..<end]
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    let text = String(decoding: line, as: UTF8.self)
    buffer.removeFirst(end + 1)
    return text
  }

  private mutating func takeHead() throws(HTTPFailure) -> Bool {
    guard let end = headEnd else { return false }
    let text = String(decoding: buffer[..<end], as: UTF8.self)
    buffer.removeFirst(end)
    let lines = text.split(whereSeparator: \.isNewline)
    let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3,
      let status = Int(words[1]), status >= 100
    else { throw .malformed("it begins with '\(plain(String(text.prefix(40))))'") }
    var head = Head(status: status)
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { throw .malformed("a field without a colon") }
      head.fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingSpaces
    }
    // 100 Continue and the like announce the head that counts.
    guard status >= 200 else { return true }
    stage = try Self.stage(after: head)
    self.head = head
    return true
  }

  private static func stage(after head: Head) throws(HTTPFailure) -> Stage {
    if head.status == 204 || head.status == 304 { return .done }
    if head.fields["transfer-encoding"]?.lowercased() == "chunked" { return .chunkLength }
    guard let text = head.fields["content-length"] else { return .untilClose }
    guard let length = Int(text), length >= 0 else { throw .malformed("content-length \(plain(text))") }
    return length == 0 ? .done : .counted(length)
  }

  /// Where the head's empty line ends.
  private var headEnd: Int? {
    var isEmpty = false
    for (index, byte) in buffer.enumerated() {
      switch byte {
      case UInt8(ascii: "\n"):
        if isEmpty { return index + 1 }
        isEmpty = true
      case UInt8(ascii: "\r"): break
      default: isEmpty = false
      }
    }
    return nil
  }
}

extension StringProtocol {
  /// Without blanks and tabs at its ends.
  var trimmingSpaces: String {
    var text = self[...]
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return String(text.drop { $0 == " " || $0 == "\t" })
  }
}
