import Events
import Foundation

/// The directory of one journal: made, closed to others, and held by a lock while the value lives.
///
/// The lock goes with the process, however it ends; its file stays, since removing it would let two
/// holders lock two files of one name.
final class JournalDirectory: Sendable {
  static let database = "journal.sqlite"
  /// Damaged databases that may stand beside the journal. They are never removed by us; when so many are
  /// there, the next start with a damaged one is refused until somebody has looked.
  static let setAside = 3

  let path: String
  let notes: [String]
  private let lock: CInt

  var databasePath: String { Self.databasePath(in: path) }

  static func databasePath(in directory: String) -> String {
    directory.hasSuffix("/") ? directory + database : directory + "/" + database
  }

  /// - Throws: `locked` when another process has it; `io` when it is no directory or cannot be made.
  init(_ path: String) throws(JournalError) {
    self.path = path
    notes = try Self.make(path)
    let lockPath = Self.databasePath(in: path) + ".lock"
    let descriptor = Foundation.open(lockPath, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .io("cannot open \(lockPath): \(systemWords())") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let isHeld = errno == EWOULDBLOCK
      let words = systemWords()
      close(descriptor)
      throw isHeld ? .locked(path) : .io("cannot lock \(lockPath): \(words)")
    }
    lock = descriptor
  }

  deinit { close(lock) }

  /// - Returns: notes for the operator.
  private static func make(_ path: String) throws(JournalError) -> [String] {
    do {
      // Nothing happens when it is there; directories above it are made alike.
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      var status = stat()
      guard stat(path, &status) == 0 else { throw .io("cannot make the directory \(path): \(error)") }
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw .io("\(path) is a file; 'state' wants a directory of its own")
      }
      throw .io("cannot use the directory \(path): \(error)")
    }
    return tighten(path, to: 0o700)
  }

  /// Takes away what others may do with a file or directory.
  private static func tighten(_ path: String, to mode: mode_t) -> [String] {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else { return [] }
    let before = String(status.st_mode & 0o777, radix: 8)
    guard chmod(path, mode) == 0 else {
      return ["\(path) can be read by others (mode \(before)) and is not ours to change"]
    }
    return ["\(path) could be read by others (mode \(before)); it has mode \(String(mode, radix: 8)) now"]
  }

  /// Makes the file of the database, which SQLite would make for all to read; the log and its index get
  /// the mode of the database.
  func makeDatabaseFile() throws(JournalError) -> [String] {
    let descriptor = Foundation.open(databasePath, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .io("cannot open \(databasePath): \(systemWords())") }
    close(descriptor)
    return Self.tighten(databasePath, to: 0o600)
  }

  /// Renames a damaged database, with its log, to a name that tells when.
  ///
  /// - Returns: the new name.
  func setDatabaseAside(at now: Timestamp, because words: String) throws(JournalError) -> String {
    let prefix = Self.database + ".corrupt-"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    let earlier = names.filter { $0.hasPrefix(prefix) && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }
    guard earlier.count < Self.setAside else {
      throw .corrupt(
        "\(words); \(earlier.count) damaged ones stand in \(path) already: look at them, and at the disk, "
          + "and take them away")
    }
    var name = "\(prefix)\(now.nanoseconds / 1_000_000_000)"
    while names.contains(name) { name += "a" }
    let target = path + "/" + name
    for ending in ["-wal", "-shm", ""] {
      let source = databasePath + ending
      guard rename(source, target + ending) == 0 || errno == ENOENT else {
        throw .io("cannot rename \(source): \(systemWords())")
      }
    }
    return target
  }

  /// Bytes of the database and its write-ahead log.
  static func size(of databasePath: String) -> Int64 {
    ["", "-wal"].reduce(0) { sum, ending in
      var status = stat()
      return stat(databasePath + ending, &status) == 0 ? sum + Int64(status.st_size) : sum
    }
  }
}

/// The system's words for the call that has just failed.
private func systemWords() -> String { String(cString: strerror(errno)) }
