package import Logging

/// The daemon's log on standard error, one line each; see ``LogStream`` and ``LogLine``.
package struct DaemonLog: LogHandler {
  private let stream: LogStream
  private var ownLevel: Logger.Level?

  package var metadata: Logger.Metadata = [:]

  package init() { self.init(.standardError) }

  init(_ stream: LogStream) { self.stream = stream }

  /// The stream's, which a reload may change, unless it is set.
  package var logLevel: Logger.Level {
    get { ownLevel ?? stream.level }
    set { ownLevel = newValue }
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    stream.write(event, metadata.merging(event.metadata ?? [:]) { _, new in new })
  }
}
