import CZeroMQ

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A pipe that any thread or signal handler can write to, so that a polling thread wakes.
package final class Wakeup: Sendable {
  let readEnd: CInt
  private let writeEnd: CInt

  package init() throws(ZeroMQError) {
    var ends: [CInt] = [0, 0]
    guard pipe(&ends) == 0 else { throw ZeroMQError(code: errno, operation: "pipe") }
    (readEnd, writeEnd) = (ends[0], ends[1])
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  /// Wakes the poller. A full pipe means that it will wake anyway.
  package func signal() {
    var byte: UInt8 = 1
    _ = write(writeEnd, &byte, 1)
  }

  /// Takes back every signal given so far, so that the next wait can sleep.
  package func drain() {
    var sink: (UInt64, UInt64) = (0, 0)
    while read(readEnd, &sink, MemoryLayout.size(ofValue: sink)) > 0 {}
  }
}
