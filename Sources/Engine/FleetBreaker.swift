import Decisions
import Events

/// When many models that one source sends features of drift at once, it is the data that broke, not the models.
package struct FleetSettings: Sendable, Equatable {
  package var isOn = true
  /// Of the models of a feed, at least so many and at least this share.
  package var least = 5
  package var share = 0.2
  /// Openings so close together count.
  package var within = Duration.seconds(900)

  package init() {}

  func needed(of members: Int) -> Int { max(least, Int((share * Double(members)).rounded(.up))) }
}

/// What is known of the models that each source sends features of; of preset `standard` alone.
///
/// A model belongs to the source of its last batch. Memory: about 60 bytes a model.
struct FleetBreaker: Sendable {
  struct Feed: Sendable {
    let source: SourceName
    var members: Set<Int> = []
    /// Models that broke within the last while, each once, by arrival.
    var broken: [Opening] = []
    var policy = AlertPolicy()
    /// Those that it is open for.
    var held: Set<Int> = []

    var isOpen: Bool { policy.openEpisode != nil }
    /// Whether there is anything that the models' own records do not say.
    var hasState: Bool { !broken.isEmpty || policy.hasCourse || policy.hasOpened }
  }

  struct Opening: Sendable {
    var model: Int
    var at: Timestamp
  }

  /// By the serial number of the source.
  var feeds: [Int64: Feed] = [:]
  /// Whether an alert is open and the settings ask for none.
  var isOrphaned = false
}

extension MonitoringEngine {
  /// A batch of a model of preset `standard` came from a source.
  @inline(__always)
  mutating func noteFeed(
    ofModel index: Int, source: Int, _ occasion: some Occasion, into effects: inout [Effect]
  ) {
    guard settings.fleet.isOn, models[index].feed != ledgers[source].serial else { return }
    leave(index, occasion, into: &effects)
    join(index, ledgers[source])
  }

  private mutating func leave(_ index: Int, _ occasion: some Occasion, into effects: inout [Effect]) {
    let serial = models[index].feed
    guard var feed = breaker.feeds.removeValue(forKey: serial) else { return }
    feed.members.remove(index)
    feed.held.remove(index)
    if feed.isOpen, feed.held.isEmpty,
      let transition = feed.policy.observe(finding(feed, 0, isViolated: false), at: now)
    {
      tell(transition, &feed, occasion, into: &effects)
    }
    if !feed.members.isEmpty || feed.hasState { breaker.feeds[serial] = feed }
  }

  /// Ends what the settings ask for no more.
  mutating func endOrphanedFeeds(into effects: inout [Effect]) {
    breaker.isOrphaned = false
    for serial in breaker.feeds.keys.sorted() {
      guard var feed = breaker.feeds[serial],
        let transition = feed.policy.resolve(.ruleRemoved, at: now)
      else { continue }
      tell(transition, &feed, DeadlineOccasion(due: now), into: &effects)
      breaker.feeds[serial] = feed
    }
    hasChanged = true
  }

  private mutating func join(_ index: Int, _ ledger: SourceLedger) {
    models[index].feed = ledger.serial
    breaker.feeds[ledger.serial, default: .init(source: ledger.source)].members.insert(index)
    models[index].isFleetHeld = breaker.feeds[ledger.serial]?.isOpen ?? false
  }

  /// After an alert of the model moved.
  mutating func noteFleet(ofModel index: Int, _ occasion: some Occasion, into effects: inout [Effect]) {
    let isBroken = models[index].isFeedBroken
    guard settings.fleet.isOn, models[index].feed != 0, isBroken != models[index].isBroken,
      var feed = breaker.feeds.removeValue(forKey: models[index].feed)
    else { return }
    models[index].isBroken = isBroken
    var transition: AlertTransition?
    if isBroken {
      transition = entered(index, &feed)
    } else if feed.isOpen {
      let left = feed.held.count { models[$0].isBroken }
      if left * 2 < feed.held.count {
        transition = feed.policy.observe(finding(feed, left, isViolated: false), at: now)
      }
    }
    if let transition { tell(transition, &feed, occasion, into: &effects) }
    breaker.feeds[models[index].feed] = feed
    hasChanged = true
  }

  private mutating func entered(_ index: Int, _ feed: inout FleetBreaker.Feed) -> AlertTransition? {
    if feed.isOpen {
      feed.held.insert(index)
      return nil
    }
    let since = now.advanced(by: .zero - settings.fleet.within)
    feed.broken.removeAll { $0.at < since || $0.model == index || !models[$0.model].isBroken }
    feed.broken.append(.init(model: index, at: now))
    let together = feed.broken.map(\.model).filter(feed.members.contains)
    guard together.count >= settings.fleet.needed(of: feed.members.count) else { return nil }
    feed.held = Set(together)
    return feed.policy.observe(finding(feed, together.count, isViolated: true), at: now)
  }

  private mutating func tell(
    _ transition: AlertTransition, _ feed: inout FleetBreaker.Feed, _ occasion: some Occasion,
    into effects: inout [Effect]
  ) {
    for member in feed.members { models[member].isFleetHeld = feed.isOpen }
    if !feed.isOpen { (feed.held, feed.broken) = ([], []) }
    var transition = transition
    transition.circumstances.validFor = settings.resend * 4
    effects.append(
      .publish(
        Publication(model: .unspecified, time: now, cause: occasion.cause, output: .alert(transition))))
  }

  private func finding(_ feed: FleetBreaker.Feed, _ count: Int, isViolated: Bool) -> Finding {
    let needed = settings.fleet.needed(of: feed.members.count)
    return Finding(
      monitor: .fleet, isViolated: isViolated, severity: .high, value: Double(count),
      threshold: Double(needed), source: feed.source, score: Double(count) / Double(max(1, needed)))
  }

  /// Those that are open, as they stand.
  var standingFleetAlerts: [Publication] {
    breaker.feeds.sorted { $0.key < $1.key }.compactMap { _, feed in
      guard var standing = feed.policy.standing else { return nil }
      standing.circumstances.validFor = settings.resend * 4
      return Publication(
        model: .unspecified, time: standing.evaluatedAt, cause: .timer(standing.evaluatedAt),
        output: .alert(standing))
    }
  }
}

// MARK: State

extension FleetBreaker {
  var hasState: Bool { feeds.values.contains(where: \.hasState) }

  func encode(to writer: inout StateWriter) {
    writer.write(feeds.filter(\.value.hasState).sorted { $0.key < $1.key }) { writer, entry in
      writer.write(entry.key)
      writer.write(entry.value.source.text)
      writer.write(entry.value.broken) { writer, opening in
        writer.write(opening.model)
        writer.write(opening.at)
      }
      writer.write(entry.value.held.sorted()) { $0.write($1) }
      entry.value.policy.encode(to: &writer)
      entry.value.policy.encodeCourse(to: &writer)
    }
  }

  init(from reader: inout StateReader) throws(StateError) {
    for _ in 0..<(try reader.read(UInt32.self)) {
      let serial = try reader.read(Int64.self)
      guard let source = SourceName(try reader.readText()) else { throw StateError("no source") }
      var feed = Feed(source: source)
      feed.broken = try reader.readArray { (reader) throws(StateError) in
        Opening(model: try reader.readInt(), at: try reader.readTimestamp())
      }
      feed.held = Set(try reader.readArray { (reader) throws(StateError) in try reader.readInt() })
      let unknown = Finding(
        monitor: .fleet, isViolated: true, severity: .high, value: .nan, threshold: .nan, source: source)
      feed.policy = try AlertPolicy(from: &reader, unknown: unknown)
      try feed.policy.restoreCourse(from: &reader)
      feeds[serial] = feed
    }
  }
}

extension MonitoringEngine {
  /// Puts models that were read back into the feeds that they belong to.
  mutating func rejoinFeeds() throws(StateError) {
    let sources = Dictionary(ledgers.map { ($0.serial, $0.source) }) { first, _ in first }
    for index in models.indices where models[index].feed != 0 {
      let serial = models[index].feed
      guard settings.fleet.isOn, models[index].isStandard,
        let source = breaker.feeds[serial]?.source ?? sources[serial]
      else {
        models[index].feed = 0
        continue
      }
      breaker.feeds[serial, default: .init(source: source)].members.insert(index)
      // As it was last heard: alerts and feeds are written down at one moment.
      models[index].isBroken = models[index].isFeedBroken
      models[index].isFleetHeld = breaker.feeds[serial]?.isOpen ?? false
    }
    breaker.isOrphaned = !settings.fleet.isOn && breaker.feeds.values.contains(where: \.isOpen)
    for feed in breaker.feeds.values {
      guard (feed.broken.map(\.model) + feed.held).allSatisfy(models.indices.contains) else {
        throw StateError("a feed of models that there are not")
      }
    }
  }
}

extension ModelState {
  /// Whether what it is sent drifts, or has other columns than it should.
  fileprivate var isFeedBroken: Bool {
    alerts.drift.openEpisode != nil || alerts.schema.openEpisode != nil
  }
}
