import Foundation

/// How many connections this process may have open.
enum DescriptorLimit {
  /// As many as anybody needs: limits.sources can be a million, and the kernel's own bound is seldom more.
  static let most: rlim_t = 1_048_576

  /// Raises the soft limit, which shells set to 1,024 for the sake of select(2), to the hard one. libzmq
  /// polls by epoll(7), and nothing here uses select. What the system refuses stays as it was.
  static func raise() {
    var limit = rlimit()
    #if canImport(Glibc)
      let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let kind = RLIMIT_NOFILE
    #endif
    guard getrlimit(kind, &limit) == 0 else { return }
    limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, most))
    _ = setrlimit(kind, &limit)
  }
}
