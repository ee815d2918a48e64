import Engine
import Events
import Journal
import Wire

@testable import Daemon

/// Faults that the checkers must find; each names the one that is meant to.
enum Canaries {
  struct Planted: Sendable, CustomStringConvertible {
    let description: String
    let checker: Checker
    let plant: @Sendable () -> Canary
  }

  static let all: [Planted] = [
    Planted(description: "publishes before the commit", checker: .publishedIsStored) { PublishesEarly() },
    Planted(description: "publishes other bytes than are stored", checker: .publishedIsStored) {
      StoresOtherBytes()
    },
    Planted(description: "acknowledges before the commit", checker: .acknowledgedIsDurable) {
      AcknowledgesEarly()
    },
    Planted(description: "forgets a lossless source's cursor on recovery", checker: .acknowledgedIsDurable) {
      Forgets(kind: RecordKind.source, of: "r1")
    },
    Planted(description: "forgets a lossy source's cursor on recovery", checker: .accountExact) {
      Forgets(kind: RecordKind.source, of: "l1")
    },
    Planted(description: "forgets a model on recovery", checker: .everyAlertResolves) {
      Forgets(kind: RecordKind.model)
    },
    Planted(description: "goes on with another state than it committed", checker: .replayEqualsLive) {
      StoresOldStates()
    },
    Planted(description: "grants a second owner", checker: .noDecisionDoubled) { GrantsTwice() },
    Planted(description: "stores the end of an alert nowhere", checker: .noDecisionLost) { LosesMessages() },
    Planted(description: "waits for ever for a commit", checker: .memoryBounded) { NeverCompletes() },
    Planted(description: "takes any ack for a sign that all arrives", checker: .accountExact) {
      TakesAnyAcknowledgement()
    },
  ]
}

/// What is to be committed goes out at once.
private final class PublishesEarly: Canary {
  override func submitted(
    _ transaction: JournalTransaction, by daemon: SimulatedDaemon
  ) -> JournalTransaction {
    for message in transaction.messages { daemon.publish(message) }
    return transaction
  }
}

/// One in some bodies is stored with another last byte.
private final class StoresOtherBytes: Canary {
  override func submitted(
    _ transaction: JournalTransaction, by daemon: SimulatedDaemon
  ) -> JournalTransaction {
    var transaction = transaction
    for index in transaction.messages.indices where transaction.messages[index].number % 8 == 0 {
      transaction.messages[index].body.append(UInt8(ascii: " "))
    }
    return transaction
  }
}

/// Every event of the lossless lane is acknowledged as it is taken.
private final class AcknowledgesEarly: Canary {
  override func took(_ message: Message, from link: Link?, by daemon: SimulatedDaemon) {
    guard let link, let header = FramedHeader(message[1]),
      FramedHeader.Kind(rawValue: header.kind) != .head, FramedHeader.Kind(rawValue: header.kind) != .bye
    else { return }
    let name = String(decoding: link.identity.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
    guard let source = SourceName(name), let taken = daemon.position(of: source), taken.epoch == header.epoch
    else { return }
    let frames = AnswerEncoder(name: SimulatedDaemon.name).acknowledgement(
      of: source, taken, credit: 100, creditBytes: 1 << 20, at: World.start)
    daemon.reply(frames, to: link.identity)
  }
}

/// Records of one kind are gone after a restart, or of these the one that begins with a name.
private final class Forgets: Canary {
  private let kind: UInt8
  private let name: [UInt8]

  init(kind: UInt8, of name: String = "") { (self.kind, self.name) = (kind, Array(name.utf8)) }

  override func recovered(_ journal: RecoveredJournal) -> RecoveredJournal {
    var journal = journal
    // A version in one byte, a length in four, then the name.
    journal.states.removeAll { [kind, name] record in
      record.kind == kind && record.value?.dropFirst(5).starts(with: name) ?? false
    }
    return journal
  }
}

/// Of each third transaction the models' states are not stored, although its messages are.
private final class StoresOldStates: Canary {
  private var transactions = 0

  override func submitted(
    _ transaction: JournalTransaction, by daemon: SimulatedDaemon
  ) -> JournalTransaction {
    transactions += 1
    guard transactions % 3 == 0 else { return transaction }
    var transaction = transaction
    transaction.states.removeAll { $0.kind == RecordKind.model }
    return transaction
  }
}

/// Who comes second is told that he came first.
private final class GrantsTwice: Canary {
  override func answers(_ answer: FeedbackAnswer, to feedback: Feedback) -> FeedbackAnswer {
    guard case .refused(let refusal) = answer, refusal.code == .denied, let attempt = feedback.attempt else {
      return answer
    }
    return .granted(
      .init(
        decision: feedback.decision, attempt: attempt, state: .acked, revision: 2, owner: feedback.owner,
        token: "tk-0"))
  }
}

/// The ends of alerts are neither stored nor missed by anyone inside.
private final class LosesMessages: Canary {
  override func submitted(
    _ transaction: JournalTransaction, by daemon: SimulatedDaemon
  ) -> JournalTransaction {
    var transaction = transaction
    transaction.messages.removeAll { $0.closesSubject && $0.topic.starts(with: Array("alert/".utf8)) }
    return transaction
  }
}

/// After the first commits nobody is told of one any more, and no disk fails.
private final class NeverCompletes: Canary {
  private var commits = 0

  override func completes() -> Bool {
    commits += 1
    return commits < 3
  }
}

private final class TakesAnyAcknowledgement: Canary {
  override var takesAnyAcknowledgement: Bool { true }
}

/// The engine's kinds of records, as the journal's files have them.
private enum RecordKind {
  static let model: UInt8 = 2
  static let source: UInt8 = 4
}
