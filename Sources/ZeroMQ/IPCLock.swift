import CZeroMQ
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The exclusive right to bind one ipc path, held through a lock file `PATH.lock` beside it.
///
/// The lock goes with the process, however it ends; the file itself stays, since removing it would
/// let two holders lock two files of one name.
final class IPCLock: Sendable {
  private let descriptor: CInt

  /// - Throws: EADDRINUSE when another process holds the lock or listens on the path, EEXIST when
  ///   something other than a socket is there.
  init(path: String, _ sharing: IPCSharing) throws(ZeroMQError) {
    let operation = "bind ipc://\(path)"
    // The abstract namespace has no file, cannot be stolen, and is freed by the kernel.
    guard !path.hasPrefix("@") else {
      descriptor = -1
      return
    }
    try sharing.makeDirectory(of: path)
    let descriptor = open(path + ".lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ZeroMQError(code: errno, operation: operation, detail: nil)
    }
    do throws(ZeroMQError) {
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        throw ZeroMQError(
          code: EADDRINUSE, operation: operation, detail: "another process holds \(path).lock")
      }
      try Self.requireFree(path, operation: operation)
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Nothing there, or a socket that nobody listens on any more.
  private static func requireFree(_ path: String, operation: String) throws(ZeroMQError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw ZeroMQError(code: EEXIST, operation: operation, detail: "\(path) exists and is no socket")
    }
    #if canImport(Glibc)
      let stream = CInt(SOCK_STREAM.rawValue)
    #else
      let stream = SOCK_STREAM
    #endif
    let probe = socket(AF_UNIX, stream, 0)
    guard probe >= 0 else { throw ZeroMQError(code: errno, operation: operation) }
    defer { close(probe) }
    // A listener whose queue is full would make connect wait; it is alive all the same (EAGAIN).
    _ = fcntl(probe, F_SETFL, O_NONBLOCK)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard connected != 0 && errno != EAGAIN else {
      throw ZeroMQError(
        code: EADDRINUSE, operation: operation, detail: "another process listens on \(path)")
    }
  }

  /// The umask belongs to the whole process, so binds take turns.
  private static let umaskTurn = Mutex(())

  static func withUmask<Result>(_ mask: mode_t, _ body: () -> Result) -> Result {
    umaskTurn.withLock { _ in
      let before = umask(mask)
      defer { umask(before) }
      return body()
    }
  }
}
