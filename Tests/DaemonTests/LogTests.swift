import Foundation
import Logging
import TestSupport
import Testing

@testable import Daemon

@Suite struct LogTests {
  private static func line(_ message: String, _ entries: [(String, Logger.MetadataValue)] = []) -> LogLine {
    LogLine(
      time: "2026-01-01T00:00:00Z", level: .warning, message: message,
      entries: entries.map { (key: $0.0, value: $0.1) })
  }

  private static func object(_ line: LogLine) throws -> [String: Any] {
    let bytes = line.bytes(.json, hasPriority: false)
    #expect(bytes.last == UInt8(ascii: "\n") && bytes.dropLast().allSatisfy { $0 >= 0x20 })
    return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
  }

  @Test func aLineInBothFormats() throws {
    let line = Self.line("two words", [("a", "b c\"d"), ("n", .stringConvertible(7)), ("e", "")])
    #expect(
      String(decoding: line.bytes(.text, hasPriority: false), as: UTF8.self)
        == "2026-01-01T00:00:00Z warning two words a=\"b c'd\" n=7 e=\"\"\n")
    #expect(
      String(decoding: line.bytes(.json, hasPriority: true), as: UTF8.self)
        == #"<4>{"time":"2026-01-01T00:00:00Z","level":"warning","message":"two words","a":"b c\"d","n":7,"e":""}"#
        + "\n")
  }

  @Test func theThreeKeysOfEveryLineStandAlone() throws {
    let object = try Self.object(Self.line("x", [("level", "error"), ("time", "never")]))
    #expect(object["level"] as? String == "warning" && object["level_"] as? String == "error")
    #expect(object["time_"] as? String == "never")
  }

  /// Any text stays in its line and field, and comes back from JSON as it was.
  @Test(arguments: [UInt64(1), 2, 3]) func anyTextStaysInItsField(seed: UInt64) throws {
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      let length = Int.random(in: 0..<60, using: &random)
      let ranges: [ClosedRange<UInt32>] = [
        0...0x20, 0x21...0x7f, 0x80...0xa0, 0x2000...0x2070, 0x1f600...0x1f640,
      ]
      let text = String(
        String.UnicodeScalarView(
          (0..<length).compactMap { _ in
            Unicode.Scalar(UInt32.random(in: ranges.randomElement(using: &random)!, using: &random))
          }))
      let object = try Self.object(Self.line(text, [("key", .string(text))]))
      #expect(object["message"] as? String == text && object["key"] as? String == text)
      let bytes = Self.line(text, [("key", .string(text))]).bytes(.text, hasPriority: false)
      let written = String(decoding: bytes.dropLast(), as: UTF8.self).unicodeScalars
      #expect(
        written.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) && $0 != "\u{202e}" })
    }
  }

  @Test(arguments: LogSettings.Format.allCases) func noLineIsLongerThanAPipeTakesAtOnce(
    format: LogSettings.Format
  ) throws {
    for length in [0, 100, 1_000, 4_000, 4_096, 100_000] {
      for count in [0, 1, 40, 1_000] {
        let entries = (0..<count).map {
          ("key\($0)", Logger.MetadataValue.string(String(repeating: "\u{1}", count: length)))
        }
        let line = Self.line(String(repeating: "é", count: length), entries)
        #expect(line.bytes(format, hasPriority: true).count <= LogLine.maximumBytes)
        if format == .json { _ = try Self.object(line) }
      }
    }
  }

  @Test func repeatedLinesAreHeldBackAndCounted() {
    var rate = LogRate()
    func admit(_ kind: LogRate.Kind, _ time: Double) -> UInt64? { rate.admit(kind, at: time) }
    let kind = LogRate.Kind(file: "a", line: 1, reason: "gap")
    let burst = (0..<100).compactMap { _ in admit(kind, 5) }
    #expect(burst == Array(repeating: 0, count: Int(LogRate.burst)))
    #expect(admit(.init(file: "a", line: 1, reason: "late"), 5) == 0, "another kind")
    #expect(admit(kind, 5.5) == nil)
    #expect(admit(kind, 6.5) == 81, "and says how many were held back")
    #expect(admit(kind, 6.6) == nil)
    // However many kinds there are, the table stays as it is, and those beyond it share one.
    let others = (0..<10_000).compactMap { admit(.init(file: "b", line: UInt($0), reason: ""), 7) }
    #expect(others.count < LogRate.maximumKinds + Int(LogRate.burst))
  }

  @Test func whatNobodyReadsIsDroppedAndCounted() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    let filler = [UInt8](repeating: 0, count: 4_096)
    while write(ends[1], filler, filler.count) > 0 {}
    let stream = LogStream(descriptor: ends[1], environment: [:])
    let log = Logger(label: "test") { _ in DaemonLog(stream) }
    for _ in 0..<5 { log.notice("lost") }
    #expect(stream.droppedLines == 5)
    log.debug("below the level")
    #expect(stream.droppedLines == 5)
    var sink = [UInt8](repeating: 0, count: 1 << 20)
    _ = read(ends[0], &sink, sink.count)
    log.notice("heard")
    let count = read(ends[0], &sink, sink.count)
    #expect(String(decoding: sink.prefix(count), as: UTF8.self).hasSuffix("notice heard lines_dropped=5\n"))
  }

  @Test func theLevelIsThatOfTheStreamUnlessItIsSet() {
    let stream = LogStream(descriptor: -1, environment: [:])
    var handler = DaemonLog(stream)
    #expect(handler.logLevel == .info)
    stream.settings.level = .error
    #expect(handler.logLevel == .error)
    handler.logLevel = .debug
    #expect(handler.logLevel == .debug)
  }
}
