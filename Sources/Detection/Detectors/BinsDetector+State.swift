package import Statistics

/// What one feature has learned, as bytes: numbers as LEB128, so that the counts of a start cost what they are
/// large.
///
/// Batches so far; the alarm's byte; what is learnt, and while there is an alarm the probation's counts, one
/// a bin; the number of starts, and of each, oldest first: its place and size (4 bits each), the batches
/// since it began, its weight (8 bytes), its counts. At most 2 KiB; about 560 bytes after thousands of
/// batches of 1000 rows.
extension BinsDetector {
  /// Bytes of a state at most: 12 starts and two more tables of 22 counts of 5 bytes, and what goes with them.
  static let mostStateBytes = 2_048

  package func state(of feature: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(varint: calendar.batches[feature])
    bytes.append(alarms[feature])
    for count in table.learntCounts(of: feature) { bytes.append(varint: count) }
    if alarms[feature] > 0 {
      for count in table.probationCounts(of: feature) { bytes.append(varint: count) }
    }
    let entries = calendar.entries(of: feature)
    bytes.append(UInt8(entries.count))
    for entry in entries {
      bytes.append(UInt8(entry.size << 4 | entry.start))
      bytes.append(varint: calendar.batches[feature] - entry.begin)
      let weight = table.weight(of: entry.start, in: feature).bitPattern
      for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: weight >> shift)) }
      for count in table.counts(since: entry.start, in: feature) { bytes.append(varint: count) }
    }
    return bytes
  }

  /// Sets a feature to what ``state(of:)`` was once, of a detector with the same reference and settings.
  ///
  /// - Returns: false, and nothing changes, for bytes that no such feature can have had.
  package mutating func restore(_ feature: Int, _ bytes: [UInt8]) -> Bool {
    var reader = VarintReader(bytes: bytes[...])
    let bins = table.binsInUse(of: feature)
    guard let batches = reader.number(), let alarm = reader.byte(), let learnt = reader.numbers(bins),
      let probation = alarm > 0 ? reader.numbers(bins) : [UInt32](repeating: 0, count: bins),
      let count = reader.byte(), count <= StartTable.capacity
    else { return false }
    var entries: [StartCalendar.Entry] = []
    var starts: [StartTable.Start] = []
    for _ in 0..<count {
      guard let place = reader.byte(), let age = reader.number(), age <= batches,
        let weight = reader.double(), let counts = reader.numbers(bins)
      else { return false }
      entries.append(.init(start: Int(place & 15), size: Int(place >> 4), begin: batches - age))
      starts.append(.init(number: Int(place & 15), weight: weight, counts: counts))
    }
    var calendar = calendar
    guard reader.bytes.isEmpty, calendar.restore(feature, batches: batches, entries),
      table.restore(feature, learnt: learnt, probation: probation, starts: starts)
    else { return false }
    self.calendar = calendar
    alarms[feature] = alarm
    return true
  }
}

/// ``BinsDetector`` for one feature, fed with the counts of a batch in the bins of its reference.
///
/// - Golden: `Tests/Golden/bins.json`.
package struct BinnedColumnDetector: Detector {
  package private(set) var detector: BinsDetector

  package init(
    _ reference: ReferenceBins, dependence: Double = 1, settings: BinsDetector.Settings = .init()
  ) {
    detector = BinsDetector([reference], dependence: [dependence], settings: settings)
  }

  /// - Precondition: as many counts as the reference has.
  package mutating func observe(_ observation: [UInt32]) -> Verdict {
    detector.bins.replaceCounts(of: 0, with: observation)
    detector.judge()
    return detector.verdicts[0]
  }

  /// The bytes of ``BinsDetector/state(of:)``: how many, then six in each number.
  package var state: [Double] {
    let bytes = detector.state(of: 0)
    return [Double(bytes.count)]
      + stride(from: 0, to: bytes.count, by: 6).map { first in
        bytes[first..<min(first + 6, bytes.count)].reversed().reduce(0) { $0 * 256 + Double($1) }
      }
  }

  package mutating func restore(_ state: [Double]) -> Bool {
    guard let first = state.first, let count = Int(exactly: first), 0...BinsDetector.mostStateBytes ~= count,
      state.count == 1 + (count + 5) / 6
    else { return false }
    var bytes: [UInt8] = []
    for number in state.dropFirst() {
      guard let packed = UInt64(exactly: number), packed < 1 << 48 else { return false }
      for shift in stride(from: 0, to: 48, by: 8) { bytes.append(UInt8(truncatingIfNeeded: packed >> shift)) }
    }
    guard bytes[count...].allSatisfy({ $0 == 0 }) else { return false }
    return detector.restore(0, Array(bytes[..<count]))
  }
}

extension [UInt8] {
  fileprivate mutating func append(varint value: UInt32) {
    var rest = value
    while rest >= 128 {
      append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    append(UInt8(rest))
  }
}

/// Reads numbers off the front of bytes; nil for what is none.
private struct VarintReader {
  var bytes: ArraySlice<UInt8>

  mutating func byte() -> UInt8? { bytes.popFirst() }

  mutating func number() -> UInt32? {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 35, by: 7) {
      guard let byte = bytes.popFirst() else { return nil }
      value |= UInt64(byte & 127) << UInt64(shift)
      if byte < 128 { return UInt32(exactly: value) }
    }
    return nil
  }

  mutating func numbers(_ count: Int) -> [UInt32]? {
    var numbers: [UInt32] = []
    for _ in 0..<count {
      guard let number = number() else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  mutating func double() -> Double? {
    guard bytes.count >= 8 else { return nil }
    let bits = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    bytes.removeFirst(8)
    return Double(bitPattern: bits)
  }
}
