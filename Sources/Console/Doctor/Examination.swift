import Events
import Foundation

/// All that was asked of a daemon, for ``Diagnosis``.
package struct Examination: Sendable {
  package var address: ServiceAddress
  /// Of this executable.
  package var ownVersion: String
  package var reach: Reach
  package var live: HTTPClient.Response?
  package var ready: HTTPClient.Response?
  package var status: StatusAnswer?
  /// Why there is no status.
  package var refusal: ClientFailure?
  package var metrics: MetricsText?
  package var sources: [SourceAnswer] = []
  package var alerts: [AlertAnswer] = []
  package var stale: [ModelSummary] = []
  package var decisions: [DecisionAnswer] = []
  /// Details of the first decisions that nobody has claimed.
  package var unclaimed: [DecisionDetail] = []
  /// How far the daemon's clock is ahead of this machine's; half the round trip is allowed for.
  package var clockAhead: Duration?
  /// Bytes of this machine's memory, when the daemon is on it.
  package var memory: Double?
  /// Bytes free and in all, where the journal is written.
  package var disk: (free: Double, total: Double)?

  package enum Reach: Equatable, Sendable {
    case answered
    /// - otherPort: a port of a daemon's that does take connections, when HTTP does not.
    case failed(HTTPFailure, otherPort: UInt16?)
  }

  package init(address: ServiceAddress, ownVersion: String, reach: Reach) {
    (self.address, self.ownVersion, self.reach) = (address, ownVersion, reach)
  }
}

extension Examination {
  /// Decisions whose life is looked at; more are only counted.
  private static let maximumUnclaimed = 3
  /// For each answer.
  private static let patience = Duration.seconds(3)

  /// Asks everything; what cannot be had is left out.
  ///
  /// - Parameter directory: where the journal is written, when that is known; its disk is looked at.
  package static func make(_ client: DaemonClient, ownVersion: String, directory: String?) -> Examination {
    let address = client.http.address
    var examination = Examination(address: address, ownVersion: ownVersion, reach: .answered)
    do throws(HTTPFailure) {
      examination.live = try client.http.request(Path.live, within: patience)
      examination.ready = try client.http.request(Path.ready, within: patience)
    } catch {
      examination.reach = .failed(error, otherPort: openPort(address))
      return examination
    }
    examination.askState(client)
    examination.askDetails(client)
    if address.isLoopback { examination.memory = Double(ProcessInfo.processInfo.physicalMemory) }
    if let directory { examination.disk = disk(directory) }
    return examination
  }

  private mutating func askState(_ client: DaemonClient) {
    let asked = SystemTime.now
    do throws(ClientFailure) {
      let status = try client.get(Path.status, as: StatusAnswer.self, within: Self.patience)
      let trip = asked.duration(to: SystemTime.now)
      clockAhead = asked.advanced(by: trip / 2).duration(to: status.now)
      self.status = status
    } catch { refusal = error }
  }

  private mutating func askDetails(_ client: DaemonClient) {
    guard status != nil else { return }
    metrics = Self.optional { () throws(ClientFailure) in
      MetricsText(String(decoding: try client.fetch(Path.metrics, within: Self.patience), as: UTF8.self))
    }
    sources = Self.allSources(client)
    alerts =
      Self.optional { () throws(ClientFailure) in try client.get(Path.alerts, as: AlertList.self).alerts }
      ?? []
    stale =
      Self.optional { () throws(ClientFailure) in
        try client.get(Path.staleModels, as: ModelListAnswer.self).models
      } ?? []
    decisions =
      Self.optional { () throws(ClientFailure) in
        try client.get(Path.decisions, as: DecisionList.self).decisions
      } ?? []
    for decision in decisions.filter({ $0.state == "issued" && !$0.final }).prefix(Self.maximumUnclaimed) {
      let detail = Self.optional { () throws(ClientFailure) in
        try client.get(Path.decision(decision.id), as: DecisionDetail.self)
      }
      if let detail { unclaimed.append(detail) }
    }
  }

  private static func allSources(_ client: DaemonClient) -> [SourceAnswer] {
    var sources: [SourceAnswer] = []
    while let list = optional({ () throws(ClientFailure) in
      try client.get(Path.sources(from: sources.count), as: SourceList.self)
    }), !list.sources.isEmpty {
      sources += list.sources
      if sources.count >= list.total || list.sources.count < Path.page { break }
    }
    return sources
  }

  /// Nil where the daemon does not tell it: what is missing is a finding less, not a failure of the doctor.
  private static func optional<Answer>(_ ask: () throws(ClientFailure) -> Answer) -> Answer? {
    do throws(ClientFailure) { return try ask() } catch { return nil }
  }

  /// Where a daemon publishes by default, if something listens there.
  private static func openPort(_ address: ServiceAddress) -> UInt16? {
    for port: UInt16 in [7411, 7410] {
      guard let other = address.with(port: port) else { continue }
      do throws(HTTPFailure) {
        _ = try Connection(other, by: .now + .milliseconds(500))
        return port
      } catch { continue }
    }
    return nil
  }

  private static func disk(_ directory: String) -> (free: Double, total: Double)? {
    var figures = statvfs()
    guard statvfs(directory, &figures) == 0 else { return nil }
    let block = Double(figures.f_frsize)
    return (Double(figures.f_bavail) * block, Double(figures.f_blocks) * block)
  }
}
