import Foundation

/// What can be told of a journal's directory without touching it: nothing is made, locked or opened by
/// SQLite, so a daemon that has it notices nothing.
package struct JournalProbe: Sendable, Equatable {
  package enum Format: Sendable, Equatable {
    /// No database, or an empty one.
    case none
    /// The version that its header bears.
    case version(Int)
    /// A file that is no journal.
    case foreign
    /// It cannot be read: errno.
    case unreadable(Int32)
  }

  package var format: Format
  /// The process that holds it; nil when nobody does, or one that this process may not see.
  package var holder: Int32?
  /// The latest format that this build reads.
  package static var knownVersion: Int { JournalSchema.version }

  package init(directory: String) {
    let path = JournalDirectory.databasePath(in: directory)
    format = Self.format(of: path)
    holder = Self.holder(of: path + ".lock")
  }

  /// Of the 100 bytes that a SQLite database begins with (sqlite.org/fileformat.html, 1.3): the user version
  /// stands at 60, the application at 68.
  private static func format(of path: String) -> Format {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return errno == ENOENT ? .none : .unreadable(errno) }
    defer { close(descriptor) }
    var header = [UInt8](repeating: 0, count: 100)
    let count = pread(descriptor, &header, header.count, 0)
    guard count >= 0 else { return .unreadable(errno) }
    if count == 0 { return .none }
    guard count == header.count, header.starts(with: Array("SQLite format 3".utf8) + [0]) else {
      return .foreign
    }
    let number = { (offset: Int) in header[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
    // What was begun and not finished has neither.
    if number(68) == 0 { return .none }
    return number(68) == JournalSchema.application ? .version(number(60)) : .foreign
  }

  /// Who has a lock of flock(2) on a file, by /proc/locks (proc(5)).
  private static func holder(of path: String) -> Int32? {
    var status = stat()
    guard stat(path, &status) == 0, let file = fopen("/proc/locks", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, CInt(line.count), file) != nil {
      // 1: FLOCK  ADVISORY  WRITE 4711 08:01:131074 0 EOF
      let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      let fields = String(decoding: bytes, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" })
      guard fields.count >= 6, fields[1] == "FLOCK",
        fields[5].split(separator: ":").last.flatMap({ UInt64($0) }) == UInt64(status.st_ino)
      else { continue }
      return Int32(fields[4])
    }
    return nil
  }
}
