import Events
import Foundation
package import Logging
import Synchronization
import Wire

/// The daemon's log on standard error: `TIME LEVEL MESSAGE key=value …`, one line each.
///
/// It never blocks, since the thread that serves writes it: when nobody reads the pipe that standard
/// error is, lines are dropped, and the next line that fits says how many. A line of at most
/// ``maximumLineBytes`` is written whole or not at all (PIPE_BUF, pipe(7)).
package struct DaemonLog: LogHandler {
  private static let maximumLineBytes = 4_096
  private static let dropped = Mutex(UInt64(0))

  package var logLevel = Logger.Level.info
  package var metadata: Logger.Metadata = [:]

  package init() {}

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var entries = metadata.merging(event.metadata ?? [:]) { _, new in new }
    Self.dropped.withLock { dropped in
      if dropped > 0 { entries["lines_dropped"] = .stringConvertible(dropped) }
      dropped = Self.write(Self.line(event, entries)) ? 0 : dropped.addingSaturating(1)
    }
  }

  private static func line(_ event: LogEvent, _ metadata: Logger.Metadata) -> [UInt8] {
    var line = Array("\(now) \(event.level) \(event.message)".utf8)
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)".utf8 }
    line = line.prefix(maximumLineBytes - 1).map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }
    line.append(UInt8(ascii: "\n"))
    return line
  }

  /// To the millisecond.
  private static var now: String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let milliseconds = Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    return RFC3339.string(.init(nanoseconds: milliseconds * 1_000_000))
  }

  /// Whether the line was written. A pipe that poll(2) calls writable has room for PIPE_BUF bytes.
  private static func write(_ line: [UInt8]) -> Bool {
    var item = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    guard poll(&item, 1, 0) == 1, item.revents & Int16(POLLOUT) != 0 else { return false }
    return Foundation.write(STDERR_FILENO, line, line.count) == line.count
  }
}
