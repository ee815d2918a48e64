/// Where a journal is, how sure a commit is, and how long things are kept.
package struct JournalSettings: Sendable, Equatable {
  /// What a commit outlives.
  package enum Durability: String, Sendable, CaseIterable {
    /// The power cut: SQLite's `synchronous=FULL`, one sync of the write-ahead log a commit.
    case full
    /// The process, not always the machine: `synchronous=NORMAL` syncs at checkpoints, so a power cut may
    /// take the last commits, never the order or the whole.
    case normal
  }

  /// The directory of the journal alone; made with mode 0700 when it is not there.
  package var directory: String
  package var durability = Durability.full
  /// Messages kept for readers that come back; with bodies of about 600 bytes a million is 0.8 GB.
  package var outboxMessages = 1_000_000
  package var outboxAge = Duration.seconds(30 * 86_400)
  /// Ages after which samples become minutes, minutes hours, and hours nothing. Whole hours are taken, so
  /// each holds up to an hour longer. One that is shorter than the one before it counts as equal.
  package var rawHistory = Duration.seconds(86_400)
  package var minuteHistory = Duration.seconds(2 * 86_400)
  package var hourHistory = Duration.seconds(90 * 86_400)
  /// Samples kept as they came, of metrics and of drift each; above it the oldest become minutes (drift:
  /// hours) early. Two million of about 40 bytes are 80 MB.
  package var historyRows = 2_000_000
  /// A limit on the pages of 4 KiB in the database, to make a disk full on purpose. Nil: the disk's own.
  package var maximumPages: Int?

  package init(directory: String) { self.directory = directory }
}

/// Why a journal did not do what it was asked. Whatever was asked, nothing of it was kept.
package enum JournalError: Error, Equatable, CustomStringConvertible {
  /// The disk, the quota or `maximumPages`.
  case full
  /// Another process held the database for longer than the busy timeout.
  case busy
  /// SQLite's words for pages that are not what they should be.
  case corrupt(String)
  /// Made by a later version of this program; it was left as it is.
  case newer(found: Int, known: Int)
  /// Another process has the directory.
  case locked(String)
  /// There is no journal at this path.
  case absent(String)
  /// What the system, SQLite or a check refused, in words.
  case io(String)

  /// Whether the same call may succeed later without anybody touching the files.
  package var isTransient: Bool {
    switch self {
    case .full, .busy, .io: true
    case .corrupt, .newer, .locked, .absent: false
    }
  }

  package var description: String {
    switch self {
    case .full: "the disk of the journal is full; free some space, nothing that was kept is lost"
    case .busy: "another process holds the journal's database"
    case .corrupt(let words): "the journal is damaged: \(words)"
    case .newer(let found, let known):
      "the journal was written by a newer tidemark (format \(found), this one knows \(known)); "
        + "nothing was changed"
    case .locked(let path): "another tidemark has the journal in \(path)"
    case .absent(let path): "there is no journal in \(path)"
    case .io(let words): "the journal: \(words)"
    }
  }
}
