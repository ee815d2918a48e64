import Events
import Foundation
import GRDB
import Testing

@testable import Journal

/// Files, permissions, locks, versions, damage.
@Suite struct JournalDatabaseTests {
  private func open(
    _ scratch: ScratchDirectory, at now: Timestamp = noon,
    _ change: (inout JournalSettings) -> Void = { _ in }
  ) throws(JournalError) -> (JournalDatabase, RecoveredJournal) {
    var settings = scratch.settings
    change(&settings)
    return try JournalDatabase.open(settings, name: "d", now: now)
  }

  private func error(_ body: () throws -> Void) -> JournalError? {
    do {
      try body()
      return nil
    } catch {
      return error as? JournalError
    }
  }

  @Test func aNewJournalIsForItsOwnerAlone() throws {
    let scratch = ScratchDirectory()
    let (journal, recovered) = try open(scratch)
    try journal.apply(transaction([message(1)]))
    #expect(recovered.isNew && recovered.notes.isEmpty && recovered.lastNumber == 0)
    #expect(recovered.epoch == UInt64(noon.nanoseconds))
    #expect(try ScratchDirectory.mode(scratch.path) == 0o700)
    for name in ["", "-wal", "-shm", ".lock"] {
      #expect(try ScratchDirectory.mode(scratch.databasePath + name) == 0o600)
    }
    #expect(journal.size > 4_096)
  }

  @Test func theEpochAndNumbersOutliveTheProcess() throws {
    let scratch = ScratchDirectory()
    do {
      let (journal, _) = try open(scratch)
      try journal.apply(transaction([message(1), message(2, topic: "decision/m/1/d")]))
    }
    let (_, recovered) = try open(scratch, at: noon.advanced(by: .seconds(100)))
    #expect(!recovered.isNew && recovered.notes.isEmpty)
    #expect(recovered.epoch == UInt64(noon.nanoseconds) && recovered.lastNumber == 2)
    #expect(recovered.lastOfTopic == [Array("alert/m/1/d".utf8): 1, Array("decision/m/1/d".utf8): 2])
  }

  @Test func anotherNameIsNoted() throws {
    let scratch = ScratchDirectory()
    _ = try open(scratch)
    let (_, recovered) = try JournalDatabase.open(scratch.settings, name: "e", now: noon)
    #expect(recovered.notes.count == 1 && recovered.notes[0].contains("'d'"))
  }

  @Test func aDirectoryOpenToOthersIsClosed() throws {
    let scratch = ScratchDirectory()
    try FileManager.default.createDirectory(
      atPath: scratch.path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
    let (_, recovered) = try open(scratch)
    #expect(recovered.notes.count == 1 && recovered.notes[0].contains("755"))
    #expect(try ScratchDirectory.mode(scratch.path) == 0o700)
  }

  @Test func aFileIsNoDirectory() throws {
    let scratch = ScratchDirectory()
    try Data().write(to: URL(fileURLWithPath: scratch.path))
    let refusal = error { _ = try open(scratch) }
    #expect(refusal?.description.contains("is a file") == true)
  }

  @Test func oneProcessHasIt() throws {
    let scratch = ScratchDirectory()
    do {
      let (journal, _) = try open(scratch)
      let refusal = error { _ = try open(scratch) }
      #expect(refusal == .locked(scratch.path))
      _ = journal
    }
    _ = try open(scratch)
  }

  @Test(arguments: [(JournalSettings.Durability.full, 2), (.normal, 1)])
  func durabilityIsWhatWasAsked(durability: JournalSettings.Durability, level: Int) throws {
    let scratch = ScratchDirectory()
    let (journal, _) = try open(scratch) { $0.durability = durability }
    let words = try journal.queue.read { database in
      try ["synchronous", "journal_mode", "auto_vacuum"].map {
        try String.fetchOne(database, sql: "PRAGMA \($0)")
      }
    }
    #expect(words == ["\(level)", "wal", "2"])
  }

  // MARK: What is not ours to change

  @Test func aNewerJournalIsLeftAlone() throws {
    let scratch = ScratchDirectory()
    do {
      let (journal, _) = try open(scratch)
      try journal.queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 7") }
      try journal.queue.close()
    }
    let before = try Data(contentsOf: URL(fileURLWithPath: scratch.databasePath))
    let refusal = error { _ = try open(scratch) }
    #expect(refusal == .newer(found: 7, known: 1))
    let unread = error { _ = try JournalReader(directory: scratch.path) }
    #expect(unread == .newer(found: 7, known: 1))
    #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.databasePath)) == before)
  }

  @Test func aDatabaseOfAnotherProgramIsLeftAlone() throws {
    let scratch = ScratchDirectory()
    try FileManager.default.createDirectory(atPath: scratch.path, withIntermediateDirectories: true)
    do {
      let other = try DatabaseQueue(path: scratch.databasePath)
      try other.write { try $0.execute(sql: "CREATE TABLE birds (name TEXT)") }
      try other.close()
    }
    let before = try Data(contentsOf: URL(fileURLWithPath: scratch.databasePath))
    let refusal = error { _ = try open(scratch) }
    #expect(refusal?.description.contains("another program") == true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.databasePath)) == before)
  }

  // MARK: Damage

  @Test func whatIsNoDatabaseIsSetAside() throws {
    let scratch = ScratchDirectory()
    try FileManager.default.createDirectory(atPath: scratch.path, withIntermediateDirectories: true)
    let garbage = Data((0..<9_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) })
    let second = noon.nanoseconds / 1_000_000_000
    // Three may stand there, also of one second; the fourth is for somebody to look at.
    for ending in ["", "a", "aa"] {
      try garbage.write(to: URL(fileURLWithPath: scratch.databasePath))
      let (journal, recovered) = try open(scratch)
      #expect(recovered.isNew && recovered.epoch == UInt64(noon.nanoseconds))
      #expect(recovered.notes.contains { $0.contains("set aside as") && $0.contains(scratch.path) })
      let aside = "\(scratch.databasePath).corrupt-\(second)\(ending)"
      #expect(try Data(contentsOf: URL(fileURLWithPath: aside)) == garbage)
      try journal.apply(transaction([message(1)]))
      try journal.queue.close()
    }
    try garbage.write(to: URL(fileURLWithPath: scratch.databasePath))
    let refusal = error { _ = try open(scratch) }
    #expect(refusal?.description.contains("take them away") == true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.databasePath)) == garbage)
  }

  @Test func aDamagedPageIsFoundAtTheStart() throws {
    let scratch = ScratchDirectory()
    do {
      let (journal, _) = try open(scratch)
      try journal.apply(transaction((1...400).map { message($0) }))
      try journal.queue.close()
    }
    // Every page but the first, so that it is in use whichever it is.
    var bytes = try Data(contentsOf: URL(fileURLWithPath: scratch.databasePath))
    #expect(bytes.count > 20 * 4_096)
    for index in stride(from: 20 * 4_096, to: bytes.count, by: 1) { bytes[index] = 0xa5 }
    try bytes.write(to: URL(fileURLWithPath: scratch.databasePath))
    let later = noon.advanced(by: .seconds(5))
    let (_, recovered) = try open(scratch, at: later)
    #expect(recovered.isNew && recovered.lastNumber == 0 && recovered.epoch == UInt64(later.nanoseconds))
    #expect(scratch.names.contains { $0.contains("corrupt-\(later.nanoseconds / 1_000_000_000)") })
  }

  /// SQL that a damaged page could have made, and who finds it.
  @Test(arguments: [
    "DELETE FROM journal", "UPDATE journal SET pruned = -1", "UPDATE journal SET pruned = 9",
    "UPDATE journal SET last = 9223372036854775807",
  ])
  func numbersThatCannotBeAreCorrupt(sql: String) throws {
    let (journal, _) = try JournalDatabase.inMemory(name: "d", now: noon)
    try journal.apply(transaction([message(1)]))
    try journal.queue.write { try $0.execute(sql: sql) }
    let reader = JournalReader(sharing: journal)
    let failures = [
      error { _ = try journal.recover() }, error { try journal.apply(transaction([message(2)])) },
      error { _ = try journal.maintain(at: noon) }, error { _ = try reader.summary(at: noon) },
      error { _ = try reader.fetch(FetchRequest(epoch: nil, from: 1)) },
    ]
    for case let failure in failures {
      guard case .corrupt = failure else {
        Issue.record("\(String(describing: failure))")
        continue
      }
    }
  }

  // MARK: A full disk

  @Test func aFullDiskKeepsNothingOfTheTransaction() throws {
    let scratch = ScratchDirectory()
    let (journal, _) = try open(scratch) { $0.maximumPages = 60 }
    let reader = try JournalReader(directory: scratch.path)
    var applied: [StoredMessage] = []
    var refused = transaction([])
    for number in UInt64(1)...1_000 {
      var next = transaction([message(number, bytes: 2_000, subject: "s")])
      next.states = [StateRecord(kind: 1, key: 1, value: [UInt8](repeating: UInt8(number % 251), count: 50))]
      next.metrics = [
        MetricsSample(
          model: "m\(number)", version: "1", time: noon, accuracy: SampleSummary(0.5), latency: nil)
      ]
      do throws(JournalError) {
        try journal.apply(next)
      } catch {
        #expect(error == .full && error.isTransient)
        refused = next
        break
      }
      applied += next.messages
    }
    #expect(applied.count > 10 && !refused.isEmpty)
    #expect(try reader.fetchAll() == applied)
    #expect(try reader.metrics(limit: 10_000).count == applied.count)
    #expect(try journal.recover().lastNumber == UInt64(applied.count))

    try journal.setMaximumPages(10_000)
    try journal.apply(refused)
    #expect(try reader.fetchAll() == applied + refused.messages)
    #expect(try reader.metrics(of: refused.metrics[0].model, limit: 10).map(\.sample) == refused.metrics)
    #expect(try journal.recover().states == refused.states)
  }

  @Test func aMessageOutOfOrderIsRefusedWhole() throws {
    let (journal, _) = try JournalDatabase.inMemory(name: "d", now: noon)
    try journal.apply(transaction([message(5)]))
    let repeated = error { try journal.apply(transaction([message(6), message(6)])) }
    #expect(repeated != nil)
    let tooLarge = error { try journal.apply(transaction([message(.max)])) }
    #expect(tooLarge != nil)
    #expect(try JournalReader(sharing: journal).fetchAll().map(\.number) == [5])
    try journal.apply(transaction([message(6)]))
  }

  @Test func wordsAreForAnOperator() {
    #expect(JournalError.locked("/a").description == "another tidemark has the journal in /a")
    #expect(!JournalError.newer(found: 2, known: 1).isTransient && JournalError.busy.isTransient)
  }
}
