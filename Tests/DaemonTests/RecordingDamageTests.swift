import Events
import Foundation
import Synchronization
import TestSupport
import Testing
import ZeroMQ

@testable import Daemon

private let name = SourceName("watch")!
private let start = Timestamp(nanoseconds: 1_767_225_600_000_000_000)

/// Recordings that no recorder wrote, or a disk did not take: typed errors, never a trap.
@Suite struct RecordingDamageTests {
  /// A small recording of three blocks, and where each ends.
  private static func small() throws -> (bytes: [UInt8], ends: [Int], messages: [Recorded]) {
    let folder = try TemporaryFolder()
    var recorder = try Recorder(path: folder.file("a.tmrec"), name: name, start: start)
    var messages: [Recorded] = []
    recorder.tell(start)
    var time = start.nanoseconds
    for block in 0..<3 {
      for index in 0..<3 {
        let frames = [Array("topic-\(index)".utf8), [UInt8(block), UInt8(index)], Array("descriptor".utf8)]
        recorder.record(frames, at: time)
        messages.append(.message(frames, at: time))
      }
      time += 2_000_000_000
      recorder.flush(at: Timestamp(nanoseconds: time))
    }
    _ = recorder.close()
    let bytes = try folder.bytes("a.tmrec")
    var ends = [RecordingFileHeader(start: start, name: "watch").bytes.count]
    while ends.last! < bytes.count {
      let payload = bytes.withUnsafeBytes { $0.number(at: ends.last! + 8, UInt32.self) }
      ends.append(ends.last! + RecordingBlockHeader.size + Int(payload))
    }
    return (bytes, ends, messages)
  }

  @Test func cutAnywhereItIsReadUpToThere() throws {
    let (bytes, ends, messages) = try Self.small()
    #expect(ends.count == 5, "three blocks, and the last, which is empty but for the flag")
    for cut in 0..<bytes.count {
      let folder = try TemporaryFolder()
      let read = ReadOutcome(try folder.write(Array(bytes[..<cut])))
      guard cut >= ends[0] else {
        #expect(read.records.isEmpty)
        let isHeader = cut < RecordingFileHeader.fixedBytes
        #expect(read.problem == (isHeader ? .notARecording : .torn(offset: 0)), "cut at \(cut)")
        continue
      }
      let whole = ends.last { $0 <= cut }!
      #expect(read.problem == (whole == cut ? nil : .torn(offset: whole)), "cut at \(cut)")
      #expect(read.messages == Array(messages[..<(3 * min(3, ends.firstIndex(of: whole)!))]), "cut at \(cut)")
      #expect(!read.isClosed)
    }
  }

  /// Every bit is under a checksum but the marks and lengths that lead to it, which are checked by themselves.
  @Test func anyBitThatFlipsIsNoticed() throws {
    let (bytes, _, messages) = try Self.small()
    let folder = try TemporaryFolder()
    for bit in 0..<8 * bytes.count {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      let read = ReadOutcome(try folder.write(flipped))
      #expect(read.problem != nil, "bit \(bit)")
      #expect(messages.starts(with: read.messages), "bit \(bit)")
    }
  }

  /// Blocks whose checksum fits, with anything in them: what a hostile file can say.
  @Test(arguments: [UInt64.random(in: 0 ... .max), 1, 2]) func aValidChecksumProvesNothing(seed: UInt64)
    throws
  {
    var random = SeededGenerator(seed: seed)
    let (bytes, ends, _) = try Self.small()
    let folder = try TemporaryFolder()
    var problems = 0
    for _ in 0..<3_000 {
      var mutated = Array(bytes[..<ends[1]])
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: ends[0]..<mutated.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: mutated[place] = UInt8.random(in: 0...255, using: &random)
        case 1: mutated[place] = 0xff
        case 2: mutated.insert(UInt8.random(in: 0...255, using: &random), at: place)
        default: if mutated.count > ends[0] + RecordingBlockHeader.size + 1 { mutated.remove(at: place) }
        }
      }
      Self.reseal(&mutated, from: ends[0])
      if ReadOutcome(try folder.write(mutated)).problem != nil { problems += 1 }
    }
    #expect(problems > 1_000, "seed \(seed)")
  }

  /// Makes the block at `start`, which goes to the end, say its true length and checksum.
  private static func reseal(_ bytes: inout [UInt8], from start: Int) {
    var block = Array(bytes[start...])
    block.replaceSubrange(0..<4, with: Array("TBLK".utf8))
    let length = UInt32(block.count - RecordingBlockHeader.size).bigEndian
    block.replaceSubrange(8..<12, with: withUnsafeBytes(of: length) { Array($0) })
    RecordingBlockHeader.seal(&block)
    bytes.replaceSubrange(start..., with: block)
  }

  /// A block with the given records, behind a header, as a file.
  private static func file(
    _ records: [UInt8], messages: UInt32 = 1, first: UInt64 = 0,
    flags: RecordingBlockHeader.Flags = .freshDictionary
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: RecordingBlockHeader.size)
    RecordingBlockHeader(
      flags: flags, payloadBytes: records.count, messages: messages, first: first, base: start
    ).write(to: &block)
    block += records
    RecordingBlockHeader.seal(&block)
    return RecordingFileHeader(start: start, name: "watch").bytes + block
  }

  @Test(
    arguments: [
      ("a frame one byte longer than the block", [0, 1, 8, 1]),
      ("a frame longer than the block", [0, 1, 0xfc, 0xff, 0x03]),
      ("a frame of 2^62 bytes", [0, 1, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
      ("a number of 71 bits", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
      ("a place in an empty dictionary", [0, 1, 2]),
      ("form 3", [0, 1, 3]),
      ("17 frames", [0, 17] + [UInt8](repeating: 0, count: 17)),
      ("lane 5", [0, 5 << 5]),
      ("a reload of two frames", [0, 4 << 5 | 2, 0, 0]),
      ("a time told with frames", [0, 0xe1, 0]),
      ("an entry without bytes", [0, 1, 1]),
      ("a record cut short", [0]),
      ("no record at all", []),
      ("two messages", [0, 0, 0, 0]),
    ] as [(String, [UInt8])]) func isDamage(what: String, records: [UInt8]) throws
  {
    let folder = try TemporaryFolder()
    let read = ReadOutcome(try folder.write(Self.file(records)))
    guard case .damaged(let offset, _) = read.problem else {
      Issue.record("\(what): \(read.problem as Any)")
      return
    }
    #expect(offset >= RecordingFileHeader(start: start, name: "watch").bytes.count)
    #expect(read.records.count == (what == "two messages" ? 1 : 0), "nothing of a record that is damaged")
  }

  @Test func timesAndNumbersStayWithin64Bits() throws {
    let folder = try TemporaryFolder()
    let furthest: [UInt8] = [UInt8](repeating: 0xff, count: 9) + [1]
    let read = ReadOutcome(try folder.write(Self.file(furthest + [0] + furthest + [0], messages: 2)))
    #expect(read.problem == nil)
    #expect(read.records.last?.item == .message(.ingest, at: .max))
    let overflow = ReadOutcome(try folder.write(Self.file([0, 0], first: .max)))
    #expect(overflow.problem != nil)
    let gap = ReadOutcome(try folder.write(Self.file([0, 0], first: .max - 1)))
    #expect(gap.problem == nil && gap.lost == .max - 1)
  }

  @Test func aLengthAloneTakesNoMemory() throws {
    let folder = try TemporaryFolder()
    var bytes = Self.file([0, 0])
    let place = RecordingFileHeader(start: start, name: "watch").bytes.count + 8
    bytes.replaceSubrange(place..<place + 4, with: [0x7f, 0xff, 0xff, 0xff])
    guard case .damaged = ReadOutcome(try folder.write(bytes)).problem else {
      Issue.record("a block of 2 GiB must be refused")
      return
    }
    bytes.replaceSubrange(place..<place + 4, with: [0x08, 0, 0, 0])
    #expect(ReadOutcome(try folder.write(bytes)).problem == .torn(offset: place - 8))
  }

  // MARK: Disks

  /// A disk that stalls: recording goes on without waiting, what does not fit is lost, and the file stays whole.
  @Test func aStalledDiskLosesMessagesAndNothingElse() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    // The drain is slow under a sanitizer; how long closing waits is not what is tested here.
    let file = try RecordingFile(
      descriptor: ends[1], header: RecordingFileHeader(start: start, name: "watch"), patience: 60)
    var recorder = Recorder(file, start: start)
    let large = [UInt8](repeating: 9, count: 100_000)
    var sent: UInt64 = 0
    // Nobody reads the pipe: more than the queue holds is refused.
    while recorder.account.lost == 0 {
      recorder.record([Array("topic".utf8), large, Array("descriptor".utf8)], at: start.nanoseconds)
      sent += 1
      if sent > 2_000 { break }
    }
    #expect((300...400).contains(sent), "the queue holds 32 MiB, not \(sent) × 100 kB")
    let drained = Mutex([UInt8]())
    let reader = ends[0]
    let thread = try SocketThread(name: "drain") {
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = read(reader, &buffer, buffer.count)
        guard count > 0 else { return }
        drained.withLock { $0 += buffer[..<count] }
      }
    }
    // With the disk awake again, recording goes on.
    let before = recorder.account.messages
    while recorder.account.messages < before + 400, sent < 1_000_000 {
      recorder.record([Array("topic".utf8), large, Array("descriptor".utf8)], at: start.nanoseconds)
      sent += 1
    }
    let account = recorder.close()
    thread.join()
    close(reader)
    #expect(account.messages >= before + 400, "it has to go on after a loss")
    #expect(account.messages + account.lost == sent && account.lost > 0)
    let folder = try TemporaryFolder()
    let outcome = ReadOutcome(try folder.write(drained.withLock { $0 }))
    #expect(outcome.problem == nil && outcome.isClosed)
    #expect(UInt64(outcome.messages.count) == account.messages && outcome.lost == account.lost)
    #expect(outcome.messages.allSatisfy { $0.frames.count == 3 && $0.frames[1] == large })
  }

  @Test func aDiskThatRefusesIsCounted() throws {
    #expect(throws: RecordingProblem.system(ENOSPC)) {
      let full = open("/dev/full", O_WRONLY)
      _ = try RecordingFile(descriptor: full, header: RecordingFileHeader(start: start, name: "watch"))
    }
    // A pipe whose reader is gone refuses the first block, and cannot be mended.
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let file = try RecordingFile(
      descriptor: ends[1], header: RecordingFileHeader(start: start, name: "watch"))
    close(ends[0])
    var recorder = Recorder(file, start: start)
    for index in 0..<100 {
      recorder.record([[1], [2]], at: start.nanoseconds + Int64(index) * 1_000_000_000)
      recorder.flush(at: start.advanced(byNanoseconds: Int64(index) * 1_000_000_000))
    }
    let account = recorder.close()
    #expect(account.lost == 100 && account.messages == 0 && account.failure == EPIPE)
  }
}
