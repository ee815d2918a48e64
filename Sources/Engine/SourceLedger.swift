import Events

/// The account of one source's stream: what was seen, what is missing, what came twice.
///
/// With sequence numbers: a jump is a gap at once, since one connection never reorders; a number not
/// above the last is a duplicate; a higher epoch is a restart, a lower one stale. Without them: ids
/// are remembered, the last ``rememberedIDs``.
struct SourceLedger: Sendable {
  /// Ids kept of each source without sequence numbers: 8 bytes in the ring and about 8 in the set.
  static let rememberedIDs = 1_024
  /// Three missed heads of one second: how long a higher epoch must be silent before a lower one is
  /// believed, as after a clock that was set back.
  static let staleEpochSilence = Duration.seconds(3)

  private(set) var lastHeard: Timestamp
  private var position: SequenceNumber?
  private var recentIDs: Set<UInt64> = []
  private var ring: [UInt64] = []
  private var oldest = 0

  init(at arrival: Timestamp) { lastHeard = arrival }

  /// Enters an event; remarks about it become effects.
  ///
  /// - Parameters:
  ///   - id: a 64-bit hash of the event's id.
  ///   - start: an epoch that began later is accounted from its number 1, an older one from the first
  ///     number that is heard.
  /// - Throws: `duplicate` or `staleEpoch`: the event is not to be handled.
  mutating func enter(
    _ sequence: SequenceNumber?, id: UInt64, at arrival: Timestamp, start: Timestamp,
    into effects: inout [Effect]
  ) throws(Remark) {
    guard let sequence else {
      lastHeard = arrival
      guard remember(id) else { throw Remark(.duplicate, "this id was among the last") }
      effects.append(.account(Remark(.unsequenced)))
      return
    }
    var expected = sequence.number
    if let last = position {
      if sequence.epoch == last.epoch {
        lastHeard = arrival
        guard sequence.number > last.number else {
          throw Remark(.duplicate, "sequence \(sequence.number), already at \(last.number)")
        }
        expected = last.number + 1
      } else {
        guard sequence.epoch > last.epoch || lastHeard.duration(to: arrival) >= Self.staleEpochSilence else {
          throw Remark(.staleEpoch, "epoch \(sequence.epoch), \(last.epoch) is in force")
        }
        effects.append(.account(Remark(.restarted)))
        // A higher epoch began after the one that was heard before it, a lower one at some other time.
        if sequence.epoch > last.epoch { expected = 1 }
      }
    } else if sequence.epoch > UInt64(clamping: start.nanoseconds) {
      expected = 1
    }
    (position, lastHeard) = (sequence, arrival)
    guard sequence.number > expected else { return }
    let missing = sequence.number - expected
    effects.append(
      .account(Remark(.gap, count: Int(clamping: missing), "\(missing) missing before \(sequence.number)")))
  }

  /// Whether `id` is new; if so it takes the place of the oldest.
  private mutating func remember(_ id: UInt64) -> Bool {
    guard recentIDs.insert(id).inserted else { return false }
    if ring.count < Self.rememberedIDs {
      ring.append(id)
    } else {
      recentIDs.remove(ring[oldest])
      ring[oldest] = id
      oldest = (oldest + 1) % Self.rememberedIDs
    }
    return true
  }
}

/// FNV-1a, 64 bits: equal in every run, unlike `Hasher`, so that replay repeats itself exactly.
/// Constants: draft-eastlake-fnv.
func stableHash(_ text: String) -> UInt64 {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  return hash
}
