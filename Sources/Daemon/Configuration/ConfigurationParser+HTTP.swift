import Admin
import Foundation

// Where HTTP is served, and to whom.
extension ConfigurationParser {
  /// Names in `http.hosts`; a name has at most 253 characters (RFC 1035).
  private static let maximumHosts = 64

  func readHTTP(_ node: ConfigurationNode, into configuration: inout Configuration) {
    if node.isOff {
      configuration.http = nil
      return
    }
    var settings = AdminSettings()
    settings.isConfigured = true
    let members = node.members(["listen", "token_file", "hosts"])
    if let listen = members["listen"] { readListen(listen, into: &settings) }
    if let token = members["token_file"] { settings.tokenFile = readTokenFile(token) }
    if let hosts = members["hosts"] { settings.hosts = readHosts(hosts) }
    if !settings.isLoopback && members["token_file"] == nil {
      (members["listen"] ?? node).note(
        "\(settings.host) can be reached from other machines, want token_file: PATH beside it, or a loopback address"
      )
    }
    configuration.http = settings
  }

  /// ADDRESS:PORT; an address of IPv6 in brackets.
  private func readListen(_ node: ConfigurationNode, into settings: inout AdminSettings) {
    let want = "ADDRESS:PORT, such as 127.0.0.1:7414 or [::1]:7414"
    guard let text = node.text(want: want) else { return }
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
      return node.note("'\(text.prefix(64))' has no port, want \(want)")
    }
    var host = String(text[..<colon])
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = String(host.dropFirst().dropLast()) }
    guard host == "localhost" || Self.isAddress(host, isBracketed ? AF_INET6 : AF_INET) else {
      return node.note("'\(host.prefix(64))' is no address, want \(want)")
    }
    (settings.host, settings.port) = (host, Int(port))
  }

  private static func isAddress(_ text: String, _ family: Int32) -> Bool {
    var address = in6_addr()
    return inet_pton(family, text, &address) == 1
  }

  private func readTokenFile(_ node: ConfigurationNode) -> String? {
    guard let path = node.text(want: "a file that holds the token") else { return nil }
    let directory = URL(fileURLWithPath: file).deletingLastPathComponent()
    return path.hasPrefix("/") ? path : directory.appendingPathComponent(path).path
  }

  private func readHosts(_ node: ConfigurationNode) -> [String] {
    let want = "a list of names that requests may bear as Host, such as [tidemark.internal]"
    guard let elements = node.elements(want: want) else { return [] }
    if elements.count > Self.maximumHosts {
      node.note("\(elements.count) names, want at most \(Self.maximumHosts)")
    }
    return elements.compactMap { element in
      guard let text = element.text(want: "a name") else { return nil }
      guard text.utf8.count <= 253, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f }) else {
        element.note("'\(text.prefix(64))' is no name of a host, want one, with or without :PORT")
        return nil
      }
      return text
    }
  }
}
