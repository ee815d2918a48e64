/// A validated libzmq endpoint: `tcp://HOST:PORT`, `ipc://PATH` or `inproc://NAME`.
package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
  /// Host as written (`*` binds all interfaces; IPv6 in brackets); port 0 lets the system choose.
  case tcp(host: String, port: UInt16)
  /// A path of a Unix-domain socket, or `@name` in Linux's abstract namespace.
  case ipc(path: String)
  case inproc(name: String)

  /// `sun_path` holds 108 bytes and its closing zero; libzmq cuts a longer path silently.
  package static var maximumPathBytes: Int { 107 }
  /// libzmq's own bound on inproc names (zmq_inproc(7)).
  package static var maximumNameBytes: Int { 256 }
  /// The longest DNS name (RFC 1035, section 2.3.4).
  package static var maximumHostBytes: Int { 253 }

  /// Why a text is not an endpoint, with what is allowed.
  package struct Invalid: Error, Equatable, CustomStringConvertible {
    package let description: String
  }

  package init(parsing text: String) throws(Invalid) {
    guard let separator = text.firstRange(of: "://") else {
      throw Invalid(description: "'\(text)' has no scheme, want tcp://HOST:PORT, ipc://PATH or inproc://NAME")
    }
    let rest = String(text[separator.upperBound...])
    guard !rest.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
      throw Invalid(description: "'\(text)' holds a space or a control character")
    }
    switch text[..<separator.lowerBound] {
    case "tcp": self = try Self.parseTCP(rest, in: text)
    case "ipc":
      guard !rest.isEmpty, rest != "*" else {
        throw Invalid(description: "'\(text)' has no path of its own, want ipc://PATH")
      }
      guard rest.utf8.count <= Self.maximumPathBytes else {
        throw Invalid(
          description:
            "the path of '\(text)' has \(rest.utf8.count) bytes, the system allows \(Self.maximumPathBytes)")
      }
      self = .ipc(path: rest)
    case "inproc":
      guard !rest.isEmpty, rest.utf8.count <= Self.maximumNameBytes else {
        throw Invalid(description: "'\(text)' needs a name of 1 to \(Self.maximumNameBytes) bytes")
      }
      self = .inproc(name: rest)
    case let scheme:
      throw Invalid(description: "'\(scheme)' is no transport, want tcp, ipc or inproc")
    }
  }

  private static func parseTCP(_ rest: String, in text: String) throws(Invalid) -> Endpoint {
    guard let colon = rest.lastIndex(of: ":") else {
      throw Invalid(description: "'\(text)' has no port, want tcp://HOST:PORT")
    }
    let host = String(rest[..<colon])
    let digits = rest[rest.index(after: colon)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(digits)
    else { throw Invalid(description: "'\(digits)' is no port, want a number from 0 to 65535") }
    let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
    guard !host.isEmpty, host.utf8.count <= maximumHostBytes, bracketed || !host.contains(":"),
      !host.contains("/")
    else { throw Invalid(description: "'\(host)' is no host, want a name, an address or *") }
    return .tcp(host: host, port: port)
  }

  package var description: String {
    switch self {
    case .tcp(let host, let port): "tcp://\(host):\(port)"
    case .ipc(let path): "ipc://\(path)"
    case .inproc(let name): "inproc://\(name)"
    }
  }

  /// Whether only this machine can reach it: ipc, inproc, or tcp on a loopback address.
  package var isLocal: Bool {
    switch self {
    case .ipc, .inproc: true
    case .tcp("localhost", _), .tcp("[::1]", _): true
    case .tcp(let host, _): Self.isLoopbackAddress(host)
    }
  }

  /// 127.0.0.0/8 in dotted decimal, whole: a name such as `127.example.com` is none.
  private static func isLoopbackAddress(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127"
      && parts.allSatisfy { part in
        part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } && UInt8(part) != nil
      }
  }
}
