import Events
import Wire

/// What the daemon says of each source is what came: nothing of a lossless source is lost or counted twice, and of
/// a lossy one what came and what is lost add up to what was numbered.
///
/// Exactly, with H the history that the surviving state has taken:
///
/// - lossless: the numbers that H took of each epoch are 1, 2, 3, … to the last that the publisher's ring took,
///   each once and with the bytes that it was given; the account says as many, and 0 lost. Of an epoch that a
///   restart without a ring file ended, they reach at least the last that was acknowledged.
/// - lossy: for each epoch in H, taken + lost is the last number that H heard, in a message or a head, less what was
///   before the first if that epoch is older than the account. Of the last epoch that is the last number of the
///   last head. An epoch of which H has nothing, since it came and went while the daemon was away or was lost with a
///   crash, cannot be known; nor can the tail of one that ended so.
final class AccountExact {
  private let world: World
  private var given: [String: [Message]] = [:]
  /// Epochs that ended with their ring, and where.
  private var abandonedAt: [String: UInt64] = [:]
  private var epochs: [SourceName: [UInt64]] = [:]
  /// What a lossy source did not send of its last epoch.
  var dropped: [SourceName: UInt64] = [:]

  init(_ world: World) { self.world = world }

  /// A number was given.
  func accepted(_ message: Message, _ source: SourceName, _ epoch: UInt64, _ number: UInt64) {
    let key = "\(source) \(epoch)"
    given[key, default: []].append(message)
    precondition(given[key]?.count == Int(number))
    if epochs[source]?.last != epoch { epochs[source, default: []].append(epoch) }
  }

  /// An epoch is over; what was not acknowledged is gone.
  func abandoned(_ source: SourceName, _ epoch: UInt64, upTo number: UInt64) {
    abandonedAt["\(source) \(epoch)"] = number
  }

  /// - Parameter reliable: sources of the lossless lane.
  func finish(
    _ history: AcceptedHistory, _ reports: [SourceReport], reliable: [SourceName],
    _ acknowledgements: AcknowledgedIsDurable
  ) {
    for source in history.order {
      guard let stream = history.streams[source] else { continue }
      guard let report = reports.first(where: { $0.source == source }) else {
        world.violate(.accountExact, "\(source) has no account")
        continue
      }
      let counts = report.counts
      let taken = counts.received - counts.duplicate - counts.stale
      check(source, "taken", taken, stream.taken)
      check(source, "lost", counts.lost, stream.lost)
      check(source, "duplicates", counts.duplicate, stream.duplicates)
      check(source, "restarts", counts.restarts, stream.restarts)
      for epoch in stream.epochs {
        let key = "\(source) \(epoch.epoch)"
        for (number, message) in epoch.taken {
          let original = given[key].flatMap { Int(number) <= $0.count ? $0[Int(number) - 1] : nil }
          world.require(
            original == message, .accountExact, "\(source): \(number) of \(epoch.epoch) is another message")
        }
        check(source, "of one epoch", UInt64(epoch.taken.count) + epoch.lost, epoch.last - epoch.base)
      }
      guard let current = epochs[source]?.last else { continue }
      let last = UInt64(given["\(source) \(current)"]?.count ?? 0)
      guard reliable.contains(source) else {
        if let heard = stream.epochs.last, heard.epoch == current {
          world.require(
            heard.last <= last, .accountExact, "\(source): \(heard.last) heard of \(last) that were given")
          world.require(
            heard.lastHead == last && report.position?.number == last, .accountExact,
            "\(source) stands at \(report.position?.number ?? 0) after the last head, of \(last)")
          check(source, "dropped by itself", counts.dropped, dropped[source] ?? 0)
        }
        continue
      }
      check(source, "lost on the lossless lane", counts.lost, 0)
      for epoch in epochs[source] ?? [] {
        let taken = stream.epochs.first { $0.epoch == epoch }?.taken.count ?? 0
        let key = "\(source) \(epoch)"
        if abandonedAt[key] != nil {
          let known = acknowledgements.acknowledged(source.text, epoch)
          world.require(
            taken >= known, .accountExact, "\(source): \(taken) taken of \(known) acknowledged of \(epoch)")
        } else {
          check(source, "of what its ring took", UInt64(taken), UInt64(given[key]?.count ?? 0))
        }
      }
      world.require(
        report.position == SequenceNumber(epoch: current, number: last), .accountExact,
        "\(source) stands at \(report.position.map { "\($0)" } ?? "nothing"), not at \(last) of \(current)")
    }
  }

  private func check(_ source: SourceName, _ what: String, _ found: UInt64, _ expected: UInt64) {
    world.require(found == expected, .accountExact, "\(source): \(what) \(found), expected \(expected)")
  }
}

/// What became of each message of a history by the tables of the specification, "Accounting" and "A source on the
/// reliable socket", read independently of the engine.
struct AcceptedHistory {
  struct Epoch {
    var epoch: UInt64
    /// What was before the account began.
    var base: UInt64
    var last: UInt64
    var lost: UInt64 = 0
    var lastHead: UInt64 = 0
    var taken: [(UInt64, Message)] = []
  }

  struct Stream {
    var epochs: [Epoch] = []
    var duplicates: UInt64 = 0
    var restarts: UInt64 = 0
    var taken: UInt64 { UInt64(epochs.reduce(0) { $0 + $1.taken.count }) }
    var lost: UInt64 { epochs.reduce(0) { $0 + $1.lost } }
  }

  private(set) var streams: [SourceName: Stream] = [:]
  /// Sources by appearance.
  private(set) var order: [SourceName] = []
  /// Of each input, whether an engine needs to be given it: signs, and messages that were not refused for their
  /// number.
  private(set) var isTaken: [Bool] = []

  init(_ history: [SimulatedDaemon.Input]) {
    var start: Timestamp?
    for input in history {
      switch input {
      case .time(let time), .settle(let time):
        if start == nil { start = time }
        isTaken.append(true)
      case .message(let message, let isReliable, _):
        isTaken.append(enter(message, isReliable, start ?? .max))
      case .report, .hold: isTaken.append(true)
      }
    }
  }

  private mutating func enter(_ message: Message, _ isReliable: Bool, _ start: Timestamp) -> Bool {
    guard let header = FramedHeader(message[1]), let kind = FramedHeader.Kind(rawValue: header.kind) else {
      return true
    }
    let topic = String(decoding: message[0], as: UTF8.self)
    guard let source = SourceName(String(topic.split(separator: "/").last ?? "")) else { return true }
    if streams[source] == nil {
      streams[source] = Stream()
      order.append(source)
    }
    let isSign = kind == .head || kind == .bye
    var stream = streams[source] ?? Stream()
    defer { streams[source] = stream }
    // On the lossless lane a head says only what was given up before `first`.
    var number = header.number
    if isSign && isReliable { number = max(1, Text(message[2]).number("first") ?? 1) - 1 }
    if isReliable && !isSign {
      let last = stream.epochs.last
      let next = last?.epoch == header.epoch ? (last?.last ?? 0) + 1 : 1
      // Not taken, and not counted.
      if number > next, header.epoch >= last?.epoch ?? 0 { return false }
    }
    if stream.epochs.last?.epoch != header.epoch {
      let isFirst = stream.epochs.isEmpty
      let isYoung = header.epoch > UInt64(clamping: start.nanoseconds) || isReliable && isSign
      let base = isFirst && !isYoung ? (isSign ? number : number - 1) : 0
      if !isFirst { stream.restarts += 1 }
      stream.epochs.append(Epoch(epoch: header.epoch, base: base, last: base))
    }
    var epoch = stream.epochs.removeLast()
    defer { stream.epochs.append(epoch) }
    if isSign {
      epoch.lastHead = max(epoch.lastHead, header.number)
      epoch.lost += number - min(number, epoch.last)
      epoch.last = max(epoch.last, number)
      return true
    }
    guard number > epoch.last else {
      stream.duplicates += 1
      return false
    }
    epoch.lost += number - epoch.last - 1
    epoch.last = number
    epoch.taken.append((number, message))
    return true
  }
}
