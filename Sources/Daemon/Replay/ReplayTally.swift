import Events

/// What a replay came to.
struct ReplayTally {
  /// Events that were read, whatever became of them: an empty line is none.
  var events = 0
  private(set) var rejected = 0
  private var reasons: [Reason: UInt64] = [:]
  private var assessments = 0
  private var opened = 0
  private var resolved = 0
  private var decisions = 0

  /// Events that were not refused.
  var taken: Int { events - rejected }

  mutating func enter(_ remark: Remark) {
    reasons[remark.reason] = (reasons[remark.reason] ?? 0).addingSaturating(remark.count)
    if remark.reason.isRefusal { rejected += 1 }
  }

  mutating func enter(_ output: Output) {
    switch output {
    case .performance, .drift, .retrain, .keep: assessments += 1
    case .decision(let decision) where decision.attempt == 1: decisions += 1
    case .decision, .decisionChange: break
    case .alert(let transition):
      switch transition.change {
      case .opened: opened += 1
      case .resolved: resolved += 1
      case .updated: break
      }
    }
  }

  /// - Parameters:
  ///   - count: of `unit`, what the input consists of.
  ///   - models: how many were watched.
  func input(_ count: Int, _ unit: String, models: Int) -> String {
    let text = "\(count) \(unit): \(taken) events of \(models) models taken, \(rejected) \(unit) rejected"
    let account = Reason.allCases.compactMap { reason in reasons[reason].map { "\(reason.rawValue) \($0)" } }
    return account.isEmpty ? text : text + " (\(account.joined(separator: ", ")))"
  }

  var output: String {
    "\(assessments) assessments, \(opened) alerts opened, \(resolved) resolved, "
      + "\(decisions) decisions to retrain"
  }
}
