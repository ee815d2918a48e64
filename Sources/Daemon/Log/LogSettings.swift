import Logging

/// How the log is written.
package struct LogSettings: Sendable, Equatable {
  package enum Format: String, CaseIterable, Sendable {
    /// `TIME LEVEL MESSAGE key=value …`
    case text
    /// One object a line.
    case json
  }

  package enum Level: String, CaseIterable, Sendable {
    case debug
    case info
    case notice
    case warning
    case error

    var logger: Logger.Level {
      switch self {
      case .debug: .debug
      case .info: .info
      case .notice: .notice
      case .warning: .warning
      case .error: .error
      }
    }
  }

  package var format = Format.text
  /// Lines below it are not written.
  package var level = Level.info

  package init() {}
}
