/// Text in sections, for a page of `top`, for `explain` and for `doctor`: headings, and rows of a label and words
/// that go on under themselves when they are longer than the line.
package struct Report: Sendable {
  package private(set) var lines: [StyledLine] = []
  /// Columns that words may take.
  package let width: Int
  private let labels: Int

  /// - Parameters:
  ///   - width: columns in all, at least 20.
  ///   - labels: columns of a row's label.
  package init(width: Int, labels: Int = 16) {
    self.width = max(20, width)
    self.labels = min(labels, self.width / 3)
  }

  package mutating func title(_ text: String, _ style: Style = .bold) { flow(text, style, indent: 0) }

  /// A section begins, after an empty line.
  package mutating func heading(_ text: String) {
    if !lines.isEmpty { lines.append(StyledLine()) }
    lines.append(StyledLine(text, .accent))
  }

  package mutating func text(_ text: String, _ style: Style = .usual) { flow(text, style, indent: 2) }

  package mutating func line(_ line: StyledLine) { lines.append(line) }

  /// A label and words.
  package mutating func row(_ label: String, _ text: String) { row(" ", label, text) }

  /// A symbol, a label and words.
  package mutating func row(
    _ symbol: String, _ label: String, _ text: String, _ style: Style = .usual, _ words: Style = .usual
  ) {
    var first = StyledLine("  ")
    first.add(symbol, style, cell: 1)
    first.add(" ")
    // A label that is too long has a line of its own: nothing of a name is cut off.
    if displayWidth(of: plain(label)) > labels {
      first.add(label, style)
      lines.append(first.clipped(to: width))
      first = StyledLine(String(repeating: " ", count: 4 + labels))
    } else {
      first.add(label, style, cell: labels)
    }
    first.add("  ")
    flow(text, words, indent: labels + 6, after: first)
  }

  /// Words into lines of the width, broken at blanks, else where they must.
  private mutating func flow(_ text: String, _ style: Style, indent: Int, after first: StyledLine? = nil) {
    let room = max(10, width - indent)
    let margin = StyledLine(String(repeating: " ", count: indent))
    var line = first ?? margin
    var used = 0
    for word in plain(text).split(separator: " ") {
      var word = String(word)
      if used > 0 && used + 1 + displayWidth(of: word) > room {
        lines.append(line)
        (line, used) = (margin, 0)
      }
      while displayWidth(of: word) > room {
        let head = Self.head(of: word, room)
        line.add(head, style)
        lines.append(line)
        line = margin
        word = String(word.unicodeScalars.dropFirst(head.unicodeScalars.count))
      }
      line.add(used > 0 ? " " + word : word, style)
      used += displayWidth(of: word) + (used > 0 ? 1 : 0)
    }
    lines.append(line)
  }

  /// As much of a long word as fits, at least a letter.
  private static func head(of word: String, _ room: Int) -> String {
    var scalars = String.UnicodeScalarView()
    var used = 0
    for scalar in word.unicodeScalars {
      used += displayWidth(of: scalar)
      if used > room && !scalars.isEmpty { break }
      scalars.append(scalar)
    }
    return String(scalars)
  }
}
