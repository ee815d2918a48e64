import Events
import Journal
import Wire

@testable import Daemon

/// A fault that is planted between the daemon and its world, to see that a checker finds it. By itself it does
/// nothing; each of ``Canaries`` overrides one step.
class Canary {
  /// What a process begins with.
  func recovered(_ journal: RecoveredJournal) -> RecoveredJournal { journal }
  /// What is stored of a transaction.
  func submitted(_ transaction: JournalTransaction, by daemon: SimulatedDaemon) -> JournalTransaction {
    transaction
  }
  /// Whether the process is told of a commit.
  func completes() -> Bool { true }
  func took(_ message: Message, from link: Link?, by daemon: SimulatedDaemon) {}
  /// Whether a publisher of the lossless lane waits for any ack, rather than for one that moves on.
  var takesAnyAcknowledgement: Bool { false }
  func answers(_ answer: FeedbackAnswer, to feedback: Feedback) -> FeedbackAnswer { answer }
}
