import Events
import Foundation
import Wire

/// Reads a recording block by block; holds one block and the dictionary.
///
/// Every length is checked before it is used, and memory grows with the bytes that are there, never with what
/// a length says: a hostile file gives a ``RecordingProblem``.
struct RecordingReader: ~Copyable {
  enum Item: Equatable {
    /// A message, whose frames are in ``frames``.
    case message(RecordingFormat.Lane, at: Timestamp)
    /// A message of so many frames, more than are taken.
    case tooManyFrames(UInt64, RecordingFormat.Lane, at: Timestamp)
    /// The engine was told this time.
    case clock(Timestamp)
    /// From here on another configuration holds; its revision, file and text are in ``frames``.
    case reload(at: Timestamp)
    case end
  }

  /// Read at once; the buffer doubles up to the largest block.
  private static let chunkBytes = 1 << 20

  let header: RecordingFileHeader
  /// Bytes of the file up to the end of the last whole block that was read.
  private(set) var consumed: Int
  /// Messages that the recording lacks, though the daemon received them.
  private(set) var lost: UInt64 = 0
  /// Whether the recorder closed the file; known at its end.
  private(set) var isClosed = false

  private let descriptor: Int32
  private var dictionary = FrameDictionary()
  private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 1)
  private let views = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(
    capacity: RecordingFormat.maximumFrames)
  private var frameCount = 0
  /// Of the block that is being read: where the next record begins, where the last ends.
  private var position = 0
  private var limit = 0
  private var time = Timestamp.min
  /// Messages of this block that are still to come, and the number of the first of the next block.
  private var left: UInt32 = 0
  private var next: UInt64 = 0

  /// Reads the file's header.
  ///
  /// - Parameters:
  ///   - descriptor: open for reading; closed by the caller.
  ///   - prefix: what has been read of it already.
  init(descriptor: Int32, startingWith prefix: [UInt8] = []) throws(RecordingProblem) {
    self.descriptor = descriptor
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: RecordingFileHeader.maximumBytes, alignment: 1)
    defer { bytes.deallocate() }
    let known = min(prefix.count, RecordingFileHeader.fixedBytes)
    bytes.copyBytes(from: prefix[..<known])
    var filled = known + (try Self.read(descriptor, into: bytes, known..<RecordingFileHeader.fixedBytes))
    let size = try RecordingFileHeader.size(by: UnsafeRawBufferPointer(rebasing: bytes[..<filled]))
    filled += try Self.read(descriptor, into: bytes, filled..<size)
    guard filled == size else { throw .torn(offset: 0) }
    header = try RecordingFileHeader(parsing: UnsafeRawBufferPointer(rebasing: bytes[..<size]))
    consumed = size
    views.initialize(repeating: UnsafeRawBufferPointer(start: nil, count: 0))
  }

  deinit {
    buffer.deallocate()
    views.deallocate()
  }

  /// The frames of the last message, valid until the next call of ``nextItem()``.
  var frames: Frames { Frames(rebasing: UnsafeBufferPointer(views)[..<frameCount]) }

  /// The next record.
  ///
  /// - Throws: `torn`, `damaged`, `system`; after that, nothing more can be read.
  mutating func nextItem() throws(RecordingProblem) -> Item {
    while position == limit {
      guard left == 0 else { throw damage("\(left) messages fewer than it says") }
      guard try readBlock() else { return .end }
    }
    let elapsed = try number()
    time = time.advanced(byNanoseconds: Int64(clamping: elapsed))
    let tag = try byte()
    if tag >> 5 == RecordingFormat.clockLane {
      guard tag & 31 == 0 else { throw damage("a record of kind \(tag)") }
      return .clock(time)
    }
    if tag >> 5 == RecordingFormat.reloadLane {
      guard tag & 31 == RecordingFormat.reloadFrames else { throw damage("a reload of \(tag & 31) frames") }
      try readFrames(Int(tag & 31))
      return .reload(at: time)
    }
    guard let lane = RecordingFormat.Lane(rawValue: tag >> 5) else { throw damage("lane \(tag >> 5)") }
    guard left > 0 else { throw damage("more messages than it says") }
    left -= 1
    if tag & 31 == RecordingFormat.tooManyFrames { return .tooManyFrames(try number(), lane, at: time) }
    guard tag & 31 <= RecordingFormat.maximumFrames else { throw damage("\(tag & 31) frames") }
    try readFrames(Int(tag & 31))
    return .message(lane, at: time)
  }

  // MARK: Records

  private func damage(_ what: String) -> RecordingProblem {
    .damaged(offset: consumed - limit + position, what)
  }

  private mutating func byte() throws(RecordingProblem) -> UInt8 {
    guard position < limit else { throw damage("a record cut short") }
    position += 1
    return buffer[position - 1]
  }

  private mutating func number() throws(RecordingProblem) -> UInt64 {
    var number: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      let byte = try byte()
      // The tenth byte holds the 64th bit.
      guard shift < 63 || byte <= 1 else { break }
      number |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return number }
    }
    throw damage("a number of more than 64 bits")
  }

  private mutating func readFrames(_ count: Int) throws(RecordingProblem) {
    frameCount = count
    for index in 0..<count { views[index] = try frame() }
  }

  private mutating func frame() throws(RecordingProblem) -> UnsafeRawBufferPointer {
    let number = try number()
    guard let form = RecordingFormat.FrameForm(rawValue: number & 3) else {
      throw damage("a frame of form 3")
    }
    if form == .reference {
      guard let frame = dictionary.frame(at: number >> 2) else {
        throw damage("place \(number >> 2) of \(dictionary.count)")
      }
      return frame
    }
    guard number >> 2 <= UInt64(limit - position) else { throw damage("a frame of \(number >> 2) bytes") }
    let end = position + Int(number >> 2)
    let frame = UnsafeRawBufferPointer(rebasing: buffer[position..<end])
    position = end
    if form == .entry && !dictionary.enter(frame) { throw damage("a dictionary that is too large") }
    return frame
  }

  // MARK: Blocks

  /// Reads the next block whole and checks it. Returns false at the end of the file.
  private mutating func readBlock() throws(RecordingProblem) -> Bool {
    let start = consumed
    (position, limit) = (0, 0)
    let size = RecordingBlockHeader.size
    let read = try fill(0..<size)
    if read == 0 { return false }
    guard read == size else { throw .torn(offset: start) }
    let block = try RecordingBlockHeader(
      parsing: UnsafeRawBufferPointer(rebasing: buffer[..<size]), at: start)
    let end = size + block.payloadBytes
    guard try fill(size..<end) == block.payloadBytes else { throw .torn(offset: start) }
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<end])
    guard
      RecordingBlockHeader.checksum(of: bytes)
        == bytes.number(at: RecordingBlockHeader.checksumOffset, UInt32.self)
    else { throw .damaged(offset: start, "a checksum does not fit") }
    guard !isClosed else { throw .damaged(offset: start, "a block behind the last") }
    guard block.first >= next else { throw .damaged(offset: start, "message \(block.first) comes again") }
    if block.flags.contains(.freshDictionary) { dictionary.removeAll() }
    (lost, next) = (lost + (block.first - next), block.first)
    let (sum, overflow) = next.addingReportingOverflow(UInt64(block.messages))
    guard !overflow else { throw .damaged(offset: start, "message \(block.first) of \(block.messages)") }
    (next, left, time) = (sum, block.messages, max(time, block.base))
    isClosed = block.flags.contains(.last)
    (position, limit, consumed) = (size, end, start + end)
    return true
  }

  /// Fills a part of the buffer. Returns how many bytes there were, fewer only at the end of the file.
  private mutating func fill(_ range: Range<Int>) throws(RecordingProblem) -> Int {
    var place = range.lowerBound
    while place < range.upperBound {
      if place == buffer.count {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 1)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<place]))
        buffer.deallocate()
        buffer = larger
      }
      let part = place..<min(range.upperBound, buffer.count)
      let count = try Self.read(descriptor, into: buffer, part)
      place += count
      if count < part.count { break }
    }
    return place - range.lowerBound
  }

  /// Fills a part of a buffer. Returns how many bytes there were, fewer only at the end of the file.
  private static func read(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, _ range: Range<Int>
  ) throws(RecordingProblem) -> Int {
    var filled = 0
    while filled < range.count {
      let count = Foundation.read(
        descriptor, buffer.baseAddress! + range.lowerBound + filled, range.count - filled)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .system(errno) }
      if count == 0 { break }
      filled += count
    }
    return filled
  }
}
