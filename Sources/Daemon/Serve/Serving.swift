import Admin
import Engine
import Events
import Journal
import Logging
import Sinks
import Synchronization
import Wire
import ZeroMQ

/// The threads of one daemon, put together and taken apart in order: journal, control socket, serving loop.
struct Serving: Sendable {
  let configuration: Configuration
  let log: Logger
  let stop: StopSignal
  /// Says who is let in; nil without `security`.
  let door: Doorkeeper?
  /// Where it is told to read its configuration again; nil where nobody can tell it.
  var hangups: Hangups?
  /// What follows the configuration besides the engine.
  var followers: [Reloading.Follower] = []
  var notice: ServiceNotice?

  /// - Throws: when there is no pipe to be had.
  init(
    configuration: Configuration, log: Logger, stop: StopSignal, hangups: Hangups? = nil,
    notice: ServiceNotice? = nil
  ) throws(ServeFailure) {
    (self.configuration, self.log, self.stop) = (configuration, log, stop)
    (self.hangups, self.notice) = (hangups, notice)
    door = try Doorkeeper.make(configuration)
    if let door { followers = [door.follow] }
  }

  /// Serves on this thread until ``stop`` is requested.
  ///
  /// - Parameters:
  ///   - recorder: writes down what is received.
  ///   - onReady: told the endpoints as bound, when everything listens.
  /// - Returns: the account of the run.
  func run(
    recorder: consuming Recorder? = nil, onReady: (Configuration.Sockets) -> Void
  ) throws(ServeFailure) -> Logger.Metadata {
    var kept = try openJournal()
    let clock = clock(&kept)
    let desk = try desk(clock)
    let context = try ServeFailure.ofSockets { () throws(ZeroMQError) in try Context() }
    // Before any other socket, and after all of them.
    try ServeFailure.ofSockets { () throws(ZeroMQError) in try door?.start(context) }
    defer { door?.stop() }
    let service = ServiceState(revision: configuration.engine.revision, at: clock.now)
    stop.onRequest { service.beginStopping() }
    let parts = try ServeFailure.ofSockets { () throws(ZeroMQError) in
      ServeLoop.Parts(
        configuration: configuration,
        engine: kept?.engine ?? MonitoringEngine(settings: configuration.engine),
        recovered: kept?.recovered,
        journal: try kept.map { (kept) throws(ZeroMQError) in try JournalThread(kept.database) },
        exchange: configuration.bindsControl
          ? try ControlExchange(head: kept?.recovered.lastNumber ?? 0) : nil,
        door: door,
        reloading: hangups == nil
          ? nil
          : try Reloading(
            configuration, followers: followers, service: service, notice: notice, clock: clock, log: log),
        service: service, notice: notice,
        sinks: SinkExchange(configuration.sinks, head: kept?.recovered.lastNumber ?? 0),
        desk: desk, stop: stop, clock: clock, log: log)
    }
    return try serve(parts, context, recorder, onReady)
  }

  private func desk(_ clock: ServeClock) throws(ServeFailure) -> ReportDesk? {
    guard configuration.http != nil else { return nil }
    return try ServeFailure.ofSockets { () throws(ZeroMQError) in
      let asked = try Wakeup()
      let board = Board(now: { clock.now }, wake: { asked.signal() })
      return ReportDesk(board, asked: asked)
    }
  }

  private struct Kept {
    var database: JournalDatabase
    var recovered: RecoveredJournal
    var engine: MonitoringEngine
  }

  /// Goes on from where the journal stood, so that arrival does not go back.
  private func clock(_ kept: inout Kept?) -> ServeClock {
    guard let arrival = kept?.engine.arrival else { return ServeClock() }
    let clock = ServeClock(after: arrival)
    if clock.now < arrival {
      log.warning("the journal was last written at \(RFC3339.string(arrival)) by a clock ahead of this one")
      kept?.engine.forgetArrival()
    }
    return clock
  }

  private func openJournal() throws(ServeFailure) -> Kept? {
    guard let settings = configuration.journal else {
      log.notice("no journal: a restart forgets everything; state: DIRECTORY in the configuration keeps it")
      return nil
    }
    var engine = MonitoringEngine(settings: configuration.engine)
    do throws(JournalError) {
      let (database, recovered) = try JournalDatabase.open(
        settings, name: configuration.name.text, now: ServeClock().now
      ) { (recovered) throws(JournalError) in
        do throws(StateError) {
          engine = try MonitoringEngine(settings: configuration.engine, restoring: recovered.states)
        } catch {
          guard let versions = error.later else { throw .corrupt("state: \(error)") }
          throw .newer(found: versions.found, known: versions.known)
        }
      }
      for note in recovered.notes { log.warning("\(note)") }
      log.notice(
        "journal",
        metadata: [
          "directory": .string(settings.directory), "epoch": .stringConvertible(recovered.epoch),
          "last": .stringConvertible(recovered.lastNumber),
          "records": .stringConvertible(recovered.states.count),
          "bytes": .stringConvertible(database.size),
        ])
      return Kept(database: database, recovered: recovered, engine: engine)
    } catch { throw .journal(error) }
  }

  private func serve(
    _ parts: ServeLoop.Parts, _ context: borrowing Context, _ recorder: consuming Recorder?,
    _ onReady: (Configuration.Sockets) -> Void
  ) throws(ServeFailure) -> Logger.Metadata {
    var loop = try ServeLoop(parts, context: context, recorder: recorder)
    var bound = loop.bound(configuration.sockets)
    let log = log
    let reader = try reader()
    // Whatever happens, the other threads end before this one.
    defer { parts.journal?.stop() }
    if let journal = parts.journal {
      try ServeFailure.ofSockets { () throws(ZeroMQError) in
        try journal.start(parts.clock) { log.warning("\($0)") }
      }
    }
    let control = try ServeFailure.ofSockets { () throws(ZeroMQError) in
      try parts.exchange.map { (exchange) throws(ZeroMQError) in
        try ControlThread(
          context, configuration, exchange: exchange, door: parts.door, reader: reader, epoch: loop.epoch,
          clock: parts.clock,
          log: log)
      }
    }
    defer { control?.stop() }
    let sinks = SinkService(configuration, parts, reader: reader, epoch: loop.epoch)
    defer { sinks?.stop() }
    bound.control = control?.endpoints ?? []
    try parts.door?.testItself(context, bound)
    if let reloading = parts.reloading {
      try ServeFailure.ofSockets { () throws(ZeroMQError) in try reloading.start() }
      hangups?.follow { reloading.request() }
    }
    defer { parts.reloading?.stop() }
    parts.service.beginServing()
    let admin = try parts.desk.flatMap { (desk) throws(ServeFailure) in
      try AdminComposition(
        configuration: configuration, board: desk.board, service: parts.service, sinks: sinks, log: log
      ).start()
    }
    defer { admin?.stop() }
    bound.http = admin.map { "\($0.host):\($0.port)" }
    parts.desk?.board.setPhase(.serving)
    onReady(bound)
    notice?.ready(parts.service.summary)
    do throws(ZeroMQError) { return try loop.run() } catch { throw .socket(error) }
  }

  private func reader() throws(ServeFailure) -> JournalReader? {
    do throws(JournalError) {
      return try configuration.journal.map { (settings) throws(JournalError) in
        try JournalReader(directory: settings.directory)
      }
    } catch { throw .journal(error) }
  }
}

/// Why serving could not begin, or ended.
enum ServeFailure: Error, CustomStringConvertible {
  case socket(ZeroMQError)
  case journal(JournalError)
  case admin(AdminFailure)
  /// The trial of itself failed, in these words.
  case security(String)

  static func ofSockets<Made: ~Copyable>(
    _ body: () throws(ZeroMQError) -> Made
  ) throws(ServeFailure) -> Made {
    do throws(ZeroMQError) { return try body() } catch { throw .socket(error) }
  }

  var status: ExitStatus {
    switch self {
    case .socket(let error): Server.status(of: error)
    case .journal(.locked): .unavailable
    case .journal, .security: .system
    case .admin(.bind): .unavailable
    case .admin(.token): .configuration
    }
  }

  var description: String {
    switch self {
    case .socket(let error): error.description
    case .journal(let error): error.description
    case .admin(let error): error.description
    case .security(let words): "security: \(words); nothing is served"
    }
  }
}
