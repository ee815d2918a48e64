/// Where a daemon's HTTP API is: plain HTTP at a host and a port.
///
/// https is not offered: it would bring a TLS library into an image that has none. A daemon on another machine
/// is reached through a tunnel (`ssh -L 7414:127.0.0.1:7414 HOST`), which is also how its token stays secret.
package struct ServiceAddress: Equatable, Sendable, CustomStringConvertible {
  /// A name or an address, without brackets.
  package let host: String
  package let port: UInt16

  /// What a daemon listens on when nothing else is configured.
  package static let standard = "http://127.0.0.1:7414"

  /// DNS allows 253 bytes.
  private static let maximumHostBytes = 253

  /// - Throws: what is wrong with the text.
  package init(parsing text: String) throws(InvalidAddress) {
    guard !text.hasPrefix("https://") else {
      throw InvalidAddress(
        "https is not offered; want http://HOST:PORT, for another machine through a tunnel")
    }
    guard text.hasPrefix("http://") else { throw InvalidAddress("'\(text)' is no http://HOST:PORT") }
    var rest = text.dropFirst("http://".count)
    if rest.last == "/" { rest.removeLast() }
    let (host, port) = try Self.split(rest)
    let isHost = host.utf8.allSatisfy { byte in
      (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || (byte >= 0x30 && byte <= 0x39)
        || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ":")
        || byte == UInt8(ascii: "_")
    }
    guard isHost, !host.isEmpty, host.utf8.count <= Self.maximumHostBytes else {
      throw InvalidAddress("'\(text)' has no host; want http://HOST:PORT")
    }
    guard let port = UInt16(port), port > 0 else {
      throw InvalidAddress("'\(text)' has no port from 1 to 65535; want http://HOST:PORT")
    }
    self.host = String(host)
    self.port = port
  }

  private init(host: String, port: UInt16) { (self.host, self.port) = (host, port) }

  /// Another port of the same host; nil when it is this one.
  func with(port: UInt16) -> ServiceAddress? {
    port == self.port ? nil : ServiceAddress(host: host, port: port)
  }

  /// Host and port; an IPv6 address stands in brackets. Without a port it is HTTP's.
  private static func split(_ text: Substring) throws(InvalidAddress) -> (Substring, Substring) {
    if text.first == "[" {
      guard let end = text.firstIndex(of: "]") else { throw InvalidAddress("'\(text)' lacks a ']'") }
      let after = text[text.index(after: end)...]
      guard after.isEmpty || after.first == ":" else {
        throw InvalidAddress("'\(text)' is no http://HOST:PORT")
      }
      return (text[text.index(after: text.startIndex)..<end], after.isEmpty ? "80" : after.dropFirst())
    }
    guard let colon = text.firstIndex(of: ":") else { return (text, "80") }
    let port = text[text.index(after: colon)...]
    guard !port.contains(":") else { throw InvalidAddress("an IPv6 address stands in brackets: [::1]") }
    return (text[..<colon], port)
  }

  /// As a Host header and a person write it.
  package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
  package var description: String { "http://\(authority)" }

  /// Whether what is said to it stays on this machine.
  package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}

/// Text that names no daemon.
package struct InvalidAddress: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
