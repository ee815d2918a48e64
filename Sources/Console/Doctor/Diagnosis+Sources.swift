import Events

extension Diagnosis {
  /// Sources that are named one by one.
  private static let maximumNamed = 5

  mutating func losses(_ status: StatusAnswer) {
    let lossy = seen.sources.filter { $0.lost > 0 }.sorted { $0.lost > $1.lost }
    guard !lossy.isEmpty else { return pass("nothing lost") }
    for source in lossy.prefix(Self.maximumNamed) {
      let share = Double(source.lost) / Double(max(1, source.lost + source.received))
      let (meaning, action) = Self.cause(source)
      add(
        .warning, "losses",
        "\(source.source) lost \(Figures.count(source.lost)) of \(Figures.count(source.lost + source.received)) messages (\(Figures.percent(share)))",
        meaning, do: action)
    }
    if lossy.count > Self.maximumNamed {
      let rest = lossy.dropFirst(Self.maximumNamed)
      add(
        .warning, "losses",
        "\(Figures.word(rest.count, "further source")) lost \(Figures.count(rest.map(\.lost).reduce(0, +))) messages",
        "As above.", do: "tidemark sources lists them all.")
    }
  }

  /// Why messages go missing, as far as the account tells.
  private static func cause(_ source: SourceAnswer) -> (String, String) {
    if source.dropped * 2 >= source.lost {
      return (
        "It says itself that it dropped \(Figures.count(source.dropped)): its queue was full (SNDHWM), or the daemon was not there.",
        "Raise its high-water mark, send larger batches less often, or use the lossless lane (Publisher(reliable=True))."
      )
    }
    if source.restarts > 0 {
      return (
        "It began anew \(Figures.word(source.restarts, "time")): what a process has queued when it ends is lost, unless it lingers.",
        "Close the publisher with a linger and a bye (the client does), or use the lossless lane."
      )
    }
    return (
      "It did not drop them, so they were lost on the way: libzmq holds 1,000 messages a publisher (16 on sockets.features) while the daemon is busy.",
      "Send fewer, larger messages; look at the machine's load; what must not be lost goes by the lossless lane."
    )
  }

  mutating func clocks() {
    var isFine = true
    for source in seen.sources {
      guard let offset = source.clockOffsetMs, abs(offset) > 5_000 else { continue }
      isFine = false
      let isRefused = abs(offset) > 60_000
      add(
        isRefused ? .error : .warning, "clock_skew",
        "The clock of \(source.source) is \(Figures.span(seconds: abs(offset) / 1_000)) \(offset > 0 ? "behind" : "ahead of") the daemon's",
        isRefused
          ? "Its times are not believed: arrival is used."
          : "Its events are put into the wrong order and window.",
        do: "Synchronise that machine's clock (timedatectl).")
    }
    if isFine && !seen.sources.isEmpty { pass("clocks of sources") }
  }

  mutating func names() {
    let told = seen.alerts.filter { $0.monitor == "duplicate_source" }
    for alert in told {
      add(
        .error, "duplicate_source", "Two processes publish as \(alert.source ?? "one source")",
        "The events of each are refused in turn.",
        do: "Give each process a source name of its own, such as its pod's.")
    }
    if told.isEmpty { pass("names of sources") }
  }

  mutating func rejections(_ status: StatusAnswer) {
    let refusals = status.account.reasons.filter { Self.isRefusal($0.key) && $0.value > 0 }
      .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    guard !refusals.isEmpty else { return pass("nothing rejected") }
    for (reason, count) in refusals {
      let most = seen.sources.filter { $0.rejectedBy[reason] != nil }.max {
        ($0.rejectedBy[reason] ?? 0) < ($1.rejectedBy[reason] ?? 0)
      }
      let example = most.map { ", most of \($0.source) (\(Figures.count($0.rejectedBy[reason] ?? 0)))" } ?? ""
      let entry = ReasonWords.entries[reason]
      add(
        .warning, "rejected", "\(Figures.word(count, "event")) rejected as \(reason)\(example)",
        entry.map { "\($0.meaning.prefix(1).uppercased())\($0.meaning.dropFirst())." }
          ?? "A reason that this executable does not know.",
        do: entry.map { "\($0.advice.prefix(1).uppercased())\($0.advice.dropFirst())." }
          ?? "See the daemon's log.")
    }
  }

  /// Limits have findings of their own.
  private static func isRefusal(_ word: String) -> Bool {
    Reason(rawValue: word)?.isRefusal == true && word != "too_many_models" && word != "too_many_sources"
  }

  // MARK: The process

  mutating func process(_ metrics: MetricsText) {
    if let open = metrics["process_open_fds"], let limit = metrics["process_max_fds"], limit >= 1 {
      if open > 0.8 * limit {
        add(
          .warning, "descriptors",
          "\(Int(bounded: open)) of \(Int(bounded: limit)) file descriptors are open",
          "When none is left, new connections are refused.",
          do: "Raise its limit (LimitNOFILE=, ulimit -n), or look at who connects.")
      } else {
        pass("file descriptors")
      }
    }
    if let used = metrics["process_resident_memory_bytes"], let all = seen.memory, all > 0 {
      if used > 0.8 * all {
        add(
          .warning, "memory",
          "The daemon uses \(Figures.bytes(used)) of this machine's \(Figures.bytes(all))",
          "When memory runs out the system ends a process, and it may be this one.",
          do: "Give it more memory, or lower limits.models and the sizes under limits.")
      } else {
        pass("memory")
      }
    }
    for sample in metrics.all("tidemark_security_rejections_total") where sample.value > 0 {
      add(
        .warning, "security",
        "\(Figures.word(Int(bounded: sample.value), "connection")) rejected: \(sample.labels["reason"] ?? "no reason")",
        "Somebody has no key, a wrong one, or one that does not fit what it says.",
        do: "Is it a client of yours with an old key? If not, see who connects.")
    }
    sinks(metrics)
    if let dropped = metrics["tidemark_log_lines_dropped_total"], dropped > 0 {
      add(
        .note, "log", "\(Figures.word(Int(bounded: dropped), "line")) of the log were left out",
        "The log's rate is bounded; the metrics count everything.", do: "Nothing, unless you miss one.")
    }
  }

  private mutating func sinks(_ metrics: MetricsText) {
    var sinks: [String: [String: Double]] = [:]
    for sample in metrics.all("tidemark_sink_notifications_total") {
      sinks[sample.labels["sink"] ?? "a sink", default: [:]][sample.labels["outcome"] ?? "", default: 0] +=
        sample.value
    }
    var isFine = true
    for (sink, outcomes) in sinks.sorted(by: { $0.key < $1.key }) {
      let lost = (outcomes["dropped"] ?? 0) + (outcomes["refused"] ?? 0)
      let isUnheard = (outcomes["retried"] ?? 0) > 0 && (outcomes["delivered"] ?? 0) == 0
      guard lost > 0 || isUnheard else { continue }
      isFine = false
      add(
        .warning, "sink_failing",
        lost > 0
          ? "\(Figures.word(Int(bounded: lost), "notification")) to \(sink) lost"
          : "\(sink) takes no notification",
        lost > 0
          ? "Somebody has not heard of an alert." : "They are kept and tried again while there is room.",
        do:
          "Is its address right and reachable, and does it take what is sent? The daemon's log has its answers."
      )
    }
    if !sinks.isEmpty && isFine { pass("sinks") }
  }
}
