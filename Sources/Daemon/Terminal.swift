import Foundation

/// Standard output or error as a place for people: colour and progress on a terminal, neither in a pipe.
package struct Terminal: Sendable {
  package enum Style: String, Sendable {
    case bold = "1"
    case red = "31"
    case green = "32"
    case yellow = "33"
  }

  /// Whether the stream is a terminal that can redraw a line.
  package let isInteractive: Bool
  private let usesColour: Bool
  private let descriptor: Int32

  /// - Parameter descriptor: 1 for standard output, 2 for standard error.
  package init(descriptor: Int32) {
    self.descriptor = descriptor
    let isDumb = ProcessInfo.processInfo.environment["TERM"] == "dumb"
    isInteractive = isatty(descriptor) == 1 && !isDumb
    // https://no-color.org: set and not empty.
    let noColour = ProcessInfo.processInfo.environment["NO_COLOR"].map { !$0.isEmpty } ?? false
    usesColour = isInteractive && !noColour
  }

  package func styled(_ text: String, _ style: Style) -> String {
    usesColour ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
  }

  package func print(_ text: String) { write(text + "\n") }

  /// Shows `text` in place of the last progress; nothing in a pipe.
  package func progress(_ text: String) {
    guard isInteractive else { return }
    write("\r\u{1b}[2K\(text)")
  }

  /// Takes the progress line away before other text.
  package func clearProgress() { progress("") }

  private func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let written = Foundation.write(descriptor, rest.baseAddress, rest.count)
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { return }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }
  }
}
