import Events

/// What is open, and what one Alertmanager believes to be open: the difference is what has to be sent.
///
/// An alert of ours is one entry under its key, whatever its episodes; to an Alertmanager each severity of it is
/// an alert of its own. So no change can leave one behind that nobody resolves: whatever it believes and is not
/// so is resolved with the next request.
struct AlertmanagerTable: Sendable {
  /// Alerts open at a time: of about 2 KiB each, 20 MB. More are not sent.
  static let capacity = 10_000
  /// Alerts in one request, each with up to three severities of about 1 KiB: 1.5 MB.
  static let perRequest = 500

  private struct Entry: Sendable {
    var event: EventHead
    /// Severities under which it fires there.
    var believed: Set<Severity> = []
    /// The number of the first change that was not taken; nil when all were.
    var unsent: UInt64?
    /// Whether it is to be sent although nothing changed.
    var isDue = false

    /// The severity under which it should fire there; nil when it should not.
    var wanted: Severity? {
      event.isResolved || event.isQuiet ? nil : event.severity ?? .high
    }

    var isToBeSent: Bool { isDue || unsent != nil }
  }

  private var entries: [String: Entry] = [:]
  private let capacity: Int

  init(capacity: Int = Self.capacity) { self.capacity = capacity }

  var count: Int { entries.count }
  var unsentCount: Int { entries.values.count { $0.unsent != nil } }
  /// The number of the first change that was not taken.
  var firstUnsent: UInt64? { entries.values.lazy.compactMap(\.unsent).min() }
  var hasFiring: Bool { entries.values.contains { $0.wanted != nil } }

  // MARK: Changes

  /// Enters one change of an alert.
  ///
  /// - Parameter isDelivered: it was taken before this process began.
  /// - Returns: false when there is no room.
  mutating func enter(_ event: EventHead, number: UInt64, isDelivered: Bool) -> Bool {
    guard let key = event.data.alertKey else { return true }
    if var entry = entries[key] {
      guard entry.event.correlation != event.correlation || isLater(event, than: entry.event) else {
        return true
      }
      entry.event = event
      apply(number, isDelivered, to: &entry)
      entries[key] = entry
      return true
    }
    guard entries.count < capacity else { return false }
    var entry = Entry(event: event)
    // What came before it is not known: it may fire there under any severity that it may have had.
    if !isDelivered, !event.type.contains(".opened.") {
      entry.believed = Self.possible(before: event)
    }
    apply(number, isDelivered, to: &entry)
    entries[key] = entry
    return true
  }

  private func isLater(_ event: EventHead, than other: EventHead) -> Bool {
    (event.data.revision ?? .max) > (other.data.revision ?? 0)
  }

  private static func possible(before event: EventHead) -> Set<Severity> {
    guard let severity = event.severity else { return [] }
    return event.isResolved ? [severity] : Set(Severity.allCases).subtracting([severity])
  }

  private func apply(_ number: UInt64, _ isDelivered: Bool, to entry: inout Entry) {
    if isDelivered {
      entry.believed = entry.wanted.map { [$0] } ?? []
      entry.unsent = nil
    } else {
      entry.unsent = entry.unsent ?? number
    }
  }

  /// Everything that fires is to be sent again.
  mutating func makeAllDue() {
    for (key, entry) in entries where entry.wanted != nil { entries[key]?.isDue = true }
  }

  // MARK: Requests

  /// Keys of what is to be sent, changes in their order before what is only repeated; at most ``perRequest``.
  func next() -> [String] {
    entries.filter { $0.value.isToBeSent }
      .sorted { ($0.value.unsent ?? .max, $0.key) < ($1.value.unsent ?? .max, $1.key) }
      .prefix(Self.perRequest).map(\.key)
  }

  /// The alerts that make an Alertmanager believe what is so.
  func alerts(
    _ keys: [String], _ naming: AlertmanagerNaming, validity: Duration, wall: Timestamp
  ) -> [AlertmanagerAlert] {
    keys.flatMap { key -> [AlertmanagerAlert] in
      guard let entry = entries[key] else { return [] }
      let over = entry.believed.filter { $0 != entry.wanted }.sorted().map {
        naming.alert(entry.event, $0, ends: wall, wall: wall)
      }
      guard let wanted = entry.wanted else { return over }
      return over + [naming.alert(entry.event, wanted, ends: wall.advanced(by: validity), wall: wall)]
    }
  }

  /// The request with these was taken.
  mutating func taken(_ keys: [String]) {
    for key in keys {
      guard var entry = entries[key] else { continue }
      entry.believed = entry.wanted.map { [$0] } ?? []
      (entry.unsent, entry.isDue) = (nil, false)
      // Of a quiet one it has to be known that it is open.
      entries[key] = entry.event.isResolved ? nil : entry
    }
  }
}
