import HTTPTypes
import NIOCore
import Wire

/// What a request comes to.
struct Answer: Sendable {
  var status: HTTPResponse.Status
  var contentType: String
  var body: [UInt8]
  var headers: HTTPFields = [:]
  /// The event stream is written as it comes.
  var isStream = false

  static let json = "application/json"
  static let text = "text/plain; charset=utf-8"

  init(_ status: HTTPResponse.Status = .ok, _ contentType: String, _ body: [UInt8]) {
    (self.status, self.contentType, self.body) = (status, contentType, body)
  }

  init(_ status: HTTPResponse.Status = .ok, text: String) {
    self.init(status, Self.text, Array(text.utf8))
  }

  init(_ status: HTTPResponse.Status = .ok, _ members: (inout JSONWriter) -> Void) {
    var writer = JSONWriter()
    writer.object(members)
    self.init(status, Self.json, writer.bytes)
  }

  /// RFC 9457.
  static func problem(_ status: HTTPResponse.Status, _ code: StaticString, _ detail: String) -> Answer {
    var answer = Answer(status) { writer in
      writer.member("type", "about:blank")
      writer.member("title", status.reasonPhrase)
      writer.member("status", status.code)
      writer.member("code", code.description)
      writer.member("detail", detail)
    }
    answer.contentType = "application/problem+json"
    if status == .serviceUnavailable { answer.headers[.retryAfter] = "1" }
    return answer
  }

  static let unavailable = problem(
    .serviceUnavailable, "busy", "the serving loop did not answer in time, or too many wait for it")
}

/// A parameter that is not what it may be.
struct BadParameter: Error {
  var detail: String

  init(_ name: String, _ want: String) { detail = "\(name): want \(want)" }
}

/// The target of a request, taken apart.
struct Target {
  /// Percent-decoded, without the first slash; none for `/`.
  let segments: [String]
  private let query: [(name: String, value: String)]

  /// Nil when a percent sign is followed by no two hexadecimal digits, or what comes of it is no UTF-8.
  init?(_ path: String) {
    let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, first.hasPrefix("/") else { return nil }
    var segments: [String] = []
    if first != "/" {
      for part in first.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
        guard let segment = Self.decode(part.utf8, plusIsSpace: false) else { return nil }
        segments.append(segment)
      }
    }
    var query: [(String, String)] = []
    for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
      let both = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Self.decode(both[0].utf8, plusIsSpace: true),
        let value = Self.decode((both.count > 1 ? both[1] : "").utf8, plusIsSpace: true)
      else { return nil }
      query.append((name, value))
    }
    (self.segments, self.query) = (segments, query)
  }

  private static func decode(_ text: Substring.UTF8View, plusIsSpace: Bool) -> String? {
    var bytes: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
          return nil
        }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// The first of that name.
  func text(_ name: String) -> String? { query.first { $0.name == name }?.value }

  func integer(_ name: String, _ range: ClosedRange<Int>, default preset: Int) throws(BadParameter) -> Int {
    guard let text = text(name) else { return preset }
    guard let value = Int(text), range.contains(value), text.utf8.first != UInt8(ascii: "+") else {
      throw BadParameter(name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func choice<Word: RawRepresentable & CaseIterable>(_ name: String, _ type: Word.Type) throws(BadParameter)
    -> Word?
  where Word.RawValue == String {
    guard let text = text(name) else { return nil }
    guard let word = Word(rawValue: text) else {
      throw BadParameter(name, Word.allCases.map(\.rawValue).joined(separator: " or "))
    }
    return word
  }

  func short(_ name: String, atMost characters: Int) throws(BadParameter) -> String? {
    guard let text = text(name) else { return nil }
    guard text.unicodeScalars.count <= characters else {
      throw BadParameter(name, "at most \(characters) characters")
    }
    return text
  }
}
