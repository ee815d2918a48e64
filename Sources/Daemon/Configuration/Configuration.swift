package import Admin
package import Engine
package import Events
package import Journal
package import Sinks
package import Wire
package import ZeroMQ

/// What the daemon is told, from a file, or all defaults.
package struct Configuration: Sendable {
  package struct Sockets: Sendable {
    package var ingest: [Endpoint] = [.tcp(host: "127.0.0.1", port: 7410)]
    /// Where large feature batches may come instead; none unless configured.
    package var features: [Endpoint] = []
    package var output: [Endpoint] = [.tcp(host: "127.0.0.1", port: 7411)]
    /// Requests; bound when it is configured, or when there is a journal.
    package var control: [Endpoint] = [.tcp(host: "127.0.0.1", port: 7412)]
    package var isControlConfigured = false
    /// The lossless lane; bound when there is a journal.
    package var reliable: [Endpoint] = [.tcp(host: "127.0.0.1", port: 7413)]
    /// Of HTTP, as bound; nil when there is none.
    package var http: String?
    /// Who may open those that are ipc.
    package var ipcSharing = IPCSharing.ownerOnly
  }

  /// The last part of every output topic and the `source` of every output.
  package var name: SourceName
  /// Where the journal is; nil: nothing is kept.
  package var journal: JournalSettings?
  package var checkpoints = CheckpointPolicy()
  package var sockets = Sockets()
  /// Nil: turned off.
  package var http: AdminSettings? = AdminSettings()
  /// Where it was read; nil for the defaults.
  package var file: String?
  /// Nil: nothing is encrypted, and nobody is asked who he is.
  package var security: SecuritySettings?
  package var engine = EngineSettings(digest: Identity.digest)
  package var wire = WireLimits()
  /// How the log is written.
  package var log = LogSettings()
  /// Where this was read, to read it again; nil without a file.
  package var origin: Origin?
  package var sinks = SinkSettings()
  /// Entries under `models`.
  package var configuredModels = 0

  package init(name: SourceName) { self.name = name }

  /// Whether the control socket is bound.
  package var bindsControl: Bool { journal != nil || sockets.isControlConfigured }

  /// Topic bytes left for the daemon's name; see ``ModelName/maximumEncodedBytes``.
  package static let maximumNameBytes = 62
}

/// Everything that is wrong with a configuration, each with file, line and key.
package struct ConfigurationProblems: Error, CustomStringConvertible {
  package struct Problem: Equatable, Sendable {
    /// From 1; nil for the file as a whole.
    package var line: Int?
    /// Dotted, such as `models[0].drift.threshold`.
    package var key: String
    /// What is wrong, and what is allowed.
    package var message: String
  }

  package var file: String
  package var problems: [Problem]

  /// One line a problem: `FILE:LINE: KEY: what is wrong, what is allowed`, by line.
  package var description: String {
    problems.sorted { ($0.line ?? 0) < ($1.line ?? 0) }.map { problem in
      let place = problem.line.map { "\(file):\($0)" } ?? file
      return problem.key.isEmpty
        ? "\(place): \(problem.message)" : "\(place): \(problem.key): \(problem.message)"
    }.joined(separator: "\n")
  }
}

extension Configuration {
  private var httpSummary: String {
    guard let http else { return "off" }
    let host = http.host.contains(":") ? "[\(http.host)]" : http.host
    return "\(host):\(http.port)" + (http.tokenFile == nil ? "" : ", with a token")
  }

  /// What a right configuration comes to, for `check`.
  ///
  /// - Parameter file: nil when there is none.
  package func summary(of file: String?) -> String {
    let list = { (endpoints: [Endpoint]) in endpoints.map(\.description).joined(separator: ", ") }
    return """
      \(file ?? "defaults"): right
        name     \(name)
        ingest   \(list(sockets.ingest))
        features \(sockets.features.isEmpty ? "over ingest" : list(sockets.features))
        output   \(list(sockets.output))
        control  \(bindsControl ? list(sockets.control) : "none")
        reliable \(journal == nil ? "none" : list(sockets.reliable))
        http     \(httpSummary)
        journal  \(journal.map { "\($0.directory) (\($0.durability.rawValue))" } ?? "none: a restart forgets everything")
        security \(security?.summary ?? "none: plaintext, and whoever connects may do everything")
        log      \(log.format.rawValue), \(log.level.rawValue)
        revision \(engine.revision)
        models   \(configuredModels) configured, others \(engine.unknownModels == .register ? "registered as they appear" : "rejected")
      \(sinks.summary)
      """
  }
}
