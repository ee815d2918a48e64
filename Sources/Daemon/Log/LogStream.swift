import Events
import Foundation
import Logging
import Synchronization
import Wire

/// Where the log goes: standard error, with the settings that hold now.
///
/// It never blocks, since the thread that serves writes it: when nobody reads the pipe that standard error
/// is, lines are dropped, counted, and the next line that fits says how many.
package final class LogStream: Sendable {
  package static let standardError = LogStream(descriptor: STDERR_FILENO)

  private struct State: Sendable {
    var settings = LogSettings()
    var rate = LogRate()
    /// Dropped since the last line that was written.
    var dropped: UInt64 = 0
    var droppedInAll: UInt64 = 0
  }

  private let descriptor: CInt
  /// Whether journald reads it, which takes a priority before each line.
  private let isJournal: Bool
  private let state = Mutex(State())
  private let lowest: Atomic<Int>

  init(descriptor: CInt, environment: [String: String] = ProcessInfo.processInfo.environment) {
    self.descriptor = descriptor
    isJournal = Self.isJournal(descriptor, environment["JOURNAL_STREAM"])
    lowest = Atomic(Self.place(of: LogSettings().level.logger))
  }

  /// Whether this descriptor is the stream that systemd.exec(5) names by device and inode.
  private static func isJournal(_ descriptor: CInt, _ name: String?) -> Bool {
    var status = stat()
    guard let name, fstat(descriptor, &status) == 0 else { return false }
    return name == "\(status.st_dev):\(status.st_ino)"
  }

  // MARK: Settings

  package var settings: LogSettings {
    get { state.withLock { $0.settings } }
    set {
      state.withLock { $0.settings = newValue }
      lowest.store(Self.place(of: newValue.level.logger), ordering: .relaxed)
    }
  }

  /// Lines below it are not even made.
  var level: Logger.Level { Logger.Level.allCases[lowest.load(ordering: .relaxed)] }

  private static func place(of level: Logger.Level) -> Int {
    Logger.Level.allCases.firstIndex(of: level) ?? 0
  }

  /// Lines that found no room or came too often, since the process began.
  package var droppedLines: UInt64 { state.withLock { $0.droppedInAll } }

  // MARK: Writing

  func write(_ event: LogEvent, _ metadata: Logger.Metadata) {
    let reason = metadata["reason"].map { "\($0)" } ?? ""
    state.withLock { state in
      let kind = LogRate.Kind(file: event.file, line: event.line, reason: reason)
      guard let heldBack = state.rate.admit(kind, at: Self.monotonicSeconds) else {
        state.droppedInAll = state.droppedInAll.addingSaturating(1)
        return
      }
      var metadata = metadata
      if heldBack > 0 { metadata["held_back"] = .stringConvertible(heldBack) }
      if state.dropped > 0 { metadata["lines_dropped"] = .stringConvertible(state.dropped) }
      let line = LogLine(
        time: Self.now, level: event.level, message: "\(event.message)",
        entries: metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
      if write(line.bytes(state.settings.format, hasPriority: isJournal)) {
        state.dropped = 0
      } else {
        state.dropped = state.dropped.addingSaturating(1)
        state.droppedInAll = state.droppedInAll.addingSaturating(1)
      }
    }
  }

  /// To the millisecond.
  private static var now: String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let milliseconds = Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    return RFC3339.string(.init(nanoseconds: milliseconds * 1_000_000))
  }

  private static var monotonicSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Whether the line was written. A pipe that poll(2) calls writable has room for PIPE_BUF bytes.
  private func write(_ line: [UInt8]) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&item, 1, 0) == 1, item.revents & Int16(POLLOUT) != 0 else { return false }
    return Foundation.write(descriptor, line, line.count) == line.count
  }
}
