package import Foundation

/// Something that must not be printed; only ``reveal`` gives it.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  private let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package var reveal: [UInt8] { bytes }
  package var description: String { "(secret)" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(reflecting: description) }
}

/// Files that hold one secret each.
package enum SecretFile {
  /// More is the wrong file.
  package static let maximumBytes = 4_096

  package struct Problem: Error, Equatable {
    package let message: String
  }

  /// The lines of a file that only its owner and group can read.
  ///
  /// - Throws: what is wrong with it, without its contents.
  package static func lines(_ url: URL) throws(Problem) -> [String] {
    let path = url.path
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw Problem(message: "\(path) cannot be read: \(String(cString: strerror(errno)))")
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw Problem(message: "\(path) is no file") }
    // The group may read, since Kubernetes hands secrets to a process by its group.
    guard status.st_mode & 0o027 == 0 else {
      let mode = String(status.st_mode & 0o777, radix: 8)
      throw Problem(message: "\(path) has mode \(mode), others could read or change it: want 600 or 640")
    }
    guard status.st_size <= maximumBytes else {
      throw Problem(message: "\(path) has \(status.st_size) bytes, a secret has at most \(maximumBytes)")
    }
    guard let data = FileManager.default.contents(atPath: path),
      let text = String(validating: data, as: UTF8.self)
    else { throw Problem(message: "\(path) cannot be read, or is not UTF-8") }
    let lines = text.split(whereSeparator: \.isNewline).map(String.init)
    guard !lines.isEmpty else { throw Problem(message: "\(path) is empty") }
    return lines
  }

  /// The one line of a file, fit for a header.
  package static func line(_ url: URL) throws(Problem) -> String {
    let lines = try lines(url)
    guard lines.count == 1 else { throw Problem(message: "\(url.path) has \(lines.count) lines, want one") }
    guard lines[0].utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
      throw Problem(message: "\(url.path) holds what no header can, want printable ASCII without spaces")
    }
    return lines[0]
  }
}
