import Foundation

/// Lines of a file or pipe, one at a time, without holding more than one and a chunk.
struct LineReader: ~Copyable {
  enum Line: Equatable {
    case line
    /// Longer than the limit; it was passed over.
    case tooLong
    case end
  }

  private static let chunkBytes = 1 << 20

  private let descriptor: Int32
  private let maximumBytes: Int
  private var buffer: UnsafeMutableRawBufferPointer
  /// What is read and not yet handed out.
  private var filled = 0..<0
  private var line = 0..<0
  private var isAtEnd = false
  /// Bytes handed out so far, for progress.
  private(set) var consumed = 0

  /// - Parameters:
  ///   - descriptor: open for reading; closed by the caller.
  ///   - prefix: what has been read of it already, at most half a chunk.
  init(descriptor: Int32, maximumBytes: Int, startingWith prefix: [UInt8] = []) {
    precondition(prefix.count <= Self.chunkBytes / 2)
    self.descriptor = descriptor
    self.maximumBytes = maximumBytes
    buffer = .allocate(byteCount: Self.chunkBytes, alignment: 16)
    buffer.copyBytes(from: prefix)
    filled = 0..<prefix.count
  }

  deinit { buffer.deallocate() }

  /// The bytes of the line that ``next()`` found, without its newline; valid until the next call.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[line]) }

  /// - Throws: `errno` as a POSIXError when reading fails.
  mutating func next() throws(POSIXError) -> Line {
    var searched = filled.lowerBound
    var isTooLong = false
    while true {
      if let newline = newline(in: searched..<filled.upperBound) {
        line = filled.lowerBound..<newline
        consumed += newline + 1 - filled.lowerBound
        filled = newline + 1..<filled.upperBound
        return isTooLong || line.count > maximumBytes ? .tooLong : .line
      }
      if filled.count > maximumBytes {
        isTooLong = true
        consumed += filled.count
        filled = 0..<0
      }
      searched = filled.upperBound
      guard !isAtEnd else {
        line = filled
        consumed += filled.count
        filled = 0..<0
        if isTooLong || line.count > maximumBytes { return .tooLong }
        return line.isEmpty ? .end : .line
      }
      let moved = try fill()
      searched -= moved
    }
  }

  private func newline(in range: Range<Int>) -> Int? {
    guard !range.isEmpty, let base = buffer.baseAddress,
      let found = memchr(base + range.lowerBound, 0x0a, range.count)
    else { return nil }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base)
  }

  /// Reads another chunk behind what is there, moving it to the front or growing the buffer.
  ///
  /// - Returns: by how much offsets moved to the front.
  private mutating func fill() throws(POSIXError) -> Int {
    let moved = filled.lowerBound
    if moved > 0, let base = buffer.baseAddress {
      memmove(base, base + moved, filled.count)
      filled = 0..<filled.count
    }
    if buffer.count - filled.count < Self.chunkBytes / 2 {
      let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 16)
      larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[filled]))
      buffer.deallocate()
      buffer = larger
    }
    while true {
      let count = read(descriptor, buffer.baseAddress! + filled.upperBound, buffer.count - filled.upperBound)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
      isAtEnd = count == 0
      filled = filled.lowerBound..<filled.upperBound + count
      return moved
    }
  }
}
