import Foundation

/// Wakes a thread that polls: a byte in a pipe. Of any number of calls that it did not see yet it sees one.
final class WakePipe: Sendable {
  /// To poll on.
  let descriptor: Int32
  private let writing: Int32

  /// - Throws: the system's reason, when the process has no descriptor left.
  init() throws(HTTPFailure) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw .system(errno) }
    for end in ends {
      _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    (descriptor, writing) = (ends[0], ends[1])
  }

  deinit {
    close(descriptor)
    close(writing)
  }

  /// - Parameter byte: what ``drain()`` returns; when the pipe is full, it has been signalled anyhow.
  func signal(_ byte: UInt8 = 1) {
    _ = withUnsafeBytes(of: byte) { write(writing, $0.baseAddress, 1) }
  }

  @discardableResult func drain() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = read(descriptor, &bytes, bytes.count)
    return Array(bytes.prefix(max(0, count)))
  }
}

/// Waits until one of the descriptors can be read, or for so long; which of them can.
func awaitReadable(_ descriptors: [Int32], _ patience: Duration) -> [Bool] {
  var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
  let milliseconds = min(max(0, (patience / .milliseconds(1)).rounded(.up)), 3_600_000)
  // Interrupted is as good as nothing: the caller looks at its clock anyhow.
  guard poll(&entries, nfds_t(entries.count), Int32(milliseconds)) > 0 else {
    return descriptors.map { _ in false }
  }
  return entries.map { $0.revents != 0 }
}
