import Events
import Foundation
import Wire

/// Values of keys in JSON that a daemon wrote: compact, and without escapes in what is asked for. A look at the
/// bytes, since a parser would take longer than the rest of the simulation.
struct Text {
  private let data: Data

  init(_ bytes: [UInt8]) { data = Data(bytes) }

  /// The text under the first such key; nil when there is none or it is null.
  func text(_ key: String) -> String? {
    guard let start = data.range(of: Data("\"\(key)\":\"".utf8))?.upperBound,
      let end = data[start...].firstIndex(of: UInt8(ascii: "\""))
    else { return nil }
    return String(decoding: data[start..<end], as: UTF8.self)
  }

  /// The whole number under the first such key, written as a number or as a text.
  func number(_ key: String) -> UInt64? {
    guard var start = data.range(of: Data("\"\(key)\":".utf8))?.upperBound else { return nil }
    if start < data.endIndex, data[start] == UInt8(ascii: "\"") { start += 1 }
    let digits = data[start...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    return UInt64(String(decoding: digits, as: UTF8.self))
  }

  func isTrue(_ key: String) -> Bool { data.range(of: Data("\"\(key)\":true".utf8)) != nil }
}

extension FramedHeader {
  init?(_ bytes: [UInt8]) {
    guard let header = bytes.withUnsafeBytes({ FramedHeader(parsing: $0) }) else { return nil }
    self = header
  }
}

extension UnsafeBufferPointer<UnsafeRawBufferPointer> {
  /// Hands over copies of `message`, as a socket would.
  static func with<Result, Failure: Error>(
    _ message: Message, _ body: (Frames) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let buffers = message.map { frame in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Swift.max(1, frame.count), alignment: 1)
      buffer.copyBytes(from: frame)
      return UnsafeMutableRawBufferPointer(rebasing: buffer[..<frame.count])
    }
    defer { for buffer in buffers { buffer.deallocate() } }
    return try buffers.map { UnsafeRawBufferPointer($0) }.withUnsafeBufferPointer(body)
  }
}
