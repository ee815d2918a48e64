import HTTPTypes

/// Who is let in: by `Host`, against pages of other sites that had their name point here, and by token.
struct Gate: Sendable {
  /// Nil when none is asked for.
  let token: Token?
  /// Values of `Host` that are right; nil: any, off loopback, where a token is asked for in its stead.
  private let hosts: Set<String>?
  /// Names that are right with any port.
  private let names: Set<String>

  init(_ settings: AdminSettings, port: Int, token: Token?) {
    self.token = token
    names = Set(settings.hosts.map { $0.lowercased() })
    guard settings.isLoopback else {
      hosts = nil
      return
    }
    let own = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
    hosts = Set(["localhost", "127.0.0.1", "[::1]", own].map { "\($0):\(port)" })
  }

  /// What is open to everybody who reaches the socket.
  private static let open: Set<String> = ["/livez", "/readyz", "/"]

  /// - Parameter isPage: whether it is a part of the dashboard, which tells nothing by itself.
  /// - Returns: why not, or nil.
  func refusal(of head: HTTPRequest, isPage: Bool) -> Answer? {
    guard isHost(head.authority) else {
      return .problem(
        .forbidden, "host", "not a host of this daemon; http.hosts in its configuration adds one")
    }
    guard head.method == .get || head.method == .head else {
      var answer = Answer.problem(.methodNotAllowed, "method", "want GET or HEAD")
      answer.headers[.allow] = "GET, HEAD"
      return answer
    }
    let path = head.path.map { $0.prefix { $0 != "?" } } ?? ""
    if let token, !isPage, !Self.open.contains(String(path)),
      !token.isBorne(by: head.headerFields[.authorization])
    {
      var answer = Answer.problem(.unauthorized, "token", "want the bearer token of http.token_file")
      answer.headers[.wwwAuthenticate] = "Bearer realm=\"tidemark\""
      return answer
    }
    return nil
  }

  private func isHost(_ authority: String?) -> Bool {
    guard let hosts else { return true }
    guard let authority = authority?.lowercased() else { return false }
    if hosts.contains(authority) || names.contains(authority) { return true }
    guard let colon = authority.lastIndex(of: ":"), Int(authority[authority.index(after: colon)...]) != nil
    else {
      return false
    }
    return names.contains(String(authority[..<colon]))
  }
}
