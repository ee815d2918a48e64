import Events

/// Which alerts a webhook was told of, and up to which revision: what changes about them is told too, however mild
/// it becomes, and what is published again is not told twice.
///
/// Two generations of ``capacity`` episodes: the older one goes when the younger is full. An alert that was
/// forgotten is judged as if it were new.
struct EpisodeMemory: Sendable {
  /// Of about 100 bytes each, twice: 2 MB.
  static let capacity = 10_000

  private var younger: [String: UInt64] = [:]
  private var older: [String: UInt64] = [:]

  /// Whether an alert is to be told, which is then remembered.
  mutating func admits(_ event: EventHead, from minimum: Severity) -> Bool {
    guard let episode = event.correlation, let revision = event.data.revision else { return true }
    let known = younger[episode] ?? older[episode]
    if let known, revision <= known { return false }
    let isWanted = !event.isQuiet && (event.severity ?? .high) >= minimum
    guard isWanted || (known != nil && (!event.isQuiet || event.isResolved)) else { return false }
    note(episode, revision)
    return true
  }

  private mutating func note(_ episode: String, _ revision: UInt64) {
    if younger.count >= Self.capacity { (older, younger) = (younger, [:]) }
    younger[episode] = revision
  }
}
