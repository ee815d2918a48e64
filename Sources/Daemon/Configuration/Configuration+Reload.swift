extension Configuration {
  /// Where a configuration was read.
  package struct Origin: Sendable, Equatable {
    package var file: String
    package var text: String
    /// As in ``load(_:allowsPlaintext:)``.
    package var allowsPlaintext: Bool
  }

  /// What a process runs with after a reload: `other`, but for what only a restart can change.
  ///
  /// - Returns: the configuration, and the keys in which `other` differs without effect.
  func reloaded(with other: Configuration) -> (Configuration, needRestart: [String]) {
    var taken = other
    var keys: [String] = []
    func keep<Value: Equatable>(_ path: WritableKeyPath<Configuration, Value>, _ key: String) {
      if self[keyPath: path] != other[keyPath: path] { keys.append(key) }
      taken[keyPath: path] = self[keyPath: path]
    }
    keep(\.name, "name")
    if journal?.directory != other.journal?.directory { keys.append("state") }
    keep(\.journal, "journal")
    keep(\.checkpoints, "journal.checkpoint_interval or checkpoint_events")
    keep(\.sockets.ingest, "sockets.ingest")
    keep(\.sockets.features, "sockets.features")
    keep(\.sockets.output, "sockets.output")
    keep(\.sockets.control, "sockets.control")
    keep(\.sockets.isControlConfigured, "sockets.control")
    keep(\.sockets.reliable, "sockets.reliable")
    keep(\.sinks, "sinks")
    keep(\.sockets.ipcSharing, "sockets.ipc_group")
    // Who is let in follows the file; with which keys, and where that stands, does not.
    if security?.identity != other.security?.identity { keys.append("security") }
    taken.security = security
    if let clients = other.security?.clients { taken.security?.clients = clients }
    keep(\.wire.frameBytes, "limits.frame_bytes")
    keep(\.wire.messageBytes, "limits.message_bytes")
    // A directory is in the journal's settings too, and both would be told.
    if keys.contains("state") { keys.removeAll { $0 == "journal" } }
    return (taken, keys.reduce(into: []) { if !$0.contains($1) { $0.append($1) } })
  }
}
