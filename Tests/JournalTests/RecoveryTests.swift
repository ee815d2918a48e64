import Events
import Foundation
import Journal
import TestSupport
import Testing

/// What was applied, and nothing else, is there after any number of restarts.
@Suite struct RecoveryTests {
  /// What the journal is to hold, in plain Swift.
  struct Model: Equatable {
    var messages: [StoredMessage] = []
    var states: [StateKey: [UInt8]] = [:]
    var decisions: [String: DecisionRecord] = [:]
    var metrics: [MetricsSample] = []
    var drift: [DriftSample] = []
    var open: [String: [UInt64]] = [:]

    struct StateKey: Hashable {
      var kind: UInt8
      var key: Int64
    }

    mutating func apply(_ transaction: JournalTransaction) {
      for message in transaction.messages {
        messages.append(message)
        guard let subject = message.subject else { continue }
        if message.closesSubject {
          open[subject] = nil
        } else {
          open[subject, default: []].append(message.number)
        }
      }
      for state in transaction.states { states[StateKey(kind: state.kind, key: state.key)] = state.value }
      for var decision in transaction.decisions {
        let before = decisions[decision.id]
        decision.issuedAt = decision.issuedAt ?? before?.issuedAt ?? decision.changedAt
        decision.reasons = decision.reasons ?? before?.reasons ?? ""
        decision.coverage = decision.coverage ?? before?.coverage
        decisions[decision.id] = decision
      }
      metrics += transaction.metrics
      drift += transaction.drift
    }

    var lastOfTopic: [[UInt8]: UInt64] {
      Dictionary(messages.map { ($0.topic, $0.number) }, uniquingKeysWith: { max($0, $1) })
    }
  }

  private static func random(after last: UInt64, _ generator: inout SeededGenerator) -> JournalTransaction {
    func pick(_ bound: UInt64) -> UInt64 { generator.next() % bound }
    func bytes(_ count: UInt64) -> [UInt8] {
      (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }
    func time() -> Timestamp { noon.advanced(by: .milliseconds(Int(pick(1_000_000)))) }
    func summary() -> SampleSummary? {
      switch pick(4) {
      case 0: return nil
      case 1:
        return SampleSummary(
          count: pick(1 << 40) + 2, minimum: -1.5, maximum: .infinity, mean: generator.normal())
      case 2: return SampleSummary(Double(pick(3)))
      default: return SampleSummary(generator.normal())
      }
    }
    var transaction = JournalTransaction()
    transaction.messages = (0..<pick(5)).map { offset in
      StoredMessage(
        number: last + 1 + offset, topic: Array("t\(pick(6))/".utf8) + bytes(pick(2)), header: bytes(64),
        body: bytes(pick(3) == 0 ? 0 : pick(6_000)), time: time(),
        subject: pick(3) == 0 ? nil : "s\(pick(8))",
        closesSubject: pick(4) == 0)
    }
    for index in transaction.messages.indices where transaction.messages[index].subject == nil {
      transaction.messages[index].closesSubject = false
    }
    transaction.states = (0..<pick(4)).map { _ in
      StateRecord(
        kind: UInt8(pick(3) * 127), key: [Int64.min, -1, 0, 5, .max][Int(pick(5))],
        value: pick(3) == 0 ? nil : bytes(pick(4) == 0 ? 20_000 : pick(40)))
    }
    transaction.decisions = (0..<pick(2)).map { _ in
      let number = pick(5)
      return DecisionRecord(
        id: "rt-\(number)", model: "m\(number % 3)", version: "1", issuedAt: pick(2) == 0 ? nil : time(),
        state: "acked", attempt: Int(pick(3)), revision: pick(100), owner: pick(2) == 0 ? nil : "ö",
        reasons: pick(2) == 0 ? nil : "why",
        coverage: pick(2) == 0 ? nil : 0.5,
        changedAt: time(), isFinal: pick(2) == 0)
    }
    transaction.metrics = (0..<pick(4)).map { _ in
      MetricsSample(
        model: "m\(pick(9))", version: "\(pick(2))", time: time(), accuracy: summary(), latency: summary())
    }
    transaction.drift = (0..<pick(3)).map { _ in
      DriftSample(
        model: "m\(pick(9))", version: "1", time: time(), batches: pick(9),
        maximumScore: pick(2) == 0 ? nil : generator.normal(),
        drifted: Int(pick(5)), features: 5, severity: Severity.allCases[Int(pick(3))])
    }
    return transaction
  }

  private func compare(_ journal: JournalDatabase, _ reader: JournalReader, _ model: Model) throws {
    let recovered = try journal.recover()
    #expect(recovered.lastNumber == model.messages.last?.number ?? 0)
    #expect(recovered.lastOfTopic == model.lastOfTopic)
    let states = recovered.states.map { (Model.StateKey(kind: $0.kind, key: $0.key), $0.value ?? [1, 2, 3]) }
    #expect(Dictionary(states, uniquingKeysWith: { first, _ in first }) == model.states)
    #expect(states.count == model.states.count)
    #expect(try reader.fetchAll(limit: 7) == model.messages)
    let open = try reader.fetchAll(limit: 3, onlyOpen: true).map(\.number)
    #expect(open == model.open.values.flatMap(\.self).sorted())
    let decisions = try reader.decisions(limit: 1_000)
    #expect(Dictionary(uniqueKeysWithValues: decisions.map { ($0.id, $0) }) == model.decisions)
    #expect(decisions.compactMap(\.issuedAt) == decisions.compactMap(\.issuedAt).sorted(by: >))

    func key(_ sample: MetricsSample) -> String { "\(sample)" }
    #expect(
      try reader.metrics(limit: 100_000).map { key($0.sample) }.sorted() == model.metrics.map(key).sorted())
    #expect(
      try reader.drift(limit: 100_000).map { "\($0.sample)" }.sorted() == model.drift.map { "\($0)" }.sorted()
    )
    let some = try reader.metrics(of: "m3", limit: 10)
    #expect(some.allSatisfy { $0.sample.model == "m3" && $0.resolution == .raw })
    #expect(some.count == min(10, model.metrics.count { $0.model == "m3" }))
  }

  @Test(arguments: [UInt64(1), 2, 3])
  func randomTransactionsComeBack(seed: UInt64) throws {
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let scratch = ScratchDirectory()
    var model = Model()
    var epoch: UInt64?
    for life in 0..<6 {
      let (journal, recovered) = try JournalDatabase.open(
        scratch.settings, name: "d", now: noon.advanced(by: .seconds(life)))
      #expect(recovered.isNew == (life == 0) && recovered.notes.isEmpty)
      epoch = epoch ?? recovered.epoch
      #expect(recovered.epoch == epoch)
      let reader = try JournalReader(directory: scratch.path)
      try compare(journal, reader, model)
      for _ in 0..<20 {
        let next = Self.random(after: model.messages.last?.number ?? 0, &generator)
        if generator.next() % 5 == 0 {
          // The last message bears a number that was given: nothing of the whole may stay.
          var broken = next
          broken.messages.append(message(1, subject: "never"))
          if !model.messages.isEmpty || !next.messages.isEmpty {
            #expect(throws: JournalError.self) { try journal.apply(broken) }
            continue
          }
        }
        try journal.apply(next)
        model.apply(next)
      }
      try compare(journal, reader, model)
    }
  }

  @Test func inMemoryIsTheSame() throws {
    var generator = SeededGenerator(seed: 9)
    let (journal, recovered) = try JournalDatabase.inMemory(name: "d", now: noon)
    #expect(recovered.isNew)
    let reader = JournalReader(sharing: journal)
    var model = Model()
    for _ in 0..<40 {
      let next = Self.random(after: model.messages.last?.number ?? 0, &generator)
      try journal.apply(next)
      model.apply(next)
    }
    try compare(journal, reader, model)
    #expect(try !journal.recover().isNew)
    #expect(journal.size > 0)
  }

  @Test func anEmptyTransactionIsNone() throws {
    let (journal, _) = try JournalDatabase.inMemory(name: "d", now: noon)
    var transaction = JournalTransaction()
    #expect(transaction.isEmpty && transaction.byteCount == 0)
    try journal.apply(transaction)
    transaction.messages = [message(1, bytes: 1_000)]
    #expect(!transaction.isEmpty && transaction.byteCount > 1_064)
    transaction.removeAll()
    #expect(transaction.isEmpty)
  }
}
