/// A 64-bit hash that is the same on every machine and in every run: XXH64 (Collet, "xxHash fast digest
/// algorithm", version 0.1.1), held to its published values by the tests.
///
/// For summaries of categories, whose state outlives the process; Swift's own hashing is seeded anew
/// in each. It spreads well and resists nobody: who knows the seed can make two names collide, and then
/// their counts are one. Cost: about 3 ns for a number, 3 to 8 ns for a name of 5 to 40 bytes.
package enum StableHash {
  private static let prime1: UInt64 = 0x9e37_79b1_85eb_ca87
  private static let prime2: UInt64 = 0xc2b2_ae3d_27d4_eb4f
  private static let prime3: UInt64 = 0x1656_67b1_9e37_79f9
  private static let prime4: UInt64 = 0x85eb_ca77_c2b2_ae63
  private static let prime5: UInt64 = 0x27d4_eb2f_1656_67c5

  /// The hash of bytes, read in place; they need no alignment.
  package static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    var place = 0
    var hash: UInt64
    if bytes.count >= 32 {
      var lanes: (UInt64, UInt64, UInt64, UInt64) = (
        seed &+ prime1 &+ prime2, seed &+ prime2, seed, seed &- prime1
      )
      repeat {
        lanes.0 = round(lanes.0, word(bytes, place))
        lanes.1 = round(lanes.1, word(bytes, place + 8))
        lanes.2 = round(lanes.2, word(bytes, place + 16))
        lanes.3 = round(lanes.3, word(bytes, place + 24))
        place += 32
      } while bytes.count - place >= 32
      hash = turn(lanes.0, 1) &+ turn(lanes.1, 7) &+ turn(lanes.2, 12) &+ turn(lanes.3, 18)
      hash = join(hash, lanes.0)
      hash = join(hash, lanes.1)
      hash = join(hash, lanes.2)
      hash = join(hash, lanes.3)
    } else {
      hash = seed &+ prime5
    }
    hash &+= UInt64(bytes.count)
    while bytes.count - place >= 8 {
      hash = turn(hash ^ round(0, word(bytes, place)), 27) &* prime1 &+ prime4
      place += 8
    }
    if bytes.count - place >= 4 {
      let half = UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
      hash = turn(hash ^ half &* prime1, 23) &* prime2 &+ prime3
      place += 4
    }
    while place < bytes.count {
      hash = turn(hash ^ UInt64(bytes[place]) &* prime5, 11) &* prime1
      place += 1
    }
    return avalanche(hash)
  }

  /// The hash of a text's UTF-8.
  package static func of(_ text: String, seed: UInt64 = 0) -> UInt64 {
    var text = text
    return text.withUTF8 { of(UnsafeRawBufferPointer($0), seed: seed) }
  }

  /// The hash of a number: that of its eight bytes as a double, little-endian. Equal numbers have equal
  /// hashes whatever format they came in; −0 counts as 0, and every NaN as one.
  package static func of(_ number: Double, seed: UInt64 = 0) -> UInt64 {
    let canonical = number == 0 ? 0 : number.isNaN ? Double.nan : number
    let hash = (seed &+ prime5 &+ 8) ^ round(0, canonical.bitPattern)
    return avalanche(turn(hash, 27) &* prime1 &+ prime4)
  }

  private static func word(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
  }

  private static func turn(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    value << bits | value >> (64 - bits)
  }

  private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
    turn(lane &+ word &* prime2, 31) &* prime1
  }

  private static func join(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
    (hash ^ round(0, lane)) &* prime1 &+ prime4
  }

  private static func avalanche(_ value: UInt64) -> UInt64 {
    var hash = value
    hash = (hash ^ (hash >> 33)) &* prime2
    hash = (hash ^ (hash >> 29)) &* prime3
    return hash ^ (hash >> 32)
  }
}
