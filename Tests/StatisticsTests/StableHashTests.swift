import Statistics
import TestSupport
import Testing

@Suite struct StableHashTests {
  /// The values that are published with the algorithm, and so in every implementation's own tests.
  @Test func publishedValues() {
    #expect(StableHash.of("") == 0xef46_db37_51d8_e999)
    #expect(StableHash.of("a") == 0xd24e_c4f1_a98c_6e5b)
    #expect(StableHash.of("abc") == 0x44bc_2cf5_ad77_0999)
    #expect(StableHash.of("Nobody inspects the spammish repetition") == 0xfbce_a83c_8a37_8bf1)
  }

  /// Every length up to 71 bytes, two seeds, at every alignment, as the reference's own library says.
  @Test func agreesWithTheReference() throws {
    let cases = try SketchCases.golden()["hashes"]["bytes"].list
    #expect(cases.count > 140)
    for golden in cases {
      let text = try #require(golden["hex"].text)
      let seed = try golden.bits("seed")
      let want = try golden.bits("hash")
      let digits = Array(text)
      let bytes = try stride(from: 0, to: digits.count, by: 2).map {
        try #require(UInt8(String(digits[$0...$0 + 1]), radix: 16))
      }
      for offset in 0..<8 {
        let shifted = [UInt8](repeating: 0xa5, count: offset) + bytes
        let hash = shifted.withUnsafeBytes {
          StableHash.of(UnsafeRawBufferPointer(rebasing: $0[offset...]), seed: seed)
        }
        #expect(hash == want, "\(text), seed \(seed), offset \(offset)")
      }
    }
  }

  @Test func numbersAreTheirBytes() throws {
    let cases = try SketchCases.golden()["hashes"]["numbers"].list
    #expect(cases.count > 5)
    for golden in cases {
      let number = try golden.value("number")
      #expect(StableHash.of(number) == (try golden.bits("hash")), "\(number)")
      withUnsafeBytes(of: number.bitPattern.littleEndian) {
        #expect(StableHash.of(number, seed: 9) == StableHash.of($0, seed: 9), "\(number)")
      }
    }
    #expect(StableHash.of(-0.0) == StableHash.of(0.0))
    #expect(StableHash.of(Double.nan) == StableHash.of(-Double.nan))
  }
}
