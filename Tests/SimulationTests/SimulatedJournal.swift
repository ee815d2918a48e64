import Events
import Journal

/// The journal's thread and its disk: the real database in memory, which outlives the daemon's processes, behind
/// a boundary at which everything takes time and may fail.
final class SimulatedJournal {
  private let world: World
  let database: JournalDatabase
  let reader: JournalReader
  /// Of the durable numbering.
  let epoch: UInt64
  private(set) var commits = 0
  private(set) var failures = 0
  /// Transactions that were submitted and died with their process.
  private(set) var lostTails = 0

  /// How often the database's maintenance runs.
  private static let maintenanceMilliseconds = 3_000
  /// Pages of a disk that has room again.
  private static let amplePages = 1 << 20

  /// - Parameter messages: how many it keeps.
  init(_ world: World, keeping messages: Int) throws {
    self.world = world
    var settings = JournalSettings(directory: "")
    settings.outboxMessages = messages
    let (database, recovered) = try JournalDatabase.inMemory(settings, name: "sim", now: World.start)
    (self.database, epoch) = (database, recovered.epoch)
    reader = JournalReader(sharing: database)
    maintainSoon()
    fillSoon()
  }

  /// Applies a transaction after a while and says so after another.
  ///
  /// - Parameters:
  ///   - isAlive: whether the process that submitted it lives; with it goes what was not applied.
  ///   - applied: it is committed, and nobody was told yet.
  ///   - done: the process is told; nil for success.
  func submit(
    _ transaction: JournalTransaction, isAlive: @escaping () -> Bool, applied: @escaping () -> Void,
    done: @escaping (JournalError?) -> Void
  ) {
    let delay = world.fault(20) ? world.pick(200...2_500) : world.pick(0...12)
    world.after(milliseconds: delay) { [self] in
      guard isAlive() else {
        lostTails += 1
        return
      }
      let error = apply(transaction)
      if error == nil {
        commits += 1
        applied()
      } else {
        failures += 1
      }
      world.after(milliseconds: world.pick(0...4)) { done(error) }
    }
  }

  private func apply(_ transaction: JournalTransaction) -> JournalError? {
    if world.fault(15) { return .io("the disk did not answer") }
    do throws(JournalError) {
      try database.apply(transaction)
      return nil
    } catch { return error }
  }

  /// Everything that is stored, in order.
  func stored(onlyOpen: Bool = false) throws(JournalError) -> [StoredMessage] {
    var request = FetchRequest(epoch: epoch, from: 1, onlyOpen: onlyOpen)
    var messages: [StoredMessage] = []
    while true {
      let answer = try reader.fetch(request)
      messages += answer.messages
      guard answer.status == .more else { return messages }
      request.from = answer.next
    }
  }

  private func maintainSoon() {
    world.after(milliseconds: Self.maintenanceMilliseconds) { [self] in
      // On a full disk it fails like anything else, and is done the next time.
      _ = try? database.maintain(at: world.now)
      maintainSoon()
    }
  }

  /// Now and then there is no more room than is taken, for some seconds.
  private func fillSoon() {
    world.after(milliseconds: world.pick(5_000...40_000)) { [self] in
      guard world.areFaultsOn else { return }
      try? database.setMaximumPages(1)
      world.after(milliseconds: world.pick(300...6_000)) { [self] in
        try? database.setMaximumPages(Self.amplePages)
        fillSoon()
      }
    }
  }
}
