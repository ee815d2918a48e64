import Events
import Foundation
import TestSupport
import Testing

@testable import Wire

@Suite struct JSONReaderTests {
  private func read<Value>(_ text: String, _ body: (inout JSONReader) throws -> Value) throws -> Value {
    try Array(text.utf8).withUnsafeBytes { bytes in
      var reader = JSONReader(bytes)
      let value = try body(&reader)
      try reader.expectEnd()
      return value
    }
  }

  /// Against the standard library, on numbers of every length and size.
  @Test(arguments: [UInt64(1), 2, 3, 4]) func numbersAreCorrectlyRounded(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<50_000 {
      let digits = (0..<Int.random(in: 1...22, using: &random)).map { _ in
        String(Int.random(in: 0...9, using: &random))
      }.joined()
      var text = Bool.random(using: &random) ? "-" : ""
      text += digits.count > 1 && digits.first == "0" ? "0" : digits
      if Bool.random(using: &random) {
        text += "." + String(UInt64.random(in: 0...UInt64.max, using: &random))
      }
      if Bool.random(using: &random) { text += "e\(Int.random(in: -60...60, using: &random))" }
      #expect(try read(text) { try $0.readNumber() } == Double(text), "seed \(seed): \(text)")
    }
  }

  /// What Python and Swift write for any double reads back as the same double, bit for bit.
  @Test func shortestDigitsReadBack() throws {
    var random = SeededGenerator(seed: 9)
    for _ in 0..<50_000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      #expect(try read(value.description) { try $0.readNumber() }.bitPattern == value.bitPattern, "\(value)")
    }
  }

  /// Halfway cases and edges, from the literature on parsing doubles.
  @Test(arguments: [
    "9007199254740993", "9007199254740992.5", "0.1", "1e23", "8.5e22", "123456789012345678",
    "9223372036854775807",
    "18446744073709551615", "18446744073709551616", "4.9e-324", "2.4703282292062327e-324",
    "1.7976931348623157e308",
    "1e400", "0e999999999999", "-0", "0.000000000000000000000000000000000000000001", "1e27", "1e28", "1e-27",
    "1e-28",
    "10000000000000000000", "99999999999999999999", "5e-27",
  ]) func edges(text: String) throws {
    let value = try read(text) { try $0.readNumber() }
    let expected = try #require(Double(text))
    #expect(value.bitPattern == expected.bitPattern)
  }

  /// Exponents that undo a million digits.
  @Test func longNumbersKeepTheirValue() throws {
    let zeros = String(repeating: "0", count: 1_000_000)
    #expect(try read("0." + zeros.dropLast() + "1e1000010") { try $0.readNumber() } == 1e10)
    #expect(try read("1" + zeros + "e-1000010") { try $0.readNumber() } == 1e-10)
    #expect(try read("1e99999999999999999999") { try $0.readNumber() } == .infinity)
    #expect(try read("1e-99999999999999999999") { try $0.readNumber() } == 0)
  }

  @Test(arguments: [
    "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "--1", "1_000", "٣", "Inf", "nan", "-NaN",
  ])
  func notNumbers(text: String) {
    #expect(throws: Remark.self) { try read(text) { try $0.readNumber() } }
  }

  @Test func stringsAreResolved() throws {
    #expect(try read(#""a\n\t\"\\\/\u00e9\ud83d\ude00é""#) { try $0.readString() } == "a\n\t\"\\/é😀é")
  }

  @Test(arguments: [#""a"#, #""\x""#, #""\u12"#, #""\ud800""#, #""\ud800\u0041""#, "\"\u{1}\"", #""\"#])
  func brokenStrings(text: String) {
    #expect(throws: Remark.self) { try read(text) { try $0.readString() } }
  }

  /// Every byte at every place of a long string: quotes, backslashes and control characters are seen,
  /// nothing else is.
  @Test func everyByteAtEveryPlace() {
    for byte in UInt8(0)...0x7f {
      for place in 0..<20 {
        var text = [UInt8](repeating: UInt8(ascii: "a"), count: 20)
        text[place] = byte
        let bytes = [UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")]
        let isPlain = byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
        bytes.withUnsafeBytes { buffer in
          var reader = JSONReader(buffer)
          let read = try? reader.readText()
          #expect((read?.bytes.count == 20 && read?.hasEscapes == false) == isPlain, "\(byte) at \(place)")
        }
      }
    }
  }

  @Test func invalidUTF8IsRefused() {
    for bytes: [UInt8] in [[0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]] {
      bytes.withUnsafeBytes { buffer in
        var reader = JSONReader(buffer)
        #expect(throws: Remark.self) { try reader.readString() }
      }
    }
  }

  /// Passing over agrees with a full parser on what is one JSON value, up to the checks it leaves
  /// out: escapes inside strings.
  @Test(arguments: [UInt64(1), 2]) func skippingAgreesWithAFullParser(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let alphabet = Array(#"{}[]:,"a1.-e tn"#.utf8) + Array("null".utf8)
    var taken = 0
    for _ in 0..<100_000 {
      let bytes = (0..<Int.random(in: 1...10, using: &random)).map { _ in
        alphabet.randomElement(using: &random)!
      }
      let isValue =
        (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
      let isSkipped = bytes.withUnsafeBytes { buffer -> Bool in
        var reader = JSONReader(buffer)
        do throws(Remark) {
          try reader.skipValue()
          try reader.expectEnd()
          return true
        } catch { return false }
      }
      #expect(isValue == isSkipped, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
      if isValue { taken += 1 }
    }
    #expect(taken > 500, "the alphabet must make values")
  }

  @Test func depthIsBounded() throws {
    let deep = { (count: Int) in String(repeating: "[", count: count) + String(repeating: "]", count: count) }
    try read(deep(WireLimits.jsonDepth)) { try $0.skipValue() }
    #expect(throws: Remark.self) { try read(deep(WireLimits.jsonDepth + 1)) { try $0.skipValue() } }
    #expect(throws: Remark.self) { try read(String(repeating: "[", count: 1_000_000)) { try $0.skipValue() } }
  }
}

@Suite struct RFC3339Tests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", Int64(0)), ("2026-11-23T22:59:00Z", 1_795_474_740_000_000_000),
    ("1969-12-31T23:59:59.5Z", -500_000_000), ("2000-02-29t12:00:00.000000001z", 951_825_600_000_000_001),
    ("2026-01-01T01:00:00+01:00", 1_767_225_600_000_000_000),
    ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
    ("2026-01-01T00:00:00.1234567899Z", 1_767_225_600_123_456_789),
  ]) func vectors(text: String, nanoseconds: Int64) {
    #expect(RFC3339.parse(text) == Timestamp(nanoseconds: nanoseconds))
  }

  @Test(arguments: [
    "", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
    "1800-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00Zx", "1600-01-01T00:00:00Z",
    "9999-01-01T00:00:00Z", "2026-01-01T00:00:61Z", "२०२६-01-01T00:00:00Z",
  ]) func refused(text: String) { #expect(RFC3339.parse(text) == nil) }

  @Test func writtenTimesReadBack() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<20_000 {
      let time = Timestamp(nanoseconds: Int64(bitPattern: random.next()))
      #expect(RFC3339.parse(RFC3339.string(time)) == time)
    }
  }

  /// Against the calendar of Foundation, day by day over four centuries.
  @Test func datesAgreeWithFoundation() throws {
    let formatter = ISO8601DateFormatter()
    for day in stride(from: -90_000, to: 90_000, by: 37) {
      let seconds = Int64(day) * 86_400 + 3_661
      let text = RFC3339.string(Timestamp(nanoseconds: seconds * 1_000_000_000))
      #expect(formatter.string(from: Date(timeIntervalSince1970: Double(seconds))) == text)
    }
  }
}
