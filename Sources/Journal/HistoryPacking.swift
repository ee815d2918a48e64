import Events
import Foundation
import GRDB

/// Hours and minutes of unix time, rounded down also before 1970.
enum HistoryTime {
  static let minute: Int64 = 60_000_000_000
  static let hour = 60 * minute

  static func hour(of time: Timestamp) -> Int64 { floor(time.nanoseconds, hour) }
  static func minute(of time: Timestamp) -> UInt8 {
    // The first hour of 64 bits begins before them; the difference is right all the same.
    UInt8((time.nanoseconds &- hour(of: time) &* hour) / minute)
  }

  private static func floor(_ value: Int64, _ unit: Int64) -> Int64 {
    value >= 0 ? value / unit : (value + 1) / unit - 1
  }

  static func slot(hour: Int64, model: Int64) -> Int64 { hour << 32 | model }
  static func hour(ofSlot slot: Int64) -> Int64 { slot >> 32 }
  static func model(ofSlot slot: Int64) -> Int64 { slot & 0xffff_ffff }

  /// When a slot, or a minute in it, begins; the first hour of 64 bits is cut to what they hold.
  static func time(ofSlot slot: Int64, minute: UInt8 = 0) -> Timestamp {
    let (start, overflow) = hour(ofSlot: slot).multipliedReportingOverflow(by: hour)
    return Timestamp(nanoseconds: overflow ? .min : start + Int64(minute) * Self.minute)
  }
}

/// How a summary is stored: one measurement as its number alone, others packed.
enum PackedSummary {
  static func value(_ summary: SampleSummary?) -> DatabaseValue {
    guard let summary else { return .null }
    // SQLite has no NaN; it would become NULL.
    if isSingle(summary), !summary.mean.isNaN { return summary.mean.databaseValue }
    var bytes: [UInt8] = []
    append(summary, to: &bytes)
    return Data(bytes).databaseValue
  }

  static func summary(_ value: DatabaseValue) throws -> SampleSummary? {
    switch value.storage {
    case .null: return nil
    case .double(let number): return SampleSummary(number)
    case .int64(let number): return SampleSummary(Double(number))
    case .blob(let data):
      var reader = PackedReader([UInt8](data))
      return try reader.summary()
    case .string: throw JournalError.corrupt("a summary is a text")
    }
  }

  static func isSingle(_ summary: SampleSummary) -> Bool {
    summary.count == 1 && summary.minimum.bitPattern == summary.mean.bitPattern
      && summary.maximum.bitPattern == summary.mean.bitPattern
  }

  /// The count in groups of 7 bits, lowest first; minimum, maximum and mean in 8 bytes each.
  static func append(_ summary: SampleSummary, to bytes: inout [UInt8]) {
    var count = summary.count
    while count > 0x7f {
      bytes.append(UInt8(truncatingIfNeeded: count) | 0x80)
      count >>= 7
    }
    bytes.append(UInt8(count))
    append(summary.minimum, to: &bytes)
    append(summary.maximum, to: &bytes)
    append(summary.mean, to: &bytes)
  }

  static func append(_ number: Double, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
  }
}

extension Row {
  func summary(_ index: Int) throws -> SampleSummary? { try PackedSummary.summary(self[index]) }
}

/// The minutes of one model in one hour, in order.
///
/// Packed: a byte of flags that all minutes share, or 0xff; the minutes present as 60 bits in 8 bytes; then
/// for each its flags, when they differ, and its summaries. Flags: 2 bits for accuracy, 2 for latency; 0
/// absent, 1 one measurement in 8 bytes, 2 a summary. An hour with one measurement of both a minute has 9 +
/// 60 × 16 = 969 bytes, so that 4 fit a page.
struct HourOfMinutes: Equatable {
  struct Entry: Equatable {
    var minute: UInt8
    var accuracy: SampleSummary?
    var latency: SampleSummary?

    mutating func merge(_ other: Entry) {
      accuracy = merged(accuracy, other.accuracy)
      latency = merged(latency, other.latency)
    }

    fileprivate var flags: UInt8 { flag(accuracy) | flag(latency) << 2 }

    private func flag(_ summary: SampleSummary?) -> UInt8 {
      summary.map { PackedSummary.isSingle($0) ? 1 : 2 } ?? 0
    }
  }

  private(set) var entries: [Entry] = []

  init() {}

  mutating func add(_ entry: Entry) {
    // Samples come in order but for few, so the search from the end is short; 60 at most.
    let after = entries.lastIndex { $0.minute <= entry.minute }
    if let after, entries[after].minute == entry.minute {
      entries[after].merge(entry)
    } else {
      entries.insert(entry, at: after.map { $0 + 1 } ?? 0)
    }
  }

  /// Everything in one.
  var total: Entry {
    var total = Entry(minute: 0)
    for entry in entries { total.merge(entry) }
    return total
  }

  var packed: [UInt8] {
    let first = entries.first?.flags ?? 0
    let isUniform = entries.allSatisfy { $0.flags == first }
    var bytes: [UInt8] = [isUniform ? first : 0xff]
    bytes.reserveCapacity(9 + entries.count * 16)
    let mask = entries.reduce(UInt64(0)) { $0 | 1 << UInt64($1.minute) }
    withUnsafeBytes(of: mask.littleEndian) { bytes.append(contentsOf: $0) }
    for entry in entries {
      if !isUniform { bytes.append(entry.flags) }
      for case let summary? in [entry.accuracy, entry.latency] {
        if PackedSummary.isSingle(summary) {
          PackedSummary.append(summary.mean, to: &bytes)
        } else {
          PackedSummary.append(summary, to: &bytes)
        }
      }
    }
    return bytes
  }

  /// - Throws: `corrupt` for anything that `packed` does not write.
  init(packed bytes: [UInt8]) throws {
    var reader = PackedReader(bytes)
    let shared = try reader.byte()
    let mask = try reader.word()
    for minute in UInt8(0)..<60 where mask >> UInt64(minute) & 1 == 1 {
      let flags = shared == 0xff ? try reader.byte() : shared
      let accuracy = try reader.summary(flag: flags & 3)
      let latency = try reader.summary(flag: flags >> 2)
      entries.append(Entry(minute: minute, accuracy: accuracy, latency: latency))
    }
    guard reader.isAtEnd, mask >> 60 == 0 else { throw JournalError.corrupt("minutes of a wrong length") }
  }
}

func merged(_ left: SampleSummary?, _ right: SampleSummary?) -> SampleSummary? {
  guard var left, let right else { return left ?? right }
  left.merge(right)
  return left
}

/// Reads packed summaries; what does not fit is `corrupt`.
struct PackedReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func byte() throws -> UInt8 {
    guard position < bytes.count else { throw JournalError.corrupt("a summary is cut short") }
    defer { position += 1 }
    return bytes[position]
  }

  mutating func word() throws -> UInt64 {
    guard bytes.count - position >= 8 else { throw JournalError.corrupt("a summary is cut short") }
    defer { position += 8 }
    return bytes.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
  }

  mutating func number() throws -> Double { Double(bitPattern: try word()) }

  mutating func summary() throws -> SampleSummary {
    var count: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      let byte = try byte()
      count |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 { break }
    }
    return SampleSummary(count: count, minimum: try number(), maximum: try number(), mean: try number())
  }

  mutating func summary(flag: UInt8) throws -> SampleSummary? {
    switch flag {
    case 0: return nil
    case 1: return SampleSummary(try number())
    case 2: return try summary()
    default: throw JournalError.corrupt("a summary of an unknown form")
    }
  }
}
