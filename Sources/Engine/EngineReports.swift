package import Events

// What is told to whoever looks at the fleet. It is made only while somebody asks, and no event, effect or record
// depends on it.
extension MonitoringEngine {
  /// Begins to note which models change: all of them have, for a start.
  package mutating func beginReporting() {
    guard !isReporting else { return }
    isReporting = true
    for index in models.indices { noteUnreported(index) }
  }

  /// Ends that, and gives the memory back.
  package mutating func endReporting() {
    isReporting = false
    for index in unreported { models[index].isUnreported = false }
    unreported = []
  }

  @inline(__always)
  mutating func noteUnreported(_ index: Int) {
    guard !models[index].isUnreported else { return }
    models[index].isUnreported = true
    unreported.append(index)
  }

  /// Hands out the reports of models that changed since they were last handed out, at most `limit` of them.
  ///
  /// Cost: about 1 µs a model.
  /// - Returns: whether there are more.
  package mutating func takeReports(
    limit: Int, _ body: (_ place: Int, _ report: ModelReport) -> Void
  ) -> Bool {
    for index in unreported.suffix(limit) {
      models[index].isUnreported = false
      body(index, ModelReport(models[index].summary))
    }
    unreported.removeLast(min(limit, unreported.count))
    return !unreported.isEmpty
  }

  /// All that is told of one model; nil for one that is not watched.
  package func detail(of key: ModelKey) -> ModelDetail? {
    modelIndex[key].map { models[$0].detail(ledgers, at: now, isHeld: isHeld) }
  }

  /// Alerts that are open about sources, and about what they send to many models. Cost: O(sources).
  package var sourceAlerts: [AlertReport] {
    let rivals = ledgers.compactMap { ledger in
      ledger.rivalry.openEpisode.map {
        AlertReport(monitor: .duplicateSource, source: ledger.source, episode: $0)
      }
    }
    return rivals
      + breaker.feeds.values.compactMap { feed in
        feed.policy.standing.map { standing in
          AlertReport(
            monitor: .fleet, source: feed.source, episode: standing.episode, value: standing.finding.value,
            threshold: standing.finding.threshold, state: standing.state, flags: standing.flags)
        }
      }
  }

  /// The silences in force, in the order in which they were made; at most a thousand.
  package var silencesInForce: [Silence] { silences.silences }

  /// What is held at most.
  package var limits: EngineLimits { settings.limits }
}
