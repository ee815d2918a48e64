/// The most frequent categories of a stream with their counts: Space-Saving (Metwally, Agrawal, El Abbadi,
/// "Efficient computation of frequent and top-k elements in data streams", ICDT 2005).
///
/// Error: with k counters, a category's true count is at most its ``Entry/count`` and at least that less
/// its ``Entry/error``, which is at most total / k; every category that was more than total / k of
/// the stream is there; and one that is not there has come at most ``absentLimit`` times. With at most k
/// categories all is exact. Merged parts keep all of this (Agarwal et al., "Mergeable summaries", PODS
/// 2012, by the correspondence with Misra–Gries there; the counts are added as Cafaro et al. do, 2016).
/// Memory: 24 bytes a category held and up to 41 for its name: 4.2 KB when all 64 counters of the
/// default are in use. Cost: about 20 ns for a category that is held, 130 ns for one that replaces another;
/// no allocation once k categories were seen.
///
/// A category is its hash of 64 bits (``StableHash``): names and codes of any length are compared at
/// one price, and the few that are held keep their name, cut to 40 bytes, to be shown. Two of a million
/// categories have one hash with a probability of 3 · 10^-8. Ties are broken by the hash, so the same
/// input always gives the same answer.
package struct HeavyHitters: Sendable, Equatable {
  package static let defaultCapacity = 64
  package static let capacities = 1...1_024
  /// Bytes of a name that are kept.
  package static let nameLimit = 40
  /// A name's length and its bytes.
  private static let slot = 1 + nameLimit
  /// In the place of a length: the name is a number's eight bytes.
  private static let numberMark: UInt8 = 0xff

  /// What a category is called.
  package enum Name: Sendable, Hashable {
    /// At most ``nameLimit`` bytes of a text's UTF-8, cut at a character's end.
    case text(String)
    case number(Double)
  }

  /// A category that is held.
  package struct Entry: Sendable, Equatable {
    package let hash: UInt64
    package let name: Name
    /// How often it came at most.
    package let count: Int
    /// How much of the count may be others'.
    package let error: Int
  }

  /// The most categories that are held.
  package let capacity: Int
  /// How many values were taken.
  package private(set) var total = 0
  private var hashes: [UInt64] = []
  private var counts: [Int] = []
  private var errors: [Int] = []
  /// ``slot`` bytes a category.
  private var names: [UInt8] = []

  /// - Precondition: the capacity is one of ``capacities``.
  package init(capacity: Int = defaultCapacity) {
    precondition(Self.capacities.contains(capacity))
    self.capacity = capacity
  }

  // MARK: Taking

  /// Takes one value of a category that a text names, whose hash the caller knows already.
  ///
  /// - Parameters:
  ///   - text: UTF-8; where it is none, the shown name says so.
  ///   - hash: of the whole text; see ``StableHash``, always with one seed.
  package mutating func add(_ text: UnsafeRawBufferPointer, hash: UInt64) {
    guard let place = place(for: hash) else { return }
    let length = Self.lengthKept(of: text)
    names.withUnsafeMutableBytes { names in
      names[place * Self.slot] = UInt8(length)
      for index in 0..<length { names[place * Self.slot + 1 + index] = text[index] }
    }
  }

  /// Takes one value of a category that a text names.
  package mutating func add(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      add(bytes, hash: StableHash.of(bytes))
    }
  }

  /// Takes one value of a category with a number for a name; its hash, when the caller knows it.
  package mutating func add(_ number: Double, hash: UInt64? = nil) {
    guard let place = place(for: hash ?? StableHash.of(number)) else { return }
    let bits = (number == 0 ? 0 : number).bitPattern.littleEndian
    names.withUnsafeMutableBytes { names in
      names[place * Self.slot] = Self.numberMark
      names.storeBytes(of: bits, toByteOffset: place * Self.slot + 1, as: UInt64.self)
    }
  }

  /// Counts one value; where the category is to be named, when it was not held.
  private mutating func place(for hash: UInt64) -> Int? {
    guard total < NumberReader.largestCount else { return nil }
    total += 1
    if let held = index(of: hash) {
      counts[held] += 1
      return nil
    }
    let place: Int
    if hashes.count < capacity {
      place = hashes.count
      hashes.append(hash)
      counts.append(1)
      errors.append(0)
      names.append(contentsOf: repeatElement(0, count: Self.slot))
    } else {
      place = least
      hashes[place] = hash
      errors[place] = counts[place]
      counts[place] += 1
      names.withUnsafeMutableBytes { names in
        for index in place * Self.slot..<(place + 1) * Self.slot { names[index] = 0 }
      }
    }
    return place
  }

  private func index(of hash: UInt64) -> Int? {
    hashes.withUnsafeBufferPointer { hashes in
      for index in hashes.indices where hashes[index] == hash { return index }
      return nil
    }
  }

  /// The place of the lowest count; of several, of the lowest hash.
  ///
  /// - Precondition: something is held.
  private var least: Int {
    counts.withUnsafeBufferPointer { counts in
      hashes.withUnsafeBufferPointer { hashes in
        // Two passes without a branch that guesses wrong: the lowest count, the lowest hash with it.
        var lowest = Int.max
        for count in counts { lowest = count < lowest ? count : lowest }
        var (hash, least) = (UInt64.max, 0)
        for index in counts.indices {
          let isLower = counts[index] == lowest && hashes[index] <= hash
          hash = isLower ? hashes[index] : hash
          least = isLower ? index : least
        }
        return least
      }
    }
  }

  /// How much of a text is kept: all, or what ends before the character that the limit would cut.
  private static func lengthKept(of text: UnsafeRawBufferPointer) -> Int {
    guard text.count > nameLimit else { return text.count }
    var length = nameLimit
    // Bytes 10xxxxxx go on with a character, which has three of them at most.
    while length > nameLimit - 4, text[length] & 0xc0 == 0x80 { length -= 1 }
    return length
  }

  // MARK: Merging

  /// Takes what `other` took: the counts of each category added, with the other's ``absentLimit`` for one
  /// that it does not hold, and of these the ``capacity`` largest kept.
  ///
  /// - Precondition: both have one capacity, and hashes of one seed.
  /// - Returns: false, and nothing changes, beyond 2^53 values.
  @discardableResult
  package mutating func merge(_ other: HeavyHitters) -> Bool {
    precondition(capacity == other.capacity)
    guard other.total <= NumberReader.largestCount - total else { return false }
    let (ownAbsent, otherAbsent) = (absentLimit, other.absentLimit)
    var joined = self
    for place in hashes.indices {
      let held = other.index(of: hashes[place])
      joined.counts[place] += held.map { other.counts[$0] } ?? otherAbsent
      joined.errors[place] += held.map { other.errors[$0] } ?? otherAbsent
    }
    for place in other.hashes.indices where index(of: other.hashes[place]) == nil {
      joined.hashes.append(other.hashes[place])
      joined.counts.append(other.counts[place] + ownAbsent)
      joined.errors.append(other.errors[place] + ownAbsent)
      joined.names += other.names[place * Self.slot..<(place + 1) * Self.slot]
    }
    let kept = joined.order.prefix(capacity)
    hashes = kept.map { joined.hashes[$0] }
    counts = kept.map { joined.counts[$0] }
    errors = kept.map { joined.errors[$0] }
    names = kept.flatMap { joined.names[$0 * Self.slot..<($0 + 1) * Self.slot] }
    total += other.total
    return true
  }

  // MARK: Asking

  /// How often a category has come at most that is not held: 0 while there is room, else the lowest count.
  package var absentLimit: Int { hashes.count < capacity ? 0 : counts[least] }

  /// What is held, the largest count first; equal ones by hash.
  package var entries: [Entry] {
    order.map { place in
      Entry(hash: hashes[place], name: name(at: place), count: counts[place], error: errors[place])
    }
  }

  /// At most how often the category of this hash came.
  package func count(of hash: UInt64) -> Int { index(of: hash).map { counts[$0] } ?? absentLimit }

  private var order: [Int] {
    hashes.indices.sorted { (counts[$1], hashes[$0]) < (counts[$0], hashes[$1]) }
  }

  private func name(at place: Int) -> Name {
    let start = place * Self.slot
    guard names[start] != Self.numberMark else {
      let bits = names[start + 1...start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return .number(Double(bitPattern: bits))
    }
    return .text(String(decoding: names[start + 1..<start + 1 + Int(names[start])], as: UTF8.self))
  }

  // MARK: State

  /// Capacity, total, how many categories are held, for each the halves of its hash, its count and its
  /// error, and then their names, six bytes a number.
  package var state: [Double] {
    var state = [Double(capacity), Double(total), Double(hashes.count)]
    for place in hashes.indices {
      state.append(bits: hashes[place])
      state.append(Double(counts[place]))
      state.append(Double(errors[place]))
    }
    state.append(bytes: names)
    return state
  }

  /// What ``state`` was once; nil when no summary of this capacity can have had it.
  ///
  /// - Precondition: the capacity is one of ``capacities``.
  package init?(capacity: Int = defaultCapacity, state: [Double]) {
    self.init(capacity: capacity)
    var reader = NumberReader(state)
    guard reader.whole(in: capacity...capacity) != nil, let total = reader.count(),
      let held = reader.whole(in: 0...capacity)
    else { return nil }
    var room = total
    for _ in 0..<held {
      guard let hash = reader.bits(), let count = reader.whole(in: 0...room), count > 0,
        let error = reader.whole(in: 0...count - 1)
      else { return nil }
      hashes.append(hash)
      counts.append(count)
      errors.append(error)
      // The counts' sum is at most the total, which is what bounds the lowest by total / k.
      room -= count
    }
    guard let names = reader.bytes(held * Self.slot), reader.isAtEnd, Set(hashes).count == held,
      held == capacity || (room == 0 && errors.allSatisfy { $0 == 0 }),
      (0..<held).allSatisfy({ place in
        let length = names[place * Self.slot]
        return length == Self.numberMark || Int(length) <= Self.nameLimit
      })
    else { return nil }
    self.names = names
    self.total = total
  }
}
