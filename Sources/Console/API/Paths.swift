/// The paths of the API.
package enum Path {
  package static let live = "/livez"
  package static let ready = "/readyz"
  package static let metrics = "/metrics"
  package static let status = "/api/v1/status"
  package static let events = "/api/v1/events"

  /// Models, alerts, decisions or sources in one answer, at most.
  package static let page = 1_000

  package static func models(from offset: Int = 0) -> String {
    "/api/v1/models?limit=\(page)&offset=\(offset)"
  }
  package static func models(like text: String) -> String {
    "/api/v1/models?limit=\(page)&q=\(HTTPClient.segment(text))"
  }
  package static func model(_ key: ModelName) -> String {
    "/api/v1/models/\(HTTPClient.segment(key.model))/\(HTTPClient.segment(key.version))"
  }
  /// A few that have fallen silent.
  package static let staleModels = "/api/v1/models?state=stale&limit=3"
  package static let alerts = "/api/v1/alerts?limit=\(page)"
  package static let decisions = "/api/v1/decisions?limit=\(page)"
  package static func decision(_ id: String) -> String { "/api/v1/decisions/\(HTTPClient.segment(id))" }
  package static func sources(from offset: Int = 0) -> String {
    "/api/v1/sources?limit=\(page)&offset=\(offset)"
  }
}

/// A model and its version, `-` when it has none.
package struct ModelName: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var model: String
  package var version: String

  package init(_ model: String, _ version: String = "-") { (self.model, self.version) = (model, version) }

  package static func < (left: ModelName, right: ModelName) -> Bool {
    (left.model, left.version) < (right.model, right.version)
  }

  package var description: String { version == "-" ? model : "\(model) \(version)" }
}
