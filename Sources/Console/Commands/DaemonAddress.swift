import Foundation

/// Where the daemon is and what it is to be told: what every command over HTTP is given.
package struct DaemonAddress: Sendable {
  /// A token is some 43 letters.
  private static let maximumTokenBytes = 4 << 10

  package let http: HTTPClient

  /// - Parameters:
  ///   - url: nil for the environment's TIDEMARK_URL, else the default.
  ///   - tokenFile: a file whose only line is the token.
  /// - Throws: ``InvalidAddress`` with what is wrong.
  package init(url: String?, tokenFile: String?, environment: [String: String]) throws(InvalidAddress) {
    let named = environment["TIDEMARK_URL"].flatMap { $0.isEmpty ? nil : $0 }
    let address = try ServiceAddress(parsing: url ?? named ?? ServiceAddress.standard)
    var token: String?
    if let tokenFile { token = try Self.token(in: tokenFile) }
    http = HTTPClient(address, token: token)
  }

  private static func token(in file: String) throws(InvalidAddress) -> String {
    guard let handle = FileHandle(forReadingAtPath: file) else {
      throw InvalidAddress("\(file): no such file, or it may not be read")
    }
    let data: Data?
    do { data = try handle.read(upToCount: maximumTokenBytes + 1) } catch {
      throw InvalidAddress("\(file): cannot be read")
    }
    let text = String(decoding: data ?? Data(), as: UTF8.self).trimmingSpaces
      .split(whereSeparator: \.isNewline).joined(separator: "\n")
    // It becomes a line of a request: nothing in it may end that line.
    let isToken =
      !text.isEmpty && text.utf8.count <= maximumTokenBytes
      && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    guard isToken else { throw InvalidAddress("\(file): holds no token: one line of visible ASCII") }
    return text
  }
}

/// Standard output for a command's lines: styles on a terminal, none in a pipe.
package struct LineOutput: Sendable {
  /// Of a pipe, and of a terminal that does not say.
  private static let usualWidth = 100

  package let width: Int
  private let palette: Palette

  package init(environment: [String: String]) {
    let isTerminal = isatty(1) == 1
    var palette = Palette(environment: environment, isTerminal: isTerminal)
    // What reads a pipe takes UTF-8.
    if !isTerminal { palette.hasUnicode = true }
    self.palette = palette
    var size = winsize()
    let isKnown = isTerminal && ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    width = isKnown ? min(Int(size.ws_col), 120) : Self.usualWidth
  }

  package func print(_ lines: [StyledLine]) {
    Swift.print(
      lines.map { $0.encoded(for: palette).trimmingSpaces(isTerminal: palette.hasStyles) }.joined(
        separator: "\n"))
  }
}

extension String {
  /// In a file no line ends in blanks.
  fileprivate func trimmingSpaces(isTerminal: Bool) -> String {
    guard !isTerminal else { return self }
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
