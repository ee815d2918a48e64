import Events

extension Diagnosis {
  /// Two machines whose clocks are kept differ by less.
  private static let clockTolerance = Duration.seconds(5)
  /// Nothing at all in so long after the start is worth a word.
  private static let silence = Duration.seconds(60)
  /// An orchestrator that runs claims within the time after which the daemon asks again.
  private static let claimPatience = Duration.seconds(120)

  mutating func daemon(_ status: StatusAnswer) {
    if status.version != seen.ownVersion {
      add(
        .warning, "version", "The daemon is \(status.version), this executable \(seen.ownVersion)",
        "Commands of one version may not understand the answers of another.",
        do: "Restart the daemon if it was updated, or use the executable that it runs.")
    } else {
      pass("version \(status.version)")
    }
    if let reload = status.configuration.lastReload, !reload.successful {
      add(
        .error, "reload_failed", "The reload of \(Figures.time(reload.at)) UTC failed",
        "The daemon goes on with the configuration before it, revision \(status.configuration.revision).",
        do:
          "tidemark check --config \(status.configuration.file ?? "FILE") says what is wrong; then reload again."
      )
    } else {
      pass("configuration")
    }
    guard let ahead = seen.clockAhead else { return }
    if max(ahead, .zero - ahead) > Self.clockTolerance {
      add(
        .warning, "clock",
        "The daemon's clock is \(Figures.span(max(ahead, .zero - ahead))) \(ahead > .zero ? "ahead of" : "behind") this machine's",
        "Timers and ages are told by a clock that is not the one here.",
        do: "Let both machines synchronise (timedatectl).")
    } else {
      pass("clock")
    }
  }

  mutating func journal(_ status: StatusAnswer) {
    let journal = status.journal
    switch journal.state {
    case "failing":
      add(
        .error, "journal_failing", "The journal cannot be written: \(journal.detail ?? "no words")",
        "Events are measured, but nothing is decided or published that is not stored: \(Figures.word(journal.outputsWaiting, "message")) waiting, since \(Figures.time(journal.since)) UTC.",
        do: "Free space on the disk of 'state', or mend its permissions; it goes on by itself.")
    case "off":
      add(
        .note, "no_journal", "There is no journal", "A restart forgets baselines, open alerts and decisions.",
        do: "state: DIRECTORY in the configuration keeps them.")
    default: pass("journal")
    }
    if let disk = seen.disk, disk.total > 0 {
      let share = disk.free / disk.total
      let words = "\(Figures.bytes(disk.free)) of \(Figures.bytes(disk.total)) are free where the journal is"
      if share < 0.02 {
        add(.error, "disk", words, "When it is full nothing is decided any more.", do: "Free space now.")
      } else if share < 0.1 {
        add(
          .warning, "disk", words, "When it is full nothing is decided any more.",
          do: "Free space, or move 'state'.")
      } else {
        pass("disk")
      }
    }
  }

  mutating func limits(_ status: StatusAnswer) {
    for (what, population, refusal, key) in [
      ("models", status.models, "too_many_models", "limits.models"),
      ("sources", status.sources, "too_many_sources", "limits.sources"),
    ] {
      let refused = status.account.reasons[refusal] ?? 0
      let words = "\(Figures.count(population.total)) of at most \(Figures.count(population.limit)) \(what)"
      let advice = ReasonWords.entries[refusal]?.advice ?? "raise \(key)"
      if refused > 0 {
        add(
          .error, refusal, "\(words); \(Figures.word(refused, "event")) refused",
          "Events of further ones are not looked at.",
          do: advice)
      } else if population.limit > 0 && Double(population.total) >= 0.9 * Double(population.limit) {
        add(.warning, "\(what)_limit", words, "Events of further ones will be refused.", do: advice)
      } else {
        pass("\(what) within their limit")
      }
    }
  }

  mutating func models(_ status: StatusAnswer) {
    let stale = status.models.byState["stale"] ?? 0
    guard stale > 0 else { return pass("no stale model") }
    let names = seen.stale.prefix(3).map {
      "\($0.name) for \(Figures.span($0.lastEventAt.duration(to: status.now).wholeSeconds))"
    }
    add(
      .warning, "stale_models",
      "\(Figures.word(stale, "model is", "models are")) stale"
        + (names.isEmpty ? "" : ": \(names.joined(separator: ", "))"),
      "Nothing has come of \(stale == 1 ? "it" : "them"), so nothing is known: neither good nor bad.",
      do: "Is the model served, and does its process publish to this daemon?")
  }

  mutating func decisions(_ status: StatusAnswer) {
    let expired = seen.decisions.count { $0.state == "expired" }
    var isWaiting = false
    for detail in seen.unclaimed {
      guard let waited = Self.waited(detail), waited > Self.claimPatience else { continue }
      isWaiting = true
      add(
        .warning, "unclaimed",
        "\(detail.decision.id) of \(detail.decision.name) waits for \(Figures.span(waited.wholeSeconds)) and nobody claims it",
        "It is asked again at growing intervals and expires in the end.",
        do:
          "Is an orchestrator running and connected to the output socket? By hand: tidemark ack \(detail.decision.id) --owner ME"
      )
    }
    if expired > 0 {
      add(
        .warning, "expired",
        "\(Figures.word(expired, "decision")) expired, since nobody claimed \(expired == 1 ? "it" : "them")",
        "The models are as they were.", do: "Is an orchestrator running? See protocol/examples for some.")
    }
    if seen.alerts.contains(where: { $0.monitor == "orchestrator" }) {
      add(
        .error, "orchestrator_stalled", "A retrain was claimed and never started",
        "Whoever claims decisions does not carry them out.",
        do: "Look at the orchestrator's workers and its log.")
    } else if !isWaiting && expired == 0 {
      pass("decisions claimed")
    }
  }

  /// Since it was issued, by the arrival clock: back from when it expires.
  private static func waited(_ detail: DecisionDetail) -> Duration? {
    guard let expiry = detail.timers.first(where: { $0.timer == "expiry" }),
      let seconds = detail.messages.compactMap(\.data.expiresAfterS).last
    else { return nil }
    return expiry.at.advanced(by: .seconds(-Int(bounded: seconds))).duration(to: detail.at)
  }

  mutating func input(_ status: StatusAnswer) {
    if status.account.received == 0, status.since.duration(to: status.now) > Self.silence {
      add(
        .warning, "no_events", "No event has come since \(Figures.time(status.since)) UTC",
        "Nothing is watched.",
        do: "Do publishers connect to the ingest socket of this daemon? The line 'ready' of its log names it."
      )
    }
    losses(status)
    clocks()
    names()
    rejections(status)
    let unsequenced = seen.sources.filter { $0.unsequenced > 0 }
    if !unsequenced.isEmpty {
      add(
        .warning, "unsequenced",
        "\(Self.list(unsequenced)) \(unsequenced.count == 1 ? "does" : "do") not number messages",
        "What is lost of them cannot be seen, and decisions on their models have no coverage.",
        do: "Use a client that numbers (protocol/python), or give 'sequence' and 'epoch'.")
    } else if !seen.sources.isEmpty {
      pass("numbered sources")
    }
  }

  private static func list(_ sources: [SourceAnswer]) -> String {
    let names = sources.prefix(3).map(\.source).joined(separator: ", ")
    return sources.count > 3 ? "\(names) and \(Figures.count(sources.count - 3)) more" : names
  }
}
