/// Where HTTP is served, and to whom.
package struct AdminSettings: Sendable, Equatable {
  package static let defaultPort = 7414

  /// An address, without brackets.
  package var host = "127.0.0.1"
  package var port = Self.defaultPort
  /// Whether the configuration says so; if it does not, and the port is taken, there is no HTTP.
  package var isConfigured = false
  /// A file that holds the token which requests must bear; nil: none is asked for.
  package var tokenFile: String?
  /// Names that requests may bear as `Host` beside those of loopback, with or without a port.
  package var hosts: [String] = []

  package init() {}

  package static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }

  package var isLoopback: Bool { Self.isLoopback(host) }
}

/// Why HTTP cannot be served.
package enum AdminFailure: Error, Sendable, CustomStringConvertible {
  /// Where, and why.
  case bind(String, String)
  case token(String)

  package var description: String {
    switch self {
    case .bind(let place, let why): "http: cannot bind \(place): \(why)"
    case .token(let why): "http.token_file: \(why)"
    }
  }
}
