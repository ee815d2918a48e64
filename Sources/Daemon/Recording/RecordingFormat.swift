import Events

/// The bytes of a recording: everything that a daemon received, in order (`protocol/recording.md`).
///
/// A file header, then blocks. A block bears its own checksum, the number of its first message and the time
/// from which its records count, so that a block that is missing or torn is seen, and costs itself alone.
/// Numbers of fixed size are big-endian, as on the wire; the others are varints (LEB128).
enum RecordingFormat {
  /// `TIDEREC` and a zero: no text begins with it.
  static let magic: [UInt8] = Array("TIDEREC".utf8) + [0]
  static let major: UInt8 = 1
  /// 1: lane 4.
  static let minor: UInt8 = 1

  /// Bytes after which a block is written out; one write(2) each.
  static let blockBytes = 256 << 10
  /// A message of more bytes, all frames together, is not recorded but counted as lost: twice what a daemon
  /// takes by default.
  static let maximumMessageBytes = 128 << 20
  /// A block is full once it has ``blockBytes``, so it is at most that, and one message with its record:
  /// 1 byte for the tag, 10 for the time, 10 for each of 16 frames, all below 1 KiB.
  static let maximumPayloadBytes = blockBytes + maximumMessageBytes + 1_024
  static let maximumFrames = 16
  /// Of the daemon's name: one byte says how many.
  static let maximumNameBytes = 255

  /// Frames that are written once and then referred to: topics and descriptors. 4,096 entries of together at
  /// most 1 MiB, 256 bytes each; the table over them has 96 KiB.
  static let dictionaryEntries = 4_096
  static let dictionaryBytes = 1 << 20
  /// Longer frames are written each time.
  static let dictionaryFrameBytes = 4_096

  /// The way by which a message came. Lanes 2 (reliable) and 3 (control) hold the frames behind the peer's
  /// identity.
  package enum Lane: UInt8, CaseIterable, Sendable {
    case ingest = 0
    case features = 1
    case reliable = 2
    case control = 3
  }

  /// The lane of a record that is no message: from here on another configuration holds. Frames: its revision, the file
  /// that it stands in, its text.
  static let reloadLane: UInt8 = 4
  static let reloadFrames: UInt8 = 3
  /// The lane of a record that is no message: the engine was told this time.
  static let clockLane: UInt8 = 7
  /// In place of a number of frames: the message had more than ``maximumFrames``, none of them kept.
  static let tooManyFrames: UInt8 = 31

  /// How a frame is written: the two low bits of the number before it.
  enum FrameForm: UInt64 {
    /// Its length; its bytes follow.
    case bytes = 0
    /// The same, and it takes the next place in the dictionary.
    case entry = 1
    /// A place in the dictionary.
    case reference = 2
  }
}

/// Why a recording cannot be read (further).
enum RecordingProblem: Error, Equatable, CustomStringConvertible {
  case notARecording
  /// A major version that this build does not read.
  case unsupportedVersion(UInt8)
  /// The file ends inside a block, as after kill -9; everything before `offset` is whole.
  case torn(offset: Int)
  /// Bytes that no recorder wrote; everything before `offset` is whole.
  case damaged(offset: Int, String)
  /// errno of a system call.
  case system(Int32)

  var description: String {
    switch self {
    case .notARecording: "is no recording"
    case .unsupportedVersion(let major):
      "is a recording of version \(major), this build reads version \(RecordingFormat.major)"
    case .torn(let offset): "ends inside a block, whole up to byte \(offset)"
    case .damaged(let offset, let what): "is damaged at byte \(offset): \(what)"
    case .system(let code): String(cString: systemText(code))
    }
  }
}

/// The first bytes of the file.
struct RecordingFileHeader: Equatable {
  /// Before the name: magic, versions, a reserved byte, the name's length, the time.
  static let fixedBytes = 20
  static let maximumBytes = fixedBytes + RecordingFormat.maximumNameBytes + 4

  /// When the recording began.
  var start: Timestamp
  /// The daemon's name, cut to what one byte can count.
  var name: String

  var bytes: [UInt8] {
    let name = Array(name.utf8.prefix(RecordingFormat.maximumNameBytes))
    var bytes = RecordingFormat.magic
    bytes += [RecordingFormat.major, RecordingFormat.minor, 0, UInt8(name.count)]
    withUnsafeBytes(of: start.nanoseconds.bigEndian) { bytes += $0 }
    bytes += name
    let sum = bytes.withUnsafeBytes { CRC32C.of($0) }
    withUnsafeBytes(of: sum.bigEndian) { bytes += $0 }
    return bytes
  }

  /// How many bytes the whole header has, by its first ``fixedBytes``.
  ///
  /// - Throws: `notARecording`, `unsupportedVersion`.
  static func size(by bytes: UnsafeRawBufferPointer) throws(RecordingProblem) -> Int {
    guard bytes.count >= fixedBytes, bytes.starts(with: RecordingFormat.magic) else { throw .notARecording }
    guard bytes[8] == RecordingFormat.major else { throw .unsupportedVersion(bytes[8]) }
    return fixedBytes + Int(bytes[11]) + 4
  }

  /// - Throws: `damaged`.
  init(parsing bytes: UnsafeRawBufferPointer) throws(RecordingProblem) {
    guard try Self.size(by: bytes) == bytes.count else { throw .damaged(offset: 0, "a header cut short") }
    let content = UnsafeRawBufferPointer(rebasing: bytes.dropLast(4))
    guard CRC32C.of(content) == bytes.number(at: content.count, UInt32.self) else {
      throw .damaged(offset: 0, "the header's checksum does not fit")
    }
    start = Timestamp(nanoseconds: bytes.number(at: 12, Int64.self))
    name = String(decoding: content.dropFirst(Self.fixedBytes), as: UTF8.self)
  }

  init(start: Timestamp, name: String) {
    self.start = start
    self.name = name
  }
}

/// What stands before the records of a block.
struct RecordingBlockHeader: Equatable {
  static let size = 36
  /// The checksum's place: it covers what is before it, and the records.
  static let checksumOffset = 32
  static let magic: UInt32 = 0x5442_4c4b  // TBLK

  struct Flags: OptionSet {
    let rawValue: UInt8
    /// The dictionary is empty at its first record; else it is as the block before left it.
    static let freshDictionary = Flags(rawValue: 1)
    /// The recorder closed the file behind it.
    static let last = Flags(rawValue: 2)
  }

  var flags: Flags
  var payloadBytes: Int
  /// Records that are messages.
  var messages: UInt32
  /// Messages received before the first of this block, from 0: where it is more than the blocks before hold,
  /// the difference is lost.
  var first: UInt64
  /// From where the first record's time counts.
  var base: Timestamp

  /// Writes all but the checksum.
  func write(to bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { buffer in
      buffer.store(Self.magic, 0)
      buffer.store(UInt32(flags.rawValue) << 24, 4)
      buffer.store(UInt32(payloadBytes), 8)
      buffer.store(messages, 12)
      buffer.store(first, 16)
      buffer.store(base.nanoseconds, 24)
    }
  }

  /// Completes a block, its header written and its records behind it.
  static func seal(_ block: inout [UInt8]) {
    block.withUnsafeMutableBytes { buffer in buffer.store(checksum(of: UnsafeRawBufferPointer(buffer)), 32) }
  }

  /// Of a whole block.
  static func checksum(of block: UnsafeRawBufferPointer) -> UInt32 {
    let header = CRC32C.of(UnsafeRawBufferPointer(rebasing: block[..<checksumOffset]))
    return CRC32C.of(UnsafeRawBufferPointer(rebasing: block[size...]), continuing: header)
  }

  /// - Parameter offset: where the block stands in the file.
  /// - Throws: `damaged`.
  init(parsing bytes: UnsafeRawBufferPointer, at offset: Int) throws(RecordingProblem) {
    precondition(bytes.count >= Self.size)
    guard bytes.number(at: 0, UInt32.self) == Self.magic else { throw .damaged(offset: offset, "no block") }
    let payload = bytes.number(at: 8, UInt32.self)
    guard payload <= RecordingFormat.maximumPayloadBytes else {
      throw .damaged(offset: offset, "a block of \(payload) bytes")
    }
    flags = Flags(rawValue: bytes[4])
    payloadBytes = Int(payload)
    messages = bytes.number(at: 12, UInt32.self)
    first = bytes.number(at: 16, UInt64.self)
    base = Timestamp(nanoseconds: bytes.number(at: 24, Int64.self))
  }

  init(flags: Flags, payloadBytes: Int, messages: UInt32, first: UInt64, base: Timestamp) {
    self.flags = flags
    self.payloadBytes = payloadBytes
    self.messages = messages
    self.first = first
    self.base = base
  }
}

extension UnsafeRawBufferPointer {
  /// The big-endian number at `offset`.
  func number<Value: FixedWidthInteger>(at offset: Int, _ type: Value.Type) -> Value {
    Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: type))
  }
}

extension UnsafeMutableRawBufferPointer {
  fileprivate func store(_ value: some FixedWidthInteger, _ offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: type(of: value.bigEndian))
  }
}
