import Events

/// One thing that is not as it should be, or worth knowing.
package struct DoctorFinding: Equatable, Sendable {
  package enum Severity: String, Sendable, Comparable {
    case error, warning, note
    package static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }
    /// The worst first.
    private var rank: Int { self == .error ? 0 : self == .warning ? 1 : 2 }
  }

  package var severity: Severity
  /// The machine's word.
  package var code: String
  package var summary: String
  package var meaning: String
  package var action: String
}

/// What is wrong with a daemon, from what it answered: a pure function.
package struct Diagnosis: Sendable {
  package private(set) var findings: [DoctorFinding] = []
  /// What was looked at and is in order.
  package private(set) var passed: [String] = []

  let seen: Examination

  package init(_ seen: Examination) {
    self.seen = seen
    reach()
    guard case .answered = seen.reach else { return }
    life()
    if let status = seen.status {
      daemon(status)
      journal(status)
      input(status)
      limits(status)
      models(status)
      decisions(status)
    } else if let refusal = seen.refusal {
      refused(refusal)
    }
    if let metrics = seen.metrics { process(metrics) }
    findings = findings.enumerated().sorted {
      ($0.element.severity, $0.offset) < ($1.element.severity, $1.offset)
    }
    .map(\.element)
  }

  package var errors: Int { findings.count { $0.severity == .error } }
  package var warnings: Int { findings.count { $0.severity == .warning } }
  /// 0 all right, 1 warnings, 2 errors.
  package var exitCode: Int32 { errors > 0 ? 2 : warnings > 0 ? 1 : 0 }

  mutating func add(
    _ severity: DoctorFinding.Severity, _ code: String, _ summary: String, _ meaning: String,
    do action: String
  ) {
    findings.append(
      DoctorFinding(severity: severity, code: code, summary: summary, meaning: meaning, action: action))
  }

  mutating func pass(_ what: String) { passed.append(what) }

  // MARK: Does it answer?

  private mutating func reach() {
    if !seen.address.isLoopback {
      add(
        .warning, "plaintext", "\(seen.address) is asked over plain HTTP",
        "Whoever can read the network between reads the token and the answers.",
        do: "Let the daemon listen on loopback and come through a tunnel: ssh -L 7414:127.0.0.1:7414 HOST")
    }
    guard case .failed(let failure, let otherPort) = seen.reach else { return pass("answers") }
    var meaning: String
    var action: String
    switch failure {
    case .refused:
      meaning = "No process listens at that port."
      action =
        "Is the daemon running? The line 'ready' of its log names its addresses; --url names another one."
    case .timedOut:
      meaning = "Something took the connection, or the way there drops it, and no answer came within 3 s."
      action = "Look whether the process is stopped or a firewall is between; 'ss -ltnp' says what listens."
    case .malformed:
      meaning = "Another service answers at that port."
      action =
        "'ss -ltnp' says which; give the daemon's HTTP another port (http.listen) or name it with --url."
    case .unreachable, .tooLarge:
      meaning = "The machine cannot be reached under that name."
      action = "Look at the name and the network; --url names another daemon."
    }
    if let otherPort {
      meaning += " But port \(otherPort) is open, as a daemon's would be."
      action =
        "Its HTTP may be off (http: off), on another port, or that port was taken when it began: see its log."
    }
    add(.error, "unreachable", "\(seen.address) does not answer: \(failure)", meaning, do: action)
  }

  private mutating func refused(_ refusal: ClientFailure) {
    switch refusal {
    case .problem(401, _, _):
      add(
        .error, "token", "The daemon asks for a token", "Without it only health is told.",
        do: "Name the file that http.token_file names: --token-file FILE")
    case .problem(403, _, _):
      add(
        .error, "host", "The daemon does not answer to the name \(seen.address.authority)",
        "It answers only to hosts that it was configured for.",
        do: "Ask it by its address, or by the name it listens on.")
    default:
      add(
        .error, "status", "The status cannot be read: \(refusal)",
        "Daemon and executable may be of different versions.",
        do: "Ask with the executable of the daemon's version.")
    }
  }

  private mutating func life() {
    if let live = seen.live, live.status == 404 {
      add(
        .error, "not_tidemark", "\(seen.address) knows no /livez", "Another service answers at that port.",
        do: "'ss -ltnp' says which; the line 'ready' of the daemon's log names its own address.")
    } else if let live = seen.live, live.status != 200 {
      add(
        .error, "not_live", "The serving loop stands still: \(live.text.trimmingLines)",
        "Nothing is read, decided or published.",
        do: "Keep its log, end it and let the supervisor start it again; please report it.")
    } else {
      pass("live")
    }
    guard let ready = seen.ready else { return }
    guard let told = readiness(ready) else {
      return add(
        .error, "not_ready", "readiness was answered with \(ready.status)", "It is not told what is missing.",
        do: "Look at the daemon's log.")
    }
    if ready.status != 200 {
      add(
        .error, "not_ready", "The daemon is \(told.status)", "No events are taken now.",
        do: told.status == "draining"
          ? "It is stopping: wait for the next one." : "Wait; if it lasts, look at its log.")
    } else {
      pass("ready")
    }
    for (name, check) in told.checks.sorted(by: { $0.key < $1.key })
    where name != "journal" && check.state == "failing" {
      add(
        .warning, "\(name)_failing", "\(name) is failing: \(check.detail ?? "no words")",
        "The daemon depends on it and goes on without it.", do: "Look at \(name).")
    }
  }

  private func readiness(_ response: HTTPClient.Response) -> ReadinessAnswer? {
    do throws(ClientFailure) { return try decode(ReadinessAnswer.self, from: response.body) } catch {
      return nil
    }
  }
}

extension String {
  /// On one line.
  var trimmingLines: String { split(whereSeparator: \.isNewline).joined(separator: " ") }
}
