import Events
import Foundation
import TestSupport
import Testing
import Wire
import ZeroMQ

@testable import Daemon

/// A folder of its own for each test, removed with it.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("tm-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit {
    // What is left behind is the system's to clear.
    try? FileManager.default.removeItem(atPath: path)
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  func write(_ bytes: [UInt8], _ name: String = "bytes.tmrec") throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: file(name))))
  }
}

/// One record, copied out.
struct Recorded: Equatable {
  var item: RecordingReader.Item
  var frames: [[UInt8]] = []

  static func message(
    _ frames: [[UInt8]], _ lane: RecordingFormat.Lane = .ingest, at nanoseconds: Int64
  ) -> Recorded {
    Recorded(item: .message(lane, at: Timestamp(nanoseconds: nanoseconds)), frames: frames)
  }
}

extension Recorder {
  mutating func record(_ frames: [[UInt8]], lane: RecordingFormat.Lane = .ingest, at nanoseconds: Int64) {
    let buffers = frames.map { frame in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 1)
      buffer.copyBytes(from: frame)
      return buffer
    }
    defer { for buffer in buffers { buffer.deallocate() } }
    buffers.map { UnsafeRawBufferPointer($0) }.withUnsafeBufferPointer {
      record(.message, $0, lane: lane, at: Timestamp(nanoseconds: nanoseconds))
    }
  }
}

/// What a reader made of a file, to its end or to where it could not go on.
struct ReadOutcome {
  var header: RecordingFileHeader?
  var records: [Recorded] = []
  var lost: UInt64 = 0
  var isClosed = false
  var problem: RecordingProblem?

  init(_ path: String) {
    let descriptor = open(path, O_RDONLY)
    defer { close(descriptor) }
    do throws(RecordingProblem) {
      var reader = try RecordingReader(descriptor: descriptor)
      header = reader.header
      do throws(RecordingProblem) {
        while true {
          let item = try reader.nextItem()
          if item == .end { break }
          var record = Recorded(item: item)
          switch item {
          case .message, .reload: record.frames = reader.frames.map { Array($0) }
          case .tooManyFrames, .clock, .end: break
          }
          records.append(record)
        }
      } catch { problem = error }
      (lost, isClosed) = (reader.lost, reader.isClosed)
    } catch { problem = error }
  }

  var messages: [Recorded] {
    records.filter { if case .clock = $0.item { false } else { true } }
  }
}

private let name = SourceName("watch")!
private let start = Timestamp(nanoseconds: 1_767_225_600_000_000_000)

@Suite struct RecordingTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  @Test func checksumIsThatOfTheStandard() {
    let sum = Array("123456789".utf8).withUnsafeBytes { CRC32C.of($0) }
    #expect(sum == 0xe306_9283)
    // RFC 3720, B.4: 32 bytes of zeros, of ones, and rising.
    #expect([UInt8](repeating: 0, count: 32).withUnsafeBytes { CRC32C.of($0) } == 0x8a91_36aa)
    #expect([UInt8](repeating: 0xff, count: 32).withUnsafeBytes { CRC32C.of($0) } == 0x62a8_ab43)
    #expect((0..<32).map { UInt8($0) }.withUnsafeBytes { CRC32C.of($0) } == 0x46dd_794e)
  }

  @Test func checksumGoesOnWhereItStopped() {
    let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    let whole = bytes.withUnsafeBytes { CRC32C.of($0) }
    for cut in 0...64 {
      let before = Array(bytes[..<cut]).withUnsafeBytes { CRC32C.of($0) }
      #expect(Array(bytes[cut...]).withUnsafeBytes { CRC32C.of($0, continuing: before) } == whole)
    }
  }

  /// The bytes of the page, from its hexadecimal digits.
  private static func goldenBytes() throws -> [UInt8] {
    let page = try String(contentsOf: root.appendingPathComponent("protocol/recording.md"), encoding: .utf8)
    let block = try #require(
      page.components(separatedBy: "```recording\n").last?.components(separatedBy: "```").first)
    return try block.split(separator: "\n").flatMap { line in
      try #require(
        Hexadecimal.bytes(line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)), "\(line)")
    }
  }

  private static func goldenMessages() -> [Recorded] {
    let descriptor = Array(
      #"{"metrics":["accuracy"],"tensors":[{"name":"values","datatype":"FP64","shape":[1]}]}"#.utf8)
    let half: [UInt8] = [0, 0, 0, 0, 0, 0, 0xe0, 0x3f]
    let framed = { (number: UInt64) in
      let header = FramedHeader(
        kind: 1, frames: 4, epoch: UInt64(start.nanoseconds), number: number, previous: number - 1,
        eventTime: start.nanoseconds, sendTime: start.nanoseconds)
      return [Array("metrics/m/-/t".utf8), header.bytes, descriptor, half]
    }
    return [
      .message([Array("metrics/m/-/s".utf8), Array("{}".utf8)], at: start.nanoseconds + 1_000),
      .message(framed(1), at: start.nanoseconds + 2_000),
      .message(framed(2), .features, at: start.nanoseconds + 2_500),
      Recorded(item: .tooManyFrames(17, .ingest, at: start.advanced(byNanoseconds: 2_500))),
    ]
  }

  @Test func theGoldenFileIsReadAsThePageSays() throws {
    let bytes = try Self.goldenBytes()
    let golden = Self.root.appendingPathComponent("protocol/golden/recording-1.1.tmrec")
    #expect(try [UInt8](Data(contentsOf: golden)) == bytes)
    let read = ReadOutcome(golden.path)
    #expect(read.header == RecordingFileHeader(start: start, name: "watch"))
    #expect(read.problem == nil && read.isClosed && read.lost == 0)
    let clocks = [start, start.advanced(byNanoseconds: 1_002_500)].map { Recorded(item: .clock($0)) }
    let reload = Recorded(
      item: .reload(at: start.advanced(byNanoseconds: 2_500)),
      frames: ["bec70e26d1dd", "w.yaml", "name: watch\n"].map { Array($0.utf8) })
    #expect(read.records == [clocks[0]] + Self.goldenMessages() + [reload, clocks[1]])
    // A file of the version before is read as ever.
    let before = ReadOutcome(
      Self.root.appendingPathComponent("protocol/golden/recording-1.0.tmrec").path)
    #expect(before.problem == nil && before.isClosed)
    #expect(before.records == [clocks[0]] + Self.goldenMessages() + [clocks[1]])
  }

  @Test func theRecorderWritesTheGoldenFile() throws {
    let folder = try TemporaryFolder()
    var recorder = try Recorder(path: folder.file("golden.tmrec"), name: name, start: start)
    recorder.tell(start)
    for message in Self.goldenMessages() {
      switch message.item {
      case .message(let lane, let time): recorder.record(message.frames, lane: lane, at: time.nanoseconds)
      case .tooManyFrames(let count, let lane, let time):
        recorder.record(
          .tooManyFrames(Int(count)), UnsafeBufferPointer(start: nil, count: 0), lane: lane, at: time)
      default: break
      }
    }
    recorder.record(
      .init(file: "w.yaml", text: "name: watch\n", allowsPlaintext: false), revision: "bec70e26d1dd",
      at: start.advanced(byNanoseconds: 2_500))
    recorder.flush(at: start.advanced(byNanoseconds: 1_002_500))
    let account = recorder.close()
    let bytes = try folder.bytes("golden.tmrec")
    #expect(try bytes == Self.goldenBytes())
    #expect(account == RecordingFile.Account(messages: 4, bytes: bytes.count))
  }

  @Test func anExistingFileIsLeftAlone() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1, 2, 3])
    #expect(throws: RecordingProblem.system(EEXIST)) {
      _ = try Recorder(path: path, name: name, start: start)
    }
    #expect(try folder.bytes("bytes.tmrec") == [1, 2, 3])
  }

  @Test func onlyTheOwnerMayReadIt() throws {
    let folder = try TemporaryFolder()
    var recorder = try Recorder(path: folder.file("a.tmrec"), name: name, start: start)
    _ = recorder.close()
    var status = stat()
    #expect(stat(folder.file("a.tmrec"), &status) == 0 && status.st_mode & 0o777 == 0o600)
  }

  /// Messages of any frames, repeated and not, come back as they were, in blocks of any size.
  @Test(arguments: [UInt64.random(in: 0 ... .max), 1, 2]) func whatIsRecordedIsRead(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let folder = try TemporaryFolder()
    var recorder = try Recorder(path: folder.file("a.tmrec"), name: name, start: start)
    let pool = (0..<Int.random(in: 1...6_000, using: &random)).map { index in
      Array("metrics/model-\(index)/-/source".utf8)
    }
    var time = start.nanoseconds
    var written: [Recorded] = []
    for _ in 0..<4_000 {
      var frames = [pool.randomElement(using: &random)!]
      for _ in 0..<Int.random(in: 0...15, using: &random) {
        let size = Int.random(
          in: 0...(Int.random(in: 0..<200, using: &random) == 0 ? 20_000 : 60), using: &random)
        frames.append((0..<size).map { _ in UInt8.random(in: 0...3, using: &random) })
      }
      if Bool.random(using: &random) { time += Int64.random(in: 0...3_000_000_000, using: &random) }
      let lane = RecordingFormat.Lane.allCases.randomElement(using: &random)!
      recorder.record(frames, lane: lane, at: time)
      written.append(.message(frames, lane, at: time))
      if Int.random(in: 0..<50, using: &random) == 0 { recorder.flush(at: Timestamp(nanoseconds: time)) }
    }
    #expect(recorder.close().lost == 0)
    let read = ReadOutcome(folder.file("a.tmrec"))
    #expect(read.problem == nil && read.isClosed && read.lost == 0, "seed \(seed)")
    #expect(read.messages == written, "seed \(seed)")
  }

  @Test func aDictionaryThatIsFullBeginsAnew() throws {
    let folder = try TemporaryFolder()
    var recorder = try Recorder(path: folder.file("a.tmrec"), name: name, start: start)
    // More topics than entries, twice, and none of them twice in one block.
    let topics = (0..<RecordingFormat.dictionaryEntries + 500).map { Array("metrics/model-\($0)/-/s".utf8) }
    var written: [Recorded] = []
    for round in 0..<2 {
      for topic in topics {
        let frames = [topic, [UInt8](repeating: UInt8(round), count: 100)]
        recorder.record(frames, at: start.nanoseconds)
        written.append(.message(frames, at: start.nanoseconds))
      }
    }
    // What is new after that is written whole only until the next block.
    let descriptor = [UInt8](repeating: 7, count: RecordingFormat.dictionaryFrameBytes)
    for _ in 0..<500 {
      let frames = [topics[0], [], descriptor]
      recorder.record(frames, at: start.nanoseconds)
      written.append(.message(frames, at: start.nanoseconds))
    }
    let account = recorder.close()
    #expect(account.lost == 0 && account.bytes < 2_000_000)
    let read = ReadOutcome(folder.file("a.tmrec"))
    #expect(read.problem == nil && read.messages == written)
  }

  @Test func repeatedFramesAreWrittenOnce() throws {
    let folder = try TemporaryFolder()
    var recorder = try Recorder(path: folder.file("a.tmrec"), name: name, start: start)
    let descriptor = [UInt8](repeating: 7, count: 4_000)
    for _ in 0..<100 { recorder.record([Array("t".utf8), [1], descriptor], at: start.nanoseconds) }
    #expect(recorder.close().bytes < 2 * descriptor.count)
    #expect(ReadOutcome(folder.file("a.tmrec")).messages.count == 100)
  }

  @Test func aMessageThatIsTooLargeIsSeenAsLost() throws {
    let folder = try TemporaryFolder()
    var recorder = try Recorder(path: folder.file("a.tmrec"), name: name, start: start)
    recorder.record([[1]], at: start.nanoseconds)
    let large = UnsafeRawBufferPointer(
      start: mmap(
        nil, RecordingFormat.maximumMessageBytes + 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      count: RecordingFormat.maximumMessageBytes + 1)
    [large].withUnsafeBufferPointer { recorder.record($0, lane: .features, at: start) }
    recorder.record([[2]], at: start.nanoseconds + 5)
    let account = recorder.close()
    #expect(account.lost == 1 && account.messages == 2)
    let read = ReadOutcome(folder.file("a.tmrec"))
    #expect(read.problem == nil && read.lost == 1)
    #expect(read.messages.map(\.frames) == [[[1]], [[2]]])
  }
}
