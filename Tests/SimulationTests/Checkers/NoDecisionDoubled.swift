import Events

/// One id for each decision and each word about it: an id never stands for anything else, a cause never makes
/// two decisions on a model, and of a model one decision at most is open.
final class NoDecisionDoubled {
  private let world: World
  private var bodies: [String: [UInt8]] = [:]
  private var ofCause: [String: String] = [:]
  private var openOfModel: [String: String] = [:]

  init(_ world: World) { self.world = world }

  func stored(_ facts: StoredFacts) {
    if let known = bodies[facts.id] {
      world.require(known == facts.body, .noDecisionDoubled, "\(facts.id) stands for two things")
      // Only a decision that waits for a claim is sent again.
      world.require(
        facts.state == "issued", .noDecisionDoubled, "\(facts.type) \(facts.id) is stored twice")
      return
    }
    bodies[facts.id] = facts.body
    guard let decision = facts.decision, let model = facts.model else { return }
    if facts.state == "issued", facts.attempt == 1 {
      let cause = "\(model) \(facts.cause ?? "-")"
      world.require(
        ofCause[cause] == nil, .noDecisionDoubled,
        "\(decision) and \(ofCause[cause] ?? "") have one cause, \(cause)")
      ofCause[cause] = decision
      world.require(
        openOfModel[model] == nil, .noDecisionDoubled,
        "\(decision) is issued while \(openOfModel[model] ?? "") is open")
      openOfModel[model] = decision
    } else if facts.isFinal, openOfModel[model] == decision {
      openOfModel[model] = nil
    }
  }
}

/// Every attempt has one owner at most: by what is stored, and by what orchestrators were told.
final class Ownership {
  private struct Request {
    var decision: String
    var attempt: Int
    var report: Feedback.Report
  }

  private let world: World
  private var owners: [String: String] = [:]
  private var granted: [String: String] = [:]
  private var tokens: [String: String] = [:]
  private var requests: [String: Request] = [:]
  private var steps: Set<String> = []
  private(set) var answers = 0
  private(set) var denials = 0

  init(_ world: World) { self.world = world }

  func stored(_ facts: StoredFacts) {
    guard let decision = facts.decision, let attempt = facts.attempt, let state = facts.state,
      ["acked", "started", "succeeded"].contains(state)
    else { return }
    let key = "\(decision)-a\(attempt)"
    world.require(
      steps.insert("\(key) \(state)").inserted, .noDecisionDoubled, "\(key) was \(state) twice")
    world.require(
      (owners[key] ?? facts.owner) == facts.owner, .noDecisionDoubled,
      "\(key) is \(owners[key] ?? "")'s and \(state) by \(facts.owner ?? "nobody")")
    owners[key] = facts.owner
  }

  func answered(_ answer: FeedbackAnswer) {
    answers += 1
    if case .refused(let refusal) = answer, refusal.code == .denied { denials += 1 }
  }

  func asked(_ name: String, _ number: UInt64, decision: String, attempt: Int, _ report: Feedback.Report) {
    requests["\(name) \(number)"] = Request(decision: decision, attempt: attempt, report: report)
  }

  /// An orchestrator has an ack in hand.
  func granted(_ name: String, _ number: UInt64, _ text: Text) {
    guard let request = requests["\(name) \(number)"] else { return }
    guard [.acked, .started, .succeeded].contains(request.report) else { return }
    let key = "\(request.decision)-a\(request.attempt)"
    world.require(
      text.text("attempt_id") == key, .noDecisionDoubled, "\(name) asked for \(key) and was told of another")
    world.require(
      (granted[key] ?? name) == name && text.text("owner") == name, .noDecisionDoubled,
      "\(key) is granted to \(granted[key] ?? text.text("owner") ?? "nobody") and to \(name)")
    granted[key] = name
    world.require(
      owners[key] == name, .noDecisionDoubled,
      "\(key) is granted to \(name), and stored as \(owners[key] ?? "nobody")'s")
    let token = text.text("token") ?? ""
    world.require(
      (tokens[key] ?? token) == token, .noDecisionDoubled, "\(name) has two tokens of \(key)")
    tokens[key] = token
  }
}
