import Foundation
import Journal
import ZeroMQ

/// `tidemark check --online`: whether a daemon with this configuration could start here and now.
///
/// It binds TCP addresses for a moment and only looks at everything else, so that one that runs already
/// notices nothing. What it finds may be another a moment later.
package struct OnlineCheck {
  /// Beside the models' records, which a checkpoint can write whole: the log of the journal, twice, and room
  /// to see an alarm in time.
  static let leastFreeBytes: UInt64 = 64 << 20
  /// What a checkpoint of a model takes at most without feature columns; twice, for the log and the database.
  static let freeBytesPerModel: UInt64 = 2 * 4_096
  /// Descriptors beside the peers': sockets, wake-ups, the journal, libzmq's own.
  static let descriptorsOfOurOwn: UInt64 = 64
  /// A clock outside of this is not set: 2025-01-01 to 2100-01-01, unix seconds.
  static let plausibleSeconds = 1_735_689_600..<4_102_444_800

  private let configuration: Configuration
  private let more: [@Sendable (Configuration) -> [CheckFinding]]

  /// - Parameter more: looks at what other parts of the daemon need, such as their keys and ports.
  package init(
    _ configuration: Configuration, more: [@Sendable (Configuration) -> [CheckFinding]] = []
  ) {
    (self.configuration, self.more) = (configuration, more)
  }

  package func run() -> [CheckFinding] {
    endpoints + state + more.flatMap { $0(configuration) } + [clock, descriptors]
  }

  /// `unavailable` when there is a problem.
  package static func status(of findings: [CheckFinding]) -> ExitStatus {
    findings.contains(where: \.isProblem) ? .unavailable : .success
  }

  private var endpoints: [CheckFinding] {
    let sockets = configuration.sockets
    var wanted = [("ingest", sockets.ingest), ("features", sockets.features), ("output", sockets.output)]
    if configuration.bindsControl { wanted.append(("control", sockets.control)) }
    if configuration.journal != nil { wanted.append(("reliable", sockets.reliable)) }
    return wanted.flatMap { role, endpoints in
      endpoints.map { EndpointProbe(role: role, endpoint: $0).run() }
    }
  }

  // MARK: The state directory

  private var state: [CheckFinding] {
    guard let path = configuration.journal?.directory else {
      return [.right("state", "none: a restart forgets everything")]
    }
    let subject = "state \(path)"
    var status = stat()
    guard stat(path, &status) == 0 else { return [toBeMade(path, subject)] }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      return [.problem(subject, "is no directory: move it away, or configure another")]
    }
    return [owner(status, path, subject), room(path, subject), journal(path, subject)]
  }

  private func toBeMade(_ path: String, _ subject: String) -> CheckFinding {
    var parent = path
    var status = stat()
    repeat {
      let above = (parent as NSString).deletingLastPathComponent
      parent = above.isEmpty ? "." : above
    } while stat(parent, &status) != 0 && parent != "/" && parent != "."
    guard access(parent, W_OK | X_OK) == 0 else {
      return .problem(
        subject,
        "is not there, and user \(geteuid()) may make nothing in \(parent): make it, owned by that user")
    }
    return .right(subject, "is not there; it is made in \(parent) with mode 700")
  }

  private func owner(_ status: stat, _ path: String, _ subject: String) -> CheckFinding {
    let mode = String(status.st_mode & 0o777, radix: 8)
    guard status.st_uid == geteuid() else {
      return .problem(
        subject,
        "belongs to user \(status.st_uid), and this is user \(geteuid()): chown it, or run as its owner")
    }
    guard access(path, R_OK | W_OK | X_OK) == 0 else {
      return .problem(subject, "has mode \(mode), and its owner cannot write: chmod 700")
    }
    guard status.st_mode & 0o077 == 0 else {
      return .right(subject, "has mode \(mode), others can read it: the daemon makes it 700 when it starts")
    }
    return .right(subject, "belongs to this user, mode \(mode)")
  }

  private func room(_ path: String, _ subject: String) -> CheckFinding {
    var disk = statvfs()
    guard statvfs(path, &disk) == 0 else {
      return .problem(subject, "its disk cannot be asked: \(String(cString: systemText(errno)))")
    }
    let free = UInt64(disk.f_bavail) * UInt64(disk.f_frsize)
    let wanted = Self.leastFreeBytes + UInt64(configuration.engine.limits.models) * Self.freeBytesPerModel
    let words = "\(free >> 20) MiB are free"
    guard free >= wanted else {
      return .problem(
        subject, "\(words), want \(wanted >> 20) MiB for the checkpoints: free some, or lower limits.models")
    }
    return .right(subject, words)
  }

  private func journal(_ path: String, _ subject: String) -> CheckFinding {
    let probe = JournalProbe(directory: path)
    if let holder = probe.holder {
      return .problem(
        subject, "process \(holder) has it, a tidemark that runs: stop it first, or configure another")
    }
    switch probe.format {
    case .none: return .right(subject, "no journal yet: one is begun")
    case .version(let version) where version <= JournalProbe.knownVersion:
      return .right(subject, "a journal of format \(version), which this build reads; nobody has it")
    case .version(let version):
      return .problem(
        subject,
        "a journal of format \(version), this build knows \(JournalProbe.knownVersion): take the newer build again, or another directory"
      )
    case .foreign:
      return .problem(subject, "journal.sqlite is no journal: move it away, or configure another")
    case .unreadable(let code):
      return .problem(subject, "journal.sqlite cannot be read: \(String(cString: systemText(code)))")
    }
  }

  // MARK: The machine

  private var clock: CheckFinding {
    let seconds = Int(time(nil))
    guard Self.plausibleSeconds.contains(seconds) else {
      return .problem(
        "clock", "it says \(seconds) s since 1970, which cannot be: set it, or start time synchronisation")
    }
    return .right("clock", "\(seconds) s since 1970")
  }

  private var descriptors: CheckFinding {
    var limit = rlimit()
    #if canImport(Glibc)
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    #else
      getrlimit(RLIMIT_NOFILE, &limit)
    #endif
    // Each source has a connection of its own at worst, and the daemon raises the soft limit to the hard one.
    let wanted = UInt64(configuration.engine.limits.sources) + Self.descriptorsOfOurOwn
    let words = "RLIMIT_NOFILE is \(limit.rlim_cur), at most \(limit.rlim_max)"
    guard UInt64(limit.rlim_max) >= wanted else {
      return .problem(
        "descriptors",
        "\(words), want \(wanted) for limits.sources: raise it (LimitNOFILE of a unit), or lower that")
    }
    return .right("descriptors", words)
  }
}
