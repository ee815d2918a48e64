import Foundation

/// Standard output in pieces of 64 KiB.
struct OutputBuffer {
  private static let capacity = 1 << 16
  private let descriptor: Int32
  private var bytes: [UInt8] = []

  init(descriptor: Int32) {
    self.descriptor = descriptor
    bytes.reserveCapacity(Self.capacity)
  }

  /// Adds a line and its newline.
  mutating func append(_ line: some Sequence<UInt8>) throws(POSIXError) {
    bytes.append(contentsOf: line)
    bytes.append(0x0a)
    if bytes.count >= Self.capacity { try flush() }
  }

  mutating func flush() throws(POSIXError) {
    var start = 0
    while start < bytes.count {
      let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + start, $0.count - start) }
      if written < 0 && errno == EINTR { continue }
      guard written >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
      start += written
    }
    bytes.removeAll(keepingCapacity: true)
  }
}
