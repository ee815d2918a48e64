import Events
import ZeroMQ

/// Writes down everything that a daemon received, in order, with when it came.
///
/// Cheap on the thread that serves: a message is copied into a block, its topic and descriptor looked up in a
/// dictionary; a block is handed to ``RecordingFile`` when it has 256 KiB, or after a second. Nothing here waits,
/// and nothing grows: what the disk does not take is lost to the recording, counted, and seen by its reader.
package struct Recorder: ~Copyable {
  /// After so long a block is written out though it is not full: what kill -9 costs.
  static let interval = Duration.seconds(1)

  private let file: RecordingFile
  private var dictionary = FrameDictionary()
  /// Room for the header, then records.
  private var block: [UInt8]
  private var isFresh = true
  /// Messages in `block`, and received before it.
  private var messages: UInt32 = 0
  private var first: UInt64 = 0
  /// From where times count in `block`, and that of its last record.
  private var base: Timestamp
  private var last: Timestamp
  /// What the engine was last told without a message.
  private var told: Timestamp

  /// Makes the file, readable by its owner alone; an existing one is left as it is.
  ///
  /// - Throws: `system` with errno.
  init(
    path: String, name: SourceName, start: Timestamp,
    onFirstLoss: @escaping @Sendable (Int32?) -> Void = { _ in }
  ) throws(RecordingProblem) {
    let header = RecordingFileHeader(start: start, name: name.text)
    self.init(try RecordingFile(path: path, header: header, onFirstLoss: onFirstLoss), start: start)
  }

  init(_ file: RecordingFile, start: Timestamp) {
    self.file = file
    block = file.emptyBuffer()
    (base, last, told) = (start, start, start)
    beginBlock(at: start)
  }

  /// When a block is to be written out though nothing comes; nil when none waits.
  var nextFlush: Timestamp? { isEmpty ? nil : base.advanced(by: Self.interval) }

  /// What has been written so far, and what was lost.
  var account: RecordingFile.Account { file.account }

  // MARK: Records

  /// Writes down what a receive brought.
  ///
  /// - Parameters:
  ///   - frames: behind the peer's identity, where there is one; read before this returns.
  ///   - arrival: as the engine is told; not before that of the messages before it.
  mutating func record(
    _ receipt: Receipt, _ frames: UnsafeBufferPointer<UnsafeRawBufferPointer>, lane: RecordingFormat.Lane,
    at arrival: Timestamp
  ) {
    switch receipt {
    case .nothing: return
    case .message: record(frames, lane: lane, at: arrival)
    case .tooManyFrames(let count):
      begin(lane.rawValue, RecordingFormat.tooManyFrames, at: arrival)
      appendNumber(UInt64(count))
      endMessage(at: arrival)
    }
  }

  /// As ``record(_:_:lane:at:)``, for a message of at most ``RecordingFormat/maximumFrames`` frames.
  mutating func record(
    _ frames: UnsafeBufferPointer<UnsafeRawBufferPointer>, lane: RecordingFormat.Lane, at arrival: Timestamp
  ) {
    let bytes = frames.reduce(0) { $0 + $1.count }
    guard frames.count <= RecordingFormat.maximumFrames, bytes <= RecordingFormat.maximumMessageBytes else {
      // Between two blocks, where a missing number is seen.
      seal(at: arrival)
      first += 1
      return file.countLost(1)
    }
    begin(lane.rawValue, UInt8(frames.count), at: arrival)
    // What repeats: topics, and descriptors, which only framed messages have.
    for (index, frame) in frames.enumerated() {
      append(frame, index == 0 ? .topic : index == 2 ? .descriptor : nil)
    }
    endMessage(at: arrival)
  }

  /// As ``record(_:lane:at:)``, for frames that were kept.
  mutating func record(_ frames: [[UInt8]], lane: RecordingFormat.Lane, at arrival: Timestamp) {
    let bytes = frames.flatMap { $0 }
    bytes.withUnsafeBytes { bytes in
      var start = 0
      let views = frames.map { frame in
        defer { start += frame.count }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<start + frame.count])
      }
      views.withUnsafeBufferPointer { record($0, lane: lane, at: arrival) }
    }
  }

  /// Writes down that the engine was told this time, as at its start; deadlines before it have fired.
  mutating func tell(_ time: Timestamp) {
    told = max(told, time)
    begin(RecordingFormat.clockLane, 0, at: told)
  }

  /// Writes down that from `time` on, of which the engine was told, another configuration holds.
  mutating func record(_ origin: Configuration.Origin, revision: String, at time: Timestamp) {
    told = max(told, time)
    begin(RecordingFormat.reloadLane, RecordingFormat.reloadFrames, at: told)
    for frame in [revision, origin.file, origin.text] {
      var frame = frame
      frame.withUTF8 { append(UnsafeRawBufferPointer($0), nil) }
    }
    if block.count >= RecordingFormat.blockBytes { seal(at: told) }
  }

  /// Writes the block out when it has waited long enough. To be called after the engine was told `now`.
  mutating func flush(at now: Timestamp) {
    told = max(told, now)
    guard let due = nextFlush, now >= due else { return }
    tell(now)
    seal(at: now)
  }

  /// Writes out what waits, and closes the file; nothing may be recorded after it.
  ///
  /// - Parameter patience: how long the disk may take; what is not written by then counts as lost.
  mutating func close(within patience: Duration? = nil) -> RecordingFile.Account {
    if told > last { tell(told) }
    seal(at: last, isLast: true)
    return file.finish(within: patience)
  }

  // MARK: Blocks

  private var isEmpty: Bool { block.count == RecordingBlockHeader.size }

  private mutating func beginBlock(at time: Timestamp) {
    block.append(contentsOf: repeatElement(0, count: RecordingBlockHeader.size))
    messages = 0
    (base, last) = (time, time)
  }

  private mutating func begin(_ lane: UInt8, _ frames: UInt8, at time: Timestamp) {
    if isEmpty { (base, last) = (time, time) }
    appendNumber(UInt64(max(0, last.nanoseconds(to: time))))
    last = max(last, time)
    block.append(lane << 5 | frames)
  }

  private mutating func endMessage(at time: Timestamp) {
    messages += 1
    if block.count >= RecordingFormat.blockBytes { seal(at: time) }
  }

  private mutating func append(_ frame: UnsafeRawBufferPointer, _ role: FrameDictionary.Role?) {
    var form = RecordingFormat.FrameForm.bytes
    if let role {
      switch dictionary.place(of: frame, as: role) {
      case .found(let place):
        return appendNumber(UInt64(place) << 2 | RecordingFormat.FrameForm.reference.rawValue)
      case .entered: form = .entry
      case .refused: break
      }
    }
    appendNumber(UInt64(frame.count) << 2 | form.rawValue)
    block.append(contentsOf: frame)
  }

  /// As a varint: seven bits a byte, the lowest first, the top bit where more follow.
  private mutating func appendNumber(_ number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      block.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    block.append(UInt8(rest))
  }

  /// Hands the block over and begins another.
  private mutating func seal(at time: Timestamp, isLast: Bool = false) {
    guard !isEmpty || isLast else { return }
    var flags: RecordingBlockHeader.Flags = isLast ? .last : []
    if isFresh { flags.insert(.freshDictionary) }
    RecordingBlockHeader(
      flags: flags, payloadBytes: block.count - RecordingBlockHeader.size, messages: messages, first: first,
      base: base
    ).write(to: &block)
    let full = block
    block = []
    let isTaken = file.offer(full, messages: UInt64(messages), isFresh: isFresh)
    first += UInt64(messages)
    // What the reader does not get cannot be referred to; and a full dictionary makes room for what is new.
    isFresh = !isTaken || dictionary.hasOverflowed
    if isFresh { dictionary.removeAll() }
    block = file.emptyBuffer()
    beginBlock(at: time)
  }
}

extension Recorder? {
  /// As ``Recorder/nextFlush``; nil without a recorder. Reading through `?` would consume it.
  var nextFlush: Timestamp? {
    switch self {
    case .some(let recorder): recorder.nextFlush
    case .none: nil
    }
  }
}
