import ArgumentParser
import Daemon
import Events

/// What every command has that acts on a decision.
struct DecisionOptions: ParsableArguments {
  @Option(help: "The daemon's control socket.")
  var control = "tcp://127.0.0.1:7412"

  @OptionGroup var keys: KeyOptions

  @Option(help: "Who you are: whoever acks a decision first has it.")
  var owner: String

  @Option(help: "The attempt; the current one without it.")
  var attempt: Int?

  @Option(help: "Why, in a few words.")
  var reason: String?

  @Flag(help: "The answer as a JSON object.")
  var json = false

  @Option(help: "Seconds to wait for an answer.")
  var timeout = 5.0

  @Argument(help: "The decision, as in `decision_id`.")
  var decision: String

  func validate() throws {
    try OutputOption.check(timeout)
    guard (1...Feedback.maximumOwnerBytes).contains(owner.utf8.count) else {
      throw ValidationError("--owner is 1 to \(Feedback.maximumOwnerBytes) bytes")
    }
    guard (reason?.utf8.count ?? 0) <= Feedback.maximumReasonBytes else {
      throw ValidationError("--reason is at most \(Feedback.maximumReasonBytes) bytes")
    }
    guard (1...DecisionID.maximumBytes).contains(decision.utf8.count) else {
      throw ValidationError("a decision's id is 1 to \(DecisionID.maximumBytes) bytes")
    }
    guard attempt ?? 1 > 0 else { throw ValidationError("--attempt is at least 1") }
  }

  func report(_ report: Feedback.Report, retryAfter: Duration? = nil) throws {
    let feedback = Feedback(
      decision: DecisionID(decision), report: report, attempt: attempt, owner: owner, reason: reason,
      retryAfter: retryAfter)
    let endpoint = try keys.endpoint(control)
    try ReportDecision(feedback, to: endpoint, isJSON: json, patience: .seconds(timeout)).run().end()
  }
}

struct AckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ack",
    abstract: "Claim a decision to retrain: the first to do so has it.",
    discussion: """
      Ends with status 0 when the claim is yours, 65 with the reason when it is not, 69 without an answer. The \
      same owner may ask again and is answered the same.

        tidemark ack rt-5a11… --owner ana && ./retrain.sh && tidemark report rt-5a11… succeeded --owner ana
      """)

  @OptionGroup var options: DecisionOptions

  func run() throws { try options.report(.acked) }
}

struct RejectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reject",
    abstract: "Decline a decision to retrain, for good or for now.",
    discussion: "With --retry-after another attempt is issued then; without it the decision is over.")

  @OptionGroup var options: DecisionOptions

  @Option(help: "When it may be tried again, such as 30m.")
  var retryAfter: String?

  func run() throws {
    let wait = try retryAfter.map { text in
      guard let wait = DurationText.parse(text) else {
        throw ValidationError("'\(text)' is no duration, want such as 90s, 30m or 12h")
      }
      return wait
    }
    try options.report(.rejected, retryAfter: wait)
  }
}

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Say what became of a decision: started, succeeded, failed, verified or cancelled.",
    discussion: "The owner is the one that acked it; cancelled and verified may be anybody's word.")

  @OptionGroup var options: DecisionOptions

  @Argument(help: "started, succeeded, failed, verified or cancelled.")
  var state: Feedback.Report

  func run() throws { try options.report(state) }
}

extension Feedback.Report: ExpressibleByArgument {}
