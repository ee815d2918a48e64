import Foundation
import Logging

/// How many files, connections among them, the process may have open.
enum FileLimit {
  /// What the daemon needs without any peer: the journal, pipes, libzmq's own, and room for as much again.
  static let least: UInt64 = 256

  /// Raises the limit as far as the system allows, and says how far that is: each connection takes one. When none is
  /// left, new connections wait in the kernel until others end; who is connected is served.
  static func raise(_ log: Logger) {
    var limit = rlimit()
    guard getrlimit(Self.files, &limit) == 0 else { return }
    let before = limit.rlim_cur
    limit.rlim_cur = limit.rlim_max
    if before < limit.rlim_max, setrlimit(Self.files, &limit) != 0 { limit.rlim_cur = before }
    let entry: Logger.Metadata = ["files": .stringConvertible(limit.rlim_cur)]
    if limit.rlim_cur < Self.least {
      log.warning("open files are limited to few, which connections may use up", metadata: entry)
    } else {
      log.notice("open files", metadata: entry)
    }
  }

  #if canImport(Glibc)
    private static let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  #else
    private static let files = RLIMIT_NOFILE
  #endif
}
