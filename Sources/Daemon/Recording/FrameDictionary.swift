import Foundation

/// Frames that a recording repeats, by their place: the recorder looks a frame's place up, the reader a
/// place's frame. Both enter the same frames in the same order.
///
/// Bounded by ``RecordingFormat/dictionaryEntries`` and ``RecordingFormat/dictionaryBytes``: the bytes stand in
/// one allocation that never moves, so a frame handed out is valid until ``removeAll()``.
struct FrameDictionary: ~Copyable {
  private let arena = UnsafeMutableRawBufferPointer.allocate(
    byteCount: RecordingFormat.dictionaryBytes, alignment: 1)
  /// Where each entry ends; it begins where the one before ends.
  private var ends: [Int] = []
  /// Open addressing over entries: place + 1, 0 where there is none. At most half full.
  private var slots = [UInt16](repeating: 0, count: slotCount)
  private var hashes: [Int] = []
  /// Where the last topic and the last descriptor were found, which the next often repeat; -1 for nowhere.
  private var latest = (topic: -1, descriptor: -1)
  /// A frame found no room since the last ``removeAll()``.
  private(set) var hasOverflowed = false

  private static let slotCount = 2 * RecordingFormat.dictionaryEntries

  init() {
    ends.reserveCapacity(RecordingFormat.dictionaryEntries)
    hashes.reserveCapacity(RecordingFormat.dictionaryEntries)
  }

  deinit { arena.deallocate() }

  var count: Int { ends.count }

  private var usedBytes: Int { ends.last ?? 0 }

  mutating func removeAll() {
    guard count > 0 else { return }
    ends.removeAll(keepingCapacity: true)
    hashes.removeAll(keepingCapacity: true)
    for slot in slots.indices { slots[slot] = 0 }
    hasOverflowed = false
    latest = (-1, -1)
  }

  /// The frame at a place; nil when there is none.
  func frame(at place: UInt64) -> UnsafeRawBufferPointer? {
    guard place < UInt64(count) else { return nil }
    let place = Int(place)
    let start = place == 0 ? 0 : ends[place - 1]
    return UnsafeRawBufferPointer(rebasing: arena[start..<ends[place]])
  }

  /// Whether a frame may be entered: not empty, not too long, and there is room.
  private func hasRoom(for frame: UnsafeRawBufferPointer) -> Bool {
    count < RecordingFormat.dictionaryEntries
      && frame.count <= RecordingFormat.dictionaryBytes - usedBytes
  }

  /// What the recorder does with a frame.
  enum Outcome: Equatable {
    case found(Int)
    case entered
    /// Too long, empty, or no room.
    case refused
  }

  /// What may repeat: a message's first frame and its third.
  enum Role { case topic, descriptor }

  /// Looks a frame up, and enters it when it is new and there is room. Cost: a comparison with the last one of
  /// its role, and one hash of the frame when it is another.
  mutating func place(of frame: UnsafeRawBufferPointer, as role: Role) -> Outcome {
    let known = role == .topic ? latest.topic : latest.descriptor
    if known >= 0, !frame.isEmpty, isSame(frame, as: known) { return .found(known) }
    let outcome = place(of: frame)
    let found =
      switch outcome {
      case .found(let place): place
      case .entered: count - 1
      case .refused: -1
      }
    if role == .topic { latest.topic = found } else { latest.descriptor = found }
    return outcome
  }

  private mutating func place(of frame: UnsafeRawBufferPointer) -> Outcome {
    guard !frame.isEmpty, frame.count <= RecordingFormat.dictionaryFrameBytes else { return .refused }
    // Seeded in each process, so that no peer can aim collisions.
    var hasher = Hasher()
    hasher.combine(bytes: frame)
    let hash = hasher.finalize()
    var slot = hash & (Self.slotCount - 1)
    while slots[slot] != 0 {
      let place = Int(slots[slot]) - 1
      if hashes[place] == hash, isSame(frame, as: place) { return .found(place) }
      slot = (slot + 1) & (Self.slotCount - 1)
    }
    guard hasRoom(for: frame) else {
      hasOverflowed = true
      return .refused
    }
    append(frame)
    hashes.append(hash)
    slots[slot] = UInt16(count)
    return .entered
  }

  private func isSame(_ frame: UnsafeRawBufferPointer, as place: Int) -> Bool {
    let start = place == 0 ? 0 : ends[place - 1]
    return ends[place] - start == frame.count
      && memcmp(arena.baseAddress! + start, frame.baseAddress!, frame.count) == 0
  }

  /// Enters a frame that the recorder entered. Returns whether it may have: false for one that no recorder
  /// enters.
  mutating func enter(_ frame: UnsafeRawBufferPointer) -> Bool {
    guard !frame.isEmpty, frame.count <= RecordingFormat.dictionaryFrameBytes, hasRoom(for: frame) else {
      return false
    }
    append(frame)
    return true
  }

  private mutating func append(_ frame: UnsafeRawBufferPointer) {
    let start = usedBytes
    UnsafeMutableRawBufferPointer(rebasing: arena[start..<start + frame.count]).copyMemory(from: frame)
    ends.append(start + frame.count)
  }
}
