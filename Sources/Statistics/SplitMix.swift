/// A small generator of random numbers whose whole sequence follows from its seed: SplitMix64 (Steele,
/// Lea, Flood 2014). For draws that must be the same in every run.
package struct SplitMix: RandomNumberGenerator, Sendable, Equatable {
  package private(set) var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// From 0 up to, not including, 1.
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Standard normal, by the inverse of its distribution function.
  package mutating func normal() -> Double { normalQuantile(Double(next() >> 11) * 0x1p-53 + 0x1p-54) }
}
