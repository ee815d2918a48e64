/// How a piece of text looks. What it means is never in the colour alone: a symbol or a word stands beside it.
package struct Style: Equatable, Sendable {
  package enum Tone: String, Sendable {
    case usual = ""
    case bad = "31"
    case good = "32"
    case warning = "33"
    case accent = "36"
  }

  package var tone = Tone.usual
  package var isBold = false
  package var isDim = false
  package var isReversed = false

  package static let usual = Style()
  package static let bold = Style(isBold: true)
  package static let dim = Style(isDim: true)
  package static let good = Style(tone: .good)
  package static let warning = Style(tone: .warning)
  package static let bad = Style(tone: .bad, isBold: true)
  package static let accent = Style(tone: .accent)

  /// Select Graphic Rendition (ECMA-48, 8.3.117), from nothing set.
  func code(hasColour: Bool) -> String {
    var parts = ["0"]
    if isBold { parts.append("1") }
    if isDim { parts.append("2") }
    if isReversed { parts.append("7") }
    if hasColour && tone != .usual { parts.append(tone.rawValue) }
    return "\u{1b}[\(parts.joined(separator: ";"))m"
  }
}

/// One line of a screen: pieces of text, each with its style.
///
/// Whatever is added goes through ``plain(_:)``: no text can bring a terminal's commands with it.
package struct StyledLine: Equatable, Sendable {
  package struct Piece: Equatable, Sendable {
    package fileprivate(set) var text: String
    package fileprivate(set) var style: Style
  }

  package private(set) var pieces: [Piece] = []
  /// Columns.
  package private(set) var width = 0

  package init() {}

  package init(_ text: String, _ style: Style = .usual) { add(text, style) }

  package mutating func add(_ text: String, _ style: Style = .usual) { addPlain(plain(text), style) }

  private mutating func addPlain(_ text: String, _ style: Style) {
    guard !text.isEmpty else { return }
    width += displayWidth(of: text)
    if let last = pieces.indices.last, pieces[last].style == style {
      pieces[last].text += text
    } else {
      pieces.append(Piece(text: text, style: style))
    }
  }

  package mutating func add(_ line: StyledLine) {
    for piece in line.pieces { addPlain(piece.text, piece.style) }
  }

  package enum Side: Sendable { case left, right }

  /// Adds text as a cell of exactly so many columns, cut with an ellipsis when it is longer.
  package mutating func add(_ text: String, _ style: Style = .usual, cell: Int, _ side: Side = .left) {
    let text = cut(plain(text), to: cell)
    let padding = String(repeating: " ", count: max(0, cell - displayWidth(of: text)))
    if side == .right { addPlain(padding, .usual) }
    addPlain(text, style)
    if side == .left { addPlain(padding, .usual) }
  }

  /// Blanks up to a column, when it is not there yet.
  package mutating func pad(to column: Int) {
    addPlain(String(repeating: " ", count: max(0, column - width)), .usual)
  }

  /// This line cut to so many columns.
  package func clipped(to limit: Int) -> StyledLine {
    guard width > limit else { return self }
    var line = StyledLine()
    for piece in pieces {
      let left = limit - line.width
      guard displayWidth(of: piece.text) >= left else {
        line.addPlain(piece.text, piece.style)
        continue
      }
      // Something follows, so that the ellipsis stands also where this piece just fits.
      line.addPlain(cut(piece.text + " ", to: left), piece.style)
      break
    }
    return line
  }

  /// The same with every piece's style changed.
  package func styled(_ change: (inout Style) -> Void) -> StyledLine {
    var line = StyledLine()
    for piece in pieces {
      var style = piece.style
      change(&style)
      line.addPlain(piece.text, style)
    }
    return line
  }

  /// As it was, but hardly visible: what is shown is no longer known to be so.
  package var dimmed: StyledLine {
    styled { $0 = Style(tone: .usual, isDim: true, isReversed: $0.isReversed) }
  }

  /// The text without its styles and the blanks at its end.
  package var text: String {
    var text = pieces.map(\.text).joined()
    while text.last == " " { text.removeLast() }
    return text
  }

  /// As a terminal is sent it, ending without a style.
  package func encoded(for palette: Palette) -> String {
    var encoded = ""
    var style = Style.usual
    for piece in pieces {
      if palette.hasStyles && piece.style != style {
        encoded += piece.style.code(hasColour: palette.hasColour)
      }
      style = piece.style
      encoded += palette.hasUnicode ? piece.text : Palette.ascii(piece.text)
    }
    return style == .usual || !palette.hasStyles ? encoded : encoded + "\u{1b}[0m"
  }
}

/// What a terminal can show.
package struct Palette: Equatable, Sendable {
  /// Colours; also off where https://no-color.org is asked for.
  package var hasColour: Bool
  /// Bold, dim and reversed letters; off in a file or pipe.
  package var hasStyles: Bool
  package var hasUnicode: Bool

  package init(hasColour: Bool, hasStyles: Bool = true, hasUnicode: Bool = true) {
    (self.hasColour, self.hasStyles, self.hasUnicode) = (hasColour, hasStyles, hasUnicode)
  }

  /// By the environment of a process and whether its output is a terminal.
  package init(environment: [String: String], isTerminal: Bool) {
    let isDumb = environment["TERM"] == "dumb"
    hasStyles = isTerminal && !isDumb
    hasColour = hasStyles && (environment["NO_COLOR"] ?? "").isEmpty
    // The first that is set decides (POSIX, 8.2).
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
    let name = locale.lowercased()
    hasUnicode = name.contains("utf-8") || name.contains("utf8")
  }

  /// The same in as many columns without anything beyond ASCII.
  static func ascii(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 >= 0x80 }) else { return text }
    return text.unicodeScalars.reduce(into: "") { text, scalar in
      if scalar.isASCII {
        text.unicodeScalars.append(scalar)
      } else if let known = substitutes[scalar] {
        text.append(known)
      } else {
        text += String(repeating: "?", count: displayWidth(of: scalar))
      }
    }
  }

  private static let substitutes: [Unicode.Scalar: Character] = [
    "●": "*", "○": "o", "▲": "!", "◐": "~", "◌": ".", "✓": "+", "✗": "x", "…": "~", "·": "-", "─": "-",
    "│": "|",
    "█": "#", "▏": " ", "▎": " ", "▍": " ", "▌": "#", "▋": "#", "▊": "#", "▉": "#", "▁": "_", "▂": "_",
    "▃": "-",
    "▄": "-", "▅": "=", "▆": "=", "▇": "#", "▸": ">", "↑": "^", "↓": "v", "≥": ">", "≤": "<", "×": "x",
    "−": "-",
    "°": "'", "→": ">",
  ]
}
