import Foundation

/// How far a sink has come, in a file beside the journal: at a restart it goes on from there.
package struct SinkCursor: Codable, Equatable, Sendable {
  /// The numbering that the number belongs to, as text since it may exceed 2^53.
  package var epoch: String
  /// Everything up to here is delivered or left out.
  package var number: String

  package init(epoch: UInt64, number: UInt64) { (self.epoch, self.number) = (String(epoch), String(number)) }

  /// The number in a numbering that now ends at `head`; nil when it was never finished so far. A number above
  /// `head` is from before an older copy of the journal was put back.
  func place(inEpoch epoch: UInt64, head: UInt64) -> UInt64? {
    guard let number = UInt64(number) else { return nil }
    // Of another numbering nothing was delivered.
    return self.epoch == String(epoch) ? min(number, head) : 0
  }
}

/// A file that holds one cursor, written whole or not at all.
package struct SinkCursorFile: Sendable {
  private let path: String

  /// - Parameter sink: of letters, digits, `-` and `_`.
  package init(directory: String, sink: String) {
    path = (directory.hasSuffix("/") ? directory : directory + "/") + "sink-\(sink).cursor"
  }

  /// Nil when there is none, or what stands there is none.
  package func read() -> SinkCursor? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    do { return try JSONDecoder().decode(SinkCursor.self, from: data) } catch { return nil }
  }

  /// - Returns: what the system said when it failed; nil when it did not.
  package func write(_ cursor: SinkCursor) -> String? {
    let new = path + ".new"
    let descriptor = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return systemWords() }
    defer { close(descriptor) }
    let text = #"{"epoch":"\#(cursor.epoch)","number":"\#(cursor.number)"}"# + "\n"
    let bytes = Array(text.utf8)
    // Synced first: otherwise a power cut could leave the name with nothing in it.
    guard Foundation.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
      rename(new, path) == 0
    else { return systemWords() }
    return nil
  }

  private func systemWords() -> String { String(cString: strerror(errno)) }
}
