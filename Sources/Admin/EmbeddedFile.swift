import Events
import HTTPTypes
import Wire

/// A file that is part of the binary: the OpenAPI file, and the dashboard's.
struct EmbeddedFile: Sendable {
  let name: String
  let contentType: String
  let isPage: Bool
  let body: [UInt8]
  private let tag: String

  init(_ name: String, _ contentType: String, _ text: String) {
    (self.name, self.contentType) = (name, contentType)
    isPage = name != "openapi.yaml"
    body = Array(text.utf8)
    tag = "\"\(Identity.digest("", [text]))\""
  }

  /// Nothing from anywhere but this daemon, no inline scripts, and no frame around it.
  static let policy =
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  func answer(to head: HTTPRequest) -> Answer {
    let tags = head.headerFields[.ifNoneMatch]?.split(separator: ",").map {
      $0.drop { $0 == " " }.replacing("W/", with: "")
    }
    let isKnown = tags?.contains { $0 == tag || $0 == "*" } ?? false
    var answer = Answer(isKnown ? .notModified : .ok, contentType, isKnown ? [] : body)
    answer.headers[.eTag] = tag
    answer.headers[.cacheControl] = "no-cache"
    if isPage { answer.headers[.contentSecurityPolicy] = Self.policy }
    return answer
  }
}

extension Embedded {
  private static let byName = Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0) })

  /// The file of a path; `/` is `index.html`.
  static func file(at segments: [String]) -> EmbeddedFile? {
    segments.isEmpty ? byName["index.html"] : segments.count == 1 ? byName[segments[0]] : nil
  }
}
