import Decisions
import Events

/// The account of one source's stream: what was seen, what is missing, what came twice.
///
/// With sequence numbers: a jump is a gap at once, since one connection never reorders; a number not
/// above the last is a duplicate; a higher epoch is a restart, a lower one stale; a head above the last
/// number is a lost tail. Without them: ids are remembered, the last ``RecentIDs/capacity``.
struct SourceLedger: Sendable {
  /// Three missed heads of one second: how long a higher epoch must be silent before a lower one is
  /// believed, as after a clock that was set back.
  static let staleEpochSilence = Duration.seconds(3)
  /// Heads that must be missed in a row before a source counts as stale.
  static let missedHeads = 3

  /// Its own for ever, while places in lists move.
  let serial: Int64
  let source: SourceName
  var lastHeard: Timestamp
  var counts = SourceReport.Counts()
  /// Begins anew with each start of the daemon.
  private(set) var clock = ClockOffset()
  var position: SequenceNumber?
  /// When the epoch in force was last heard of.
  var lastInForce = Timestamp.min
  /// Where a higher epoch stood when a lower one took over from it: if it was not dead, it goes on from there.
  var displaced: SequenceNumber?
  var headInterval: Duration?
  var hasEnded = false
  /// Whether it was heard on the lossless lane.
  var isReliable = false
  var recent = RecentIDs()
  var rivalry = EpochRivalry()
  /// Whether a checkpoint is still to be told.
  var isChanged = false

  init(serial: Int64, source: SourceName, at arrival: Timestamp) {
    self.serial = serial
    self.source = source
    lastHeard = arrival
  }

  /// Messages that came for the first time.
  var taken: UInt64 { counts.received &- counts.duplicate &- counts.stale }

  /// One of the lossless lane comes back with the number after the last acknowledged, so to forget it early
  /// would count all before as lost.
  func isForgotten(at now: Timestamp) -> Bool {
    // An alert about it would never resolve.
    if rivalry.isAlertOpen { return false }
    let isWorth = isReliable && !hasEnded && counts.received > 0
    let memory = isWorth ? MonitoringEngine.reliableSourceMemory : MonitoringEngine.sourceMemory
    return lastHeard.duration(to: now) >= memory
  }

  mutating func countRejected(_ reason: Reason) {
    counts.rejected &+= 1
    counts.rejectedBy[reason, default: 0] &+= 1
  }
  mutating func countLate() { counts.late &+= 1 }

  func report(at now: Timestamp) -> SourceReport {
    var state = SourceReport.State.silent
    if let headInterval {
      state = lastHeard.duration(to: now) > headInterval * Self.missedHeads ? .stale : .live
    }
    return SourceReport(
      source: source, counts: counts, position: position, state: hasEnded ? .ended : state,
      lastHeard: lastHeard, clockOffset: clock.offset)
  }

  // MARK: Entering

  /// Enters an event; remarks about it become effects.
  ///
  /// - Parameter start: an epoch that began later is accounted from its number 1, an older one from the
  ///   first number that is heard.
  /// - Throws: `duplicate` or `staleEpoch`: the event is not to be handled.
  mutating func enter(
    _ header: EventHeader, at arrival: Timestamp, start: Timestamp, isReliable: Bool,
    into effects: inout [Effect]
  ) throws(Remark) {
    if isReliable, let sequence = header.sequence {
      self.isReliable = true
      try requireOrder(sequence)
    }
    counts.received &+= 1
    guard let sequence = header.sequence else {
      (lastHeard, hasEnded) = (arrival, false)
      guard recent.insert(header.id) else {
        counts.duplicate &+= 1
        throw Remark(.duplicate, "this id was among the last")
      }
      counts.unsequenced &+= 1
      effects.append(.account(Remark(.unsequenced)))
      return
    }
    // What a steady stream does: the next number of the same epoch.
    if let last = position, last.epoch == sequence.epoch, sequence.number > 0,
      sequence.number - 1 == last.number
    {
      position = sequence
    } else {
      let reached: UInt64?
      do throws(Remark) {
        reached = try self.reached(
          in: sequence, header, isEnd: false, at: arrival, start: start, into: &effects)
      } catch {
        counts.stale &+= 1
        throw error
      }
      if let reached, sequence.number <= reached {
        counts.duplicate &+= 1
        (lastHeard, lastInForce, hasEnded) = (arrival, arrival, false)
        throw Remark(.duplicate, "sequence \(sequence.number), already at \(reached)")
      }
      position = sequence
      if let reached {
        note(missing: sequence.number - reached - 1, before: "\(sequence.number)", into: &effects)
      }
    }
    heard(header, at: arrival, into: &effects)
  }

  /// On the lossless lane what is missing comes again, so a number further on is not taken, nor counted.
  ///
  /// - Throws: `outOfOrder`.
  private func requireOrder(_ sequence: SequenceNumber) throws(Remark) {
    // After the last number that there is, all that comes is a duplicate.
    guard position?.number != .max else { return }
    let isKnown = position?.epoch == sequence.epoch
    let next = isKnown ? (position?.number ?? 0) &+ 1 : 1
    // Of an epoch that is not in force, what comes first is for the account to judge.
    guard sequence.number > next, isKnown || position == nil || sequence.epoch > position!.epoch else {
      return
    }
    throw Remark(.outOfOrder, "sequence \(sequence.number), want \(next)")
  }

  /// Enters a head or bye, whose number is the last that its source used.
  ///
  /// On the lossless lane it tells no loss: what is missing up to it will come, from `first` on.
  ///
  /// - Throws: `staleEpoch`.
  mutating func enter(
    _ head: Head, isEnd: Bool, _ header: EventHeader, at arrival: Timestamp, start: Timestamp,
    isReliable: Bool, into effects: inout [Effect]
  ) throws(Remark) {
    guard var last = header.sequence else { return }
    var start = start
    if isReliable {
      self.isReliable = true
      // What was before `first` is lost, also of a source that nobody here knows; without it nothing is said.
      last.number = max(1, head.first ?? 1) - 1
      start = .min
    }
    let reached = try reached(in: last, header, isEnd: isEnd, at: arrival, start: start, into: &effects)
    if let reached, last.number > reached {
      note(missing: last.number - reached, before: "the head at \(last.number)", into: &effects)
    }
    if last.number > reached ?? 0 || position?.epoch != last.epoch {
      position = SequenceNumber(epoch: last.epoch, number: max(last.number, reached ?? 0))
    }
    counts.dropped = head.dropped
    headInterval = head.interval ?? headInterval
    heard(header, at: arrival, into: &effects)
    hasEnded = isEnd
  }

  private mutating func heard(_ header: EventHeader, at arrival: Timestamp, into effects: inout [Effect]) {
    (lastHeard, lastInForce, hasEnded) = (arrival, arrival, false)
    if let resolution = rivalry.heardInForce(at: arrival) { publish(resolution, header, arrival, &effects) }
    guard let sentAt = header.sentAt, clock.observe(sentAt: sentAt, arrival: arrival) else { return }
    let seconds = clock.offset?.secondsValue ?? 0
    effects.append(.account(Remark(.clockSkew, "\(source): its clock differs by \(-seconds) s")))
  }

  /// The last number of its epoch that was heard of before `sequence`; nil when any may come first.
  ///
  /// - Throws: `staleEpoch`.
  private mutating func reached(
    in sequence: SequenceNumber, _ header: EventHeader, isEnd: Bool, at arrival: Timestamp, start: Timestamp,
    into effects: inout [Effect]
  ) throws(Remark) -> UInt64? {
    guard let last = position else {
      return sequence.epoch > UInt64(clamping: start.nanoseconds) ? 0 : nil
    }
    if sequence.epoch == last.epoch { return last.number }
    // The end of an older process says nothing against a newer one that is quiet.
    let isSilent = !isEnd && lastInForce.duration(to: arrival) >= Self.staleEpochSilence
    guard sequence.epoch > last.epoch || isSilent else {
      if let transition = rivalry.heardStale(at: arrival) { publish(transition, header, arrival, &effects) }
      throw Remark(.staleEpoch, "epoch \(sequence.epoch), \(last.epoch) is in force")
    }
    counts.restarts &+= 1
    counts.dropped = 0
    clock = ClockOffset()
    effects.append(.account(Remark(.restarted)))
    guard sequence.epoch > last.epoch else {
      // It began at some other time than the one that was heard before it.
      displaced = last
      return nil
    }
    defer { displaced = nil }
    guard let displaced, displaced.epoch == sequence.epoch else { return 0 }
    if let transition = rivalry.returned(at: arrival) { publish(transition, header, arrival, &effects) }
    return displaced.number
  }

  private mutating func note(
    missing: UInt64, before place: @autoclosure () -> String, into effects: inout [Effect]
  ) {
    guard missing > 0 else { return }
    let (sum, overflow) = counts.lost.addingReportingOverflow(missing)
    counts.lost = overflow ? .max : sum
    effects.append(
      .account(Remark(.gap, count: missing, "\(missing) missing before \(place())")))
  }

  private func publish(
    _ transition: AlertTransition, _ header: EventHeader, _ arrival: Timestamp, _ effects: inout [Effect]
  ) {
    var transition = transition
    transition.finding.source = source
    effects.append(
      .publish(
        Publication(
          model: .unspecified, time: arrival,
          cause: .event(origin: header.origin, id: header.id, traceParent: header.traceParent),
          output: .alert(transition))))
  }
}

/// The last ids of a source without sequence numbers, as 64-bit hashes.
struct RecentIDs: Sendable {
  /// 8 bytes each in the ring and about 8 in the set.
  static let capacity = 1_024

  private var hashes: Set<UInt64> = []
  private var ring: [UInt64] = []
  private var oldest = 0

  /// Whether `id` is new; if so it takes the place of the oldest.
  mutating func insert(_ id: EventID) -> Bool {
    let hash = stableHash(id.description)
    guard hashes.insert(hash).inserted else { return false }
    if ring.count < Self.capacity {
      ring.append(hash)
    } else {
      hashes.remove(ring[oldest])
      ring[oldest] = hash
      oldest = (oldest + 1) % Self.capacity
    }
    return true
  }

  func encode(to writer: inout StateWriter) {
    // From the oldest on, so that it is the first again.
    writer.write(Array(ring[oldest...] + ring[..<oldest])) { $0.write($1) }
  }

  init(from reader: inout StateReader) throws(StateError) {
    ring = try reader.readArray { (reader) throws(StateError) in try reader.read(UInt64.self) }
    guard ring.count <= Self.capacity else { throw StateError("\(ring.count) ids") }
    hashes = Set(ring)
  }

  init() {}
}

/// Tells two processes under one source name from a restart: epochs that alternate for
/// ``SourceLedger/staleEpochSilence`` or longer are an alert; one that was heard no more for as long resolves
/// it. Processes that are slower than that take turns instead of being refused: then two returns are the alert,
/// and a minute of one alone resolves it.
struct EpochRivalry: Sendable {
  private var since: Timestamp?
  private var lastStale = Timestamp.min
  private var wasHeardBetween = false
  private var alternations = 0
  /// Times that an epoch came back which a lower one had taken over from.
  private var returns = 0
  private var policy = AlertPolicy()
  /// No alert moves: what would be could not be kept.
  var isHeld = false

  var isAlertOpen: Bool { policy.openEpisode != nil }
  /// The alert that is open; nil when none is.
  var openEpisode: Episode? { policy.openEpisode }

  /// A message of the older epoch, while the newer one is in force.
  mutating func heardStale(at now: Timestamp) -> AlertTransition? {
    if since == nil || lastStale.duration(to: now) > SourceLedger.staleEpochSilence {
      (since, alternations) = (now, 0)
    } else if wasHeardBetween {
      alternations += 1
    }
    (lastStale, wasHeardBetween) = (now, false)
    let overlap = (since ?? now).duration(to: now)
    guard overlap >= SourceLedger.staleEpochSilence, alternations >= 2, !isHeld else { return nil }
    return policy.observe(Self.finding(overlap, isViolated: true), at: now)
  }

  /// An epoch came back that had been silent long enough for a lower one to be taken.
  mutating func returned(at now: Timestamp) -> AlertTransition? {
    returns += 1
    let start = since ?? now
    (since, lastStale) = (start, now)
    guard returns >= 2, !isHeld else { return nil }
    return policy.observe(Self.finding(start.duration(to: now), isViolated: true), at: now)
  }

  /// How long no other epoch may be heard until the rivalry is over.
  private var calm: Duration { returns > 0 ? .seconds(60) : SourceLedger.staleEpochSilence }

  /// A message of the epoch in force.
  mutating func heardInForce(at now: Timestamp) -> AlertTransition? {
    guard let since else { return nil }
    wasHeardBetween = true
    guard lastStale.duration(to: now) > calm, !isHeld else { return nil }
    (self.since, returns) = (nil, 0)
    return policy.observe(Self.finding(since.duration(to: lastStale), isViolated: false), at: now)
  }

  init() {}

  func encode(to writer: inout StateWriter) {
    writer.write(since) { $0.write($1) }
    writer.write(lastStale)
    writer.write(wasHeardBetween)
    writer.write(alternations)
    writer.write(returns)
    policy.encode(to: &writer)
  }

  var hasCourse: Bool { policy.hasCourse }
  func encodeCourse(to writer: inout StateWriter) { policy.encodeCourse(to: &writer) }
  mutating func restoreCourse(from reader: inout StateReader) throws(StateError) {
    try policy.restoreCourse(from: &reader)
  }

  /// The open alert as it stands.
  var standing: AlertTransition? { policy.standing }

  init(from reader: inout StateReader) throws(StateError) {
    since = try reader.readOptional { (reader) throws(StateError) in try reader.readTimestamp() }
    lastStale = try reader.readTimestamp()
    wasHeardBetween = try reader.readBool()
    alternations = Int(try reader.readCount())
    returns = Int(try reader.readCount())
    policy = try AlertPolicy(
      from: &reader, unknown: Self.finding(SourceLedger.staleEpochSilence, isViolated: true))
  }

  private static func finding(_ overlap: Duration, isViolated: Bool) -> Finding {
    Finding(
      monitor: .duplicateSource, isViolated: isViolated, severity: .high, value: overlap.secondsValue,
      threshold: SourceLedger.staleEpochSilence.secondsValue)
  }
}

/// FNV-1a, 64 bits: equal in every run, unlike `Hasher`, so that replay repeats itself exactly.
/// Constants: draft-eastlake-fnv.
func stableHash(_ text: String) -> UInt64 { stableHash(text.utf8) }

func stableHash(_ bytes: some Sequence<UInt8>) -> UInt64 {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  return hash
}
