import Foundation

/// One TCP connection with a deadline on whatever is done with it.
///
/// The system's sockets and not URLSession, which needs libcurl when it runs: `healthcheck` must work in an
/// image that holds the executable and the C library alone, and what is asked of plain HTTP/1.1 to one peer
/// (one request a connection, lengths, chunks, a stream of lines) fits a few pages.
struct Connection: ~Copyable {
  /// What is read at once.
  private static let readBytes = 64 << 10

  let descriptor: Int32

  /// Connects to the first address of the host that takes it.
  ///
  /// - Throws: `unreachable` or `timedOut`.
  init(_ address: ServiceAddress, by deadline: ContinuousClock.Instant) throws(HTTPFailure) {
    // Writing to a peer that has gone is an error here, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    var hints = addrinfo()
    #if canImport(Darwin)
      hints.ai_socktype = SOCK_STREAM
    #else
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #endif
    var found: UnsafeMutablePointer<addrinfo>?
    // The one call without a deadline: a name server is asked when the host is no address and not local.
    let code = getaddrinfo(address.host, String(address.port), &hints, &found)
    guard code == 0 else {
      throw .unreachable("\(address.host): \(String(cString: gai_strerror(code)))")
    }
    defer { freeaddrinfo(found) }
    var failure = HTTPFailure.unreachable("\(address.host) has no address")
    var next = found
    while let candidate = next {
      switch Self.connected(to: candidate.pointee, by: deadline) {
      case .success(let descriptor):
        self.descriptor = descriptor
        return
      case .failure(let problem): failure = problem
      }
      next = candidate.pointee.ai_next
    }
    throw failure
  }

  deinit { close(descriptor) }

  private static func connected(
    to address: addrinfo, by deadline: ContinuousClock.Instant
  ) -> Result<Int32, HTTPFailure> {
    let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
    guard descriptor >= 0 else { return .failure(.system(errno)) }
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var problem = connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno
    if problem == EINPROGRESS {
      do throws(HTTPFailure) { try wait(descriptor, POLLOUT, by: deadline) } catch {
        close(descriptor)
        return .failure(error)
      }
      var size = socklen_t(MemoryLayout<Int32>.size)
      getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size)
    }
    guard problem == 0 else {
      close(descriptor)
      return .failure(.system(problem))
    }
    return .success(descriptor)
  }

  /// Waits until it can be read or written; nothing is waited for after the deadline.
  private static func wait(
    _ descriptor: Int32, _ event: Int32, by deadline: ContinuousClock.Instant
  ) throws(HTTPFailure) {
    while true {
      var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
      let left = (deadline - .now) / .milliseconds(1)
      guard left > 0 else { throw .timedOut }
      let count = poll(&entry, 1, Int32(min(left.rounded(.up), 3_600_000)))
      if count > 0 { return }
      if count < 0 && errno != EINTR { throw .system(errno) }
    }
  }

  /// Sends all of it.
  func write(_ bytes: [UInt8], by deadline: ContinuousClock.Instant) throws(HTTPFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0) }
      if sent > 0 {
        rest = rest.dropFirst(sent)
      } else if errno == EAGAIN {
        try Self.wait(descriptor, POLLOUT, by: deadline)
      } else if errno != EINTR {
        throw .system(errno)
      }
    }
  }

  /// What has come, at least a byte; empty at the end of the stream.
  func read(by deadline: ContinuousClock.Instant) throws(HTTPFailure) -> [UInt8] {
    while true {
      var problem: Int32 = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: Self.readBytes) { buffer, count in
        let received = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if received < 0 { problem = errno }
        count = max(0, received)
      }
      switch problem {
      case 0: return bytes
      case EINTR: continue
      case EAGAIN: try Self.wait(descriptor, POLLIN, by: deadline)
      default: throw .system(problem)
      }
    }
  }
}

/// Why a request got no answer.
package enum HTTPFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// Nothing could be connected to.
  case unreachable(String)
  /// Nothing listens at that port.
  case refused
  case timedOut
  /// What came is no HTTP.
  case malformed(String)
  /// More than the bound came.
  case tooLarge(Int)

  static func system(_ code: Int32) -> HTTPFailure {
    code == ECONNREFUSED ? .refused : .unreachable(String(cString: strerror(code)))
  }

  package var description: String {
    switch self {
    case .unreachable(let why): "cannot connect: \(why)"
    case .refused: "connection refused: nothing listens there"
    case .timedOut: "no answer in time"
    case .malformed(let what): "no HTTP: \(what)"
    case .tooLarge(let bytes): "the answer is larger than \(bytes) bytes"
    }
  }
}
