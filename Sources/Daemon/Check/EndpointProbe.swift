import Foundation
import ZeroMQ

/// Whether an endpoint could be bound now. Nothing that listens there is disturbed, no file is made or
/// removed.
struct EndpointProbe {
  /// Whether a listener at an address speaks ZMTP: it sends the signature of its greeting unasked.
  static let greetingPatienceMilliseconds: Int32 = 300

  let role: String
  let endpoint: Endpoint

  private var subject: String { "\(role) \(endpoint)" }

  func run() -> CheckFinding {
    switch endpoint {
    case .tcp(let host, let port): tcp(host, port)
    case .ipc(let path) where path.hasPrefix("@"): abstract(path)
    case .ipc(let path): ipc(path)
    case .inproc: .problem(subject, "reaches nobody outside this process; want tcp or ipc")
    }
  }

  // MARK: TCP

  private func tcp(_ host: String, _ port: UInt16) -> CheckFinding {
    if port == 0 { return .right(subject, "the system chooses a port") }
    // `*` and `[::]` as libzmq takes them, with IPv6 off.
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard host == "*" || inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
      return .problem(subject, "'\(host)' is no address of this machine; want one in numbers, or *")
    }
    let descriptor = Self.stream(AF_INET)
    guard descriptor >= 0 else { return .problem(subject, Self.systemWords(errno)) }
    defer { close(descriptor) }
    // As libzmq binds; it refuses all the same where somebody listens.
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    let bound = Self.with(&address) { bind(descriptor, $0, $1) }
    if bound == 0 { return .right(subject, "can be bound") }
    let code = errno
    guard code == EADDRINUSE else { return .problem(subject, Self.advice(code)) }
    if host == "*" { address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian }
    let probe = Self.stream(AF_INET)
    defer { close(probe) }
    let connected = Self.with(&address) { connect(probe, $0, $1) }
    return taken(by: connected == 0 ? probe : -1)
  }

  /// - Parameter descriptor: connected to whoever listens, or -1.
  private func taken(by descriptor: CInt) -> CheckFinding {
    let isPeer = descriptor >= 0 && Self.speaksZMTP(descriptor)
    return .problem(
      subject,
      isPeer
        ? "a ZeroMQ process listens there, perhaps a tidemark that runs: stop it first, or configure another"
        : "another process listens there: stop it, or configure another")
  }

  private static func speaksZMTP(_ descriptor: CInt) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    var signature = [UInt8](repeating: 0, count: 10)
    guard poll(&item, 1, greetingPatienceMilliseconds) == 1,
      recv(descriptor, &signature, signature.count, CInt(MSG_DONTWAIT)) == signature.count
    else { return false }
    return signature.first == 0xff && signature.last == 0x7f
  }

  // MARK: Unix sockets

  private func abstract(_ path: String) -> CheckFinding {
    let probe = connection(to: path)
    defer { if probe >= 0 { close(probe) } }
    return probe >= 0 ? taken(by: probe) : .right(subject, "can be bound")
  }

  private func ipc(_ path: String) -> CheckFinding {
    let folder = (path as NSString).deletingLastPathComponent
    let parent = folder.isEmpty ? "." : folder
    var status = stat()
    guard stat(parent, &status) == 0 else {
      let above = (parent as NSString).deletingLastPathComponent
      if access(above.isEmpty ? "." : above, W_OK | X_OK) == 0 {
        return .right(subject, "can be bound; the directory \(parent) is made")
      }
      return .problem(subject, "the directory \(parent) is not there: make it, for this user alone")
    }
    guard access(parent, W_OK | X_OK) == 0 else {
      return .problem(
        subject, "nothing can be made in \(parent) by user \(geteuid()): \(Self.systemWords(errno))")
    }
    guard lstat(path, &status) == 0 else { return .right(subject, "can be bound") }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      return .problem(subject, "\(path) exists and is no socket: move it away")
    }
    let probe = connection(to: path)
    defer { if probe >= 0 { close(probe) } }
    if probe >= 0 { return taken(by: probe) }
    return .right(subject, "can be bound; the socket that an ended process left there is taken over")
  }

  /// A connection to whoever listens at a path; -1 when nobody does.
  private func connection(to path: String) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    let isAbstract = bytes.first == UInt8(ascii: "@")
    if isAbstract { bytes[0] = 0 }
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return -1 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    let length = socklen_t(offset + bytes.count + (isAbstract ? 0 : 1))
    let descriptor = Self.stream(AF_UNIX)
    guard descriptor >= 0 else { return -1 }
    // A listener whose queue is full would make connect wait; it is alive all the same (EAGAIN).
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) }
    }
    if connected == 0 || errno == EAGAIN { return descriptor }
    close(descriptor)
    return -1
  }

  // MARK: The system

  private static func stream(_ family: Int32) -> CInt {
    #if canImport(Glibc)
      let kind = CInt(SOCK_STREAM.rawValue)
    #else
      let kind = SOCK_STREAM
    #endif
    return socket(family, kind, 0)
  }

  private static func with(
    _ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) -> CInt {
    withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private static func systemWords(_ code: Int32) -> String { String(cString: systemText(code)) }

  private static func advice(_ code: Int32) -> String {
    switch code {
    case EADDRNOTAVAIL: "no interface of this machine has this address: configure another"
    case EACCES: "this user may not bind it: take a port from 1024 on, or give the capability to bind it"
    default: systemWords(code)
    }
  }
}
