import CZeroMQ

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Who may connect to the ipc sockets of this process: its own account, or a group as well.
///
/// A Unix-domain socket is connected to by whoever may write its file and pass its directory. A directory that is
/// there already is left as it is.
package enum IPCSharing: Equatable, Sendable {
  /// Socket 0600; a directory that is made, 0700.
  case ownerOnly
  /// Socket 0660 of that group; a directory that is made, 2770 of that group, so that what others make there is the
  /// group's too.
  case group(UInt32)

  var umask: mode_t { self == .ownerOnly ? 0o177 : 0o117 }

  private var directoryMode: mode_t { self == .ownerOnly ? 0o700 : 0o2770 }

  /// Makes the last directory of the path when it is missing; nothing for the abstract namespace.
  func makeDirectory(of path: String) throws(ZeroMQError) {
    guard !path.hasPrefix("@"), let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return }
    let directory = String(path[..<slash])
    guard mkdir(directory, 0o700) == 0 else {
      if errno == EEXIST { return }
      throw ZeroMQError(code: errno, operation: "make the directory of ipc://\(path)")
    }
    try giveToGroup(directory)
    guard chmod(directory, directoryMode) == 0 else {
      throw ZeroMQError(code: errno, operation: "set the mode of \(directory)")
    }
  }

  /// Gives a file that we made to the group, when there is one.
  func giveToGroup(_ path: String) throws(ZeroMQError) {
    guard case .group(let group) = self, !path.hasPrefix("@") else { return }
    guard chown(path, uid_t.max, group) == 0 else {
      throw ZeroMQError(code: errno, operation: "give \(path) to group \(group)")
    }
  }
}
