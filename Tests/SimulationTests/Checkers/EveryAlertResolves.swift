import Events
import Journal

/// An alert opens once, changes with growing revisions and resolves under its own episode; a decision's revisions
/// grow, nothing follows its end, and when all is well the only ones open are those that somebody may still act
/// on.
final class EveryAlertResolves {
  private struct Subject {
    var facts: StoredFacts
    var revision: UInt64
    var isOver = false
    var storedAt: Timestamp
  }

  private let world: World
  private var subjects: [String: Subject] = [:]
  private var order: [String] = []
  private var firing: [String: String] = [:]
  /// Numbers of all messages of what is open.
  private var open: [String: [UInt64]] = [:]
  private(set) var alerts = 0
  private(set) var decisions = 0
  /// How often each word on a decision was stored.
  private(set) var states: [String: Int] = [:]

  init(_ world: World) { self.world = world }

  func stored(_ facts: StoredFacts) {
    guard let before = subjects[facts.subject] else { return begin(facts) }
    world.require(!before.isOver, .everyAlertResolves, "\(facts.id) follows the end of \(facts.subject)")
    if facts.revision == before.revision && facts.state == "issued" {
      states["sent again", default: 0] += 1
      open[facts.subject, default: []].append(facts.number)
      return
    }
    world.require(
      facts.revision == before.revision + 1, .everyAlertResolves,
      "\(facts.subject) goes from revision \(before.revision) to \(facts.revision)")
    let isOver = facts.isAlert ? facts.state == "resolved" : facts.isFinal
    subjects[facts.subject] = Subject(
      facts: facts, revision: facts.revision, isOver: isOver, storedAt: world.now)
    count(facts)
    if isOver { open[facts.subject] = nil } else { open[facts.subject, default: []].append(facts.number) }
    if let key = facts.alertKey, isOver { firing[key] = nil }
  }

  private func begin(_ facts: StoredFacts) {
    world.require(
      facts.revision == 1, .everyAlertResolves, "\(facts.subject) begins at revision \(facts.revision)")
    subjects[facts.subject] = Subject(facts: facts, revision: facts.revision, storedAt: world.now)
    order.append(facts.subject)
    open[facts.subject] = [facts.number]
    count(facts)
    guard let key = facts.alertKey else {
      decisions += 1
      return
    }
    alerts += 1
    world.require(
      firing[key] == nil, .everyAlertResolves, "\(key) opens again while \(firing[key] ?? "") is open")
    firing[key] = facts.subject
  }

  private func count(_ facts: StoredFacts) {
    states[facts.alertKey == nil ? facts.state ?? "-" : facts.type, default: 0] += 1
  }

  /// A snapshot is every message of what is open, and the journal's own table says of a decision what was said
  /// last.
  func compare(snapshot: [StoredMessage], _ records: [DecisionRecord]) {
    let found = snapshot.map(\.number)
    let expected = open.values.flatMap(\.self).sorted()
    world.require(
      found == expected, .everyAlertResolves, "a snapshot has the messages \(found), open are \(expected)")
    world.require(
      records.count == decisions, .everyAlertResolves,
      "\(records.count) decisions are in the table, \(decisions) were stored")
    for record in records {
      guard let facts = subjects[record.id]?.facts else {
        world.violate(.everyAlertResolves, "the decision \(record.id) in the table was never stored")
        continue
      }
      world.require(
        record.state == facts.state && record.attempt == facts.attempt && record.isFinal == facts.isFinal
          && record.revision == facts.revision && record.owner == facts.owner, .everyAlertResolves,
        "the table says of \(record.id) \(record.state) \(record.revision), stored was \(facts.id)")
    }
  }

  /// - Parameter longest: how long a decision may rest in one state.
  func finish(longest: Duration) {
    for name in order {
      guard let subject = subjects[name], !subject.isOver else { continue }
      if subject.facts.isAlert {
        world.violate(.everyAlertResolves, "\(subject.facts.alertKey ?? ""): \(name) never resolves")
      } else {
        let age = subject.storedAt.duration(to: world.now)
        world.require(
          age <= longest, .everyAlertResolves,
          "\(name) has been \(subject.facts.state ?? "") for \(age.secondsValue) s")
      }
    }
  }
}
