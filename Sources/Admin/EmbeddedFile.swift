import Events
import HTTPTypes
import Wire

/// A file that is part of the binary: the OpenAPI file, and the dashboard.
struct EmbeddedFile: Sendable {
  let name: String
  let contentType: String
  /// What it may load and run, when it is a page.
  let policy: String?
  let body: [UInt8]
  private let tag: String

  init(_ name: String, _ contentType: String, _ text: String, policy: String? = nil) {
    (self.name, self.contentType, self.policy) = (name, contentType, policy)
    body = Array(text.utf8)
    tag = "\"\(Identity.digest("", [text]))\""
  }

  func answer(to head: HTTPRequest) -> Answer {
    let tags = head.headerFields[.ifNoneMatch]?.split(separator: ",").map {
      $0.drop { $0 == " " }.replacing("W/", with: "")
    }
    let isKnown = tags?.contains { $0 == tag || $0 == "*" } ?? false
    var answer = Answer(isKnown ? .notModified : .ok, contentType, isKnown ? [] : body)
    answer.headers[.eTag] = tag
    answer.headers[.cacheControl] = "no-cache"
    answer.headers[.contentSecurityPolicy] = policy
    return answer
  }
}

extension Embedded {
  private static let page = EmbeddedFile(
    "", "text/html; charset=utf-8", Dashboard.page, policy: Dashboard.contentSecurityPolicy)
  private static let byName = Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0) })

  /// The file of a path; that of `/` is the dashboard.
  static func file(at segments: [String]) -> EmbeddedFile? {
    segments.isEmpty ? page : segments.count == 1 ? byName[segments[0]] : nil
  }
}
