package import Events

// What is told of a decision's life to whoever looks.
extension RetrainLife {
  /// The decision that is open, else the one that ended last; nil before the first.
  package var report: DecisionReport? {
    if let open = open.first {
      return DecisionReport(
        id: open.decision.id, state: open.phase.state, attempt: open.decision.attempt, isOpen: true)
    }
    return ended.first.map {
      DecisionReport(id: $0.decision, state: $0.state, attempt: $0.attempt, isOpen: false)
    }
  }

  /// What falls due about the decision that is open.
  package var timers: [TimerReport] {
    switch open.first?.phase {
    case nil: []
    case .issued(_, _, let next, let expires):
      [TimerReport(.resend, at: next), TimerReport(.expiry, at: expires)].filter { $0.at <= expires }
    case .waiting(let until): [TimerReport(.retry, at: until)]
    case .acked(_, let until): [TimerReport(.start, at: until)]
    case .started(_, let until): [TimerReport(.finish, at: until)]
    case .succeeded(_, let until): [TimerReport(.verify, at: until)]
    }
  }
}
