import Admin
import Events
import Journal
import Logging
import Sinks
import ZeroMQ

/// HTTP beside the serving loop: what it needs of the daemon, put together.
struct AdminComposition: Sendable {
  let configuration: Configuration
  let board: Board
  let service: ServiceState
  let sinks: SinkService?
  let log: Logger

  /// Messages of the journal that are read at the start, so that alerts and decisions are told across a restart.
  private static let recoveredMessages: UInt64 = 1_024

  /// Begins to serve.
  ///
  /// - Returns: nil when it is turned off, or when nothing is configured and the port is taken.
  func start() throws(ServeFailure) -> AdminServer? {
    guard let settings = configuration.http else { return nil }
    let (file, service, sinks) = (configuration.file, service, sinks)
    board.setSurroundings { Self.surroundings(file, service, sinks) }
    let reader = try reader()
    do throws(AdminFailure) {
      return try AdminServer(
        settings, name: configuration.name.text, version: BuildVersion.current, board: board,
        history: reader.map(Self.history))
    } catch {
      guard !settings.isConfigured, case .bind = error else { throw .admin(error) }
      log.notice("\(error); going on without HTTP: http.listen in the configuration gives it another place")
      return nil
    }
  }

  private static func surroundings(
    _ file: String?, _ service: ServiceState, _ sinks: SinkService?
  ) -> Surroundings {
    let reloads = service.reloads
    var configuration = ConfigurationReport(file: file)
    configuration.revision = 1 + Int(clamping: reloads.succeeded)
    if reloads.succeeded + reloads.failed > 0 {
      configuration.lastReload = (reloads.lastSuccess, reloads.isLastSuccessful)
    }
    return Surroundings(
      configuration: configuration, logLinesDropped: LogStream.standardError.droppedLines,
      sinks: (sinks?.reports ?? []).map { sink in
        let counts = sink.counts
        return .init(
          name: sink.name,
          outcomes: [
            ("delivered", counts.delivered), ("retried", counts.retried), ("dropped", counts.dropped),
            ("refused", counts.refused),
          ], queue: counts.waiting, health: counts.health.rawValue)
      })
  }

  /// A connection of its own, so that a history keeps no client of the control socket waiting.
  private func reader() throws(ServeFailure) -> JournalReader? {
    do throws(JournalError) {
      guard let journal = configuration.journal else { return nil }
      let reader = try JournalReader(directory: journal.directory)
      try recover(from: reader)
      return reader
    } catch { throw .journal(error) }
  }

  private func recover(from reader: JournalReader) throws(JournalError) {
    let standing = try reader.fetch(FetchRequest(epoch: nil, from: .max))
    guard standing.head > 0 else { return }
    var from = max(standing.first, standing.head - min(standing.head, Self.recoveredMessages) + 1)
    while from <= standing.head {
      let found = try reader.fetch(FetchRequest(epoch: nil, from: from))
      for message in found.messages {
        let kind: Chronicle.Kind = message.topic.starts(with: "alert/".utf8) ? .alert : .decision
        board.chronicle.note(
          kind, epoch: found.epoch, number: message.number, subject: message.subject, body: message.body)
      }
      guard found.status == .more, found.next > from else { return }
      from = found.next
    }
  }

  private static func history(_ reader: JournalReader) -> HistorySource {
    { model, limit in
      func isOwn(_ version: String) -> Bool { version == model.version.text }
      let metrics = try reader.metrics(of: model.name.text, limit: limit)
      let drift = try reader.drift(of: model.name.text, limit: limit)
      return HistorySamples(
        metrics: metrics.map(\.sample).filter { isOwn($0.version) },
        drift: drift.map(\.sample).filter { isOwn($0.version) })
    }
  }
}
