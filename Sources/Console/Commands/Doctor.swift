/// `tidemark doctor`: what is wrong with a running daemon, and what to do.
package struct Doctor: Sendable {
  private let client: DaemonClient
  private let ownVersion: String
  private let directory: String?

  /// - Parameters:
  ///   - ownVersion: of this executable.
  ///   - directory: where the journal is written, when it is on this machine.
  package init(_ http: HTTPClient, ownVersion: String, directory: String?) {
    client = DaemonClient(http)
    (self.ownVersion, self.directory) = (ownVersion, directory)
  }

  package func run() -> Diagnosis {
    Diagnosis(Examination.make(client, ownVersion: ownVersion, directory: directory))
  }
}
