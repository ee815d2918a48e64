import Engine
import Events
import Journal
import Wire
import ZeroMQ

/// Sends again what is open, and for a while what has ended, so that a message that was lost heals by itself.
///
/// A repeat is an alert as it stands, under the topic, the id and the revision of its last message, with a new
/// `valid_until`; it takes no number, so losses are counted as before, and nothing is stored. What a transaction still
/// holds back is not told ahead of it. Nobody is sent anything who does not subscribe to alerts.
struct AlertRepeats: ~Copyable {
  /// In one turn of the loop, at about 10 µs each.
  static let slice = 64
  /// How long what has ended is repeated.
  static let resolvedMemory = Duration.seconds(15 * 60)
  /// Ended alerts that are remembered, about 1.5 KiB each: 15 MiB. Of more, the oldest are repeated no further.
  static let maximumResolved = 10_000

  private var nextRound = Timestamp.min
  private var nextSlice = Timestamp.max
  private var spacing = Duration.zero
  /// Of this round, what is still to be told, from the end.
  private var models: [Int] = []
  private var others: [StoredMessage] = []
  private var resolved = ResolvedAlerts()

  /// Takes note of what was sent.
  mutating func note(_ message: StoredMessage, _ output: Output, at now: Timestamp) {
    guard case .alert(let transition) = output else { return }
    resolved.note(message, transition, at: now)
  }

  /// When something is to be told; never where nobody listens.
  func nextDue(_ output: borrowing OutputPort) -> Timestamp {
    output.wantsAlerts ? min(nextRound, nextSlice) : .max
  }

  /// Sends what is due.
  mutating func send(
    _ delivery: borrowing Delivery, _ output: inout OutputPort, at now: Timestamp
  ) throws(ZeroMQError) {
    guard now >= nextDue(output) else { return }
    let resend = delivery.engine.settings.resend
    if now >= nextRound { try begin(delivery, &output, resend, at: now) }
    guard now >= nextSlice else { return }
    let unsent = delivery.unsentTopics
    for _ in 0..<Self.slice {
      if let model = models.popLast() {
        for publication in delivery.engine.standingAlerts(ofModel: model) {
          try output.sendAgain(publication, unless: unsent, at: now)
        }
      } else if let message = others.popLast() {
        try output.sendAgain(message, unless: unsent, at: now)
      } else {
        break
      }
    }
    nextSlice = models.isEmpty && others.isEmpty ? .max : now.advanced(by: spacing)
  }

  /// A round takes half of the time to the next one, in slices of even distance.
  private mutating func begin(
    _ delivery: borrowing Delivery, _ output: inout OutputPort, _ resend: Duration, at now: Timestamp
  ) throws(ZeroMQError) {
    let isFirst = nextRound == .min
    nextRound = now.advanced(by: resend)
    // Of a round that is not done the rest is in the next one as well.
    guard !isFirst else { return }
    models = delivery.engine.modelsWithOpenAlerts
    others = resolved.messages(at: now)
    let unsent = delivery.unsentTopics
    for publication in delivery.engine.standingAlertsOfSources {
      try output.sendAgain(publication, unless: unsent, at: now)
    }
    let slices = (models.count + others.count + Self.slice - 1) / Self.slice
    spacing = resend / (2 * max(1, slices))
    nextSlice = slices > 0 ? now : .max
  }
}

/// The last word on alerts that ended of late and did not open again, oldest first.
struct ResolvedAlerts {
  private struct Key: Hashable {
    var topic: [UInt8]
    var monitor: MonitorKind
    var subject: String?
  }

  /// By the number of its place, which only grows.
  private var entries: [UInt64: (key: Key, until: Timestamp, message: StoredMessage)] = [:]
  private var places: [Key: UInt64] = [:]
  private var first: UInt64 = 0
  private var next: UInt64 = 0

  mutating func note(_ message: StoredMessage, _ transition: AlertTransition, at now: Timestamp) {
    let finding = transition.finding
    let key = Key(
      topic: message.topic, monitor: finding.monitor, subject: finding.metric ?? finding.source?.text)
    if let place = places.removeValue(forKey: key) { entries[place] = nil }
    guard transition.change == .resolved else { return }
    places[key] = next
    entries[next] = (key, now.advanced(by: AlertRepeats.resolvedMemory), message)
    next += 1
    forget(at: now)
  }

  private mutating func forget(at now: Timestamp) {
    while first < next {
      if let entry = entries[first] {
        guard entry.until <= now || entries.count > AlertRepeats.maximumResolved else { return }
        entries[first] = nil
        places[entry.key] = nil
      }
      first += 1
    }
  }

  /// Those that are still to be told, the oldest last.
  mutating func messages(at now: Timestamp) -> [StoredMessage] {
    forget(at: now)
    return entries.sorted { $0.key > $1.key }.map(\.value.message)
  }
}
