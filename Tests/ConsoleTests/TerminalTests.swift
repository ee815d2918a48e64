import Testing

@testable import Console

/// A terminal as far as the painter speaks to it: letters, positions, erasures; the rest is a failure.
private struct Emulator {
  var rows: [[Character]]
  private var row = 0
  private var column = 0
  let columns: Int

  init(_ size: ScreenSize) {
    columns = size.columns
    rows = Array(repeating: Array(repeating: " ", count: size.columns), count: size.rows)
  }

  mutating func take(_ text: String) throws {
    var rest = text[...]
    while let next = rest.popFirst() {
      guard next == "\u{1b}" else {
        put(next)
        continue
      }
      let match = try #require(rest.prefixMatch(of: /\[([0-9;]*)([A-Za-z])/))
      rest = rest[match.range.upperBound...]
      switch match.2 {
      case "H":
        let place = match.1.split(separator: ";").compactMap { Int($0) }
        (row, column) = (place[0] - 1, place[1] - 1)
      case "K": rows[row] = Array(repeating: " ", count: columns)
      case "J": rows = rows.map { $0.map { _ in " " } }
      case "m": break
      default: Issue.record("an unknown sequence \(match.2)")
      }
    }
  }

  private mutating func put(_ letter: Character) {
    // Without wrapping, what is beyond the edge is not drawn.
    guard row < rows.count, column < columns else { return }
    rows[row][column] = letter
    column += displayWidth(of: String(letter))
  }
}

@Suite struct TerminalTests {
  private func shown(_ emulator: Emulator) -> [String] {
    emulator.rows.map { row in
      var text = String(row)
      while text.last == " " { text.removeLast() }
      return text
    }
  }

  @Test func whatIsSentMakesTheScreenWhateverCameBefore() throws {
    let size = ScreenSize(columns: 20, rows: 6)
    var emulator = Emulator(size)
    var painter = Painter(Palette(hasColour: true))
    let screens: [[StyledLine]] = [
      [StyledLine("one"), StyledLine("two", .bold)],
      [StyledLine("one"), StyledLine("2"), StyledLine("three")], [],
      (0..<9).map { StyledLine("line \($0) that is longer than the screen is wide") },
      [StyledLine(), StyledLine(String(repeating: "x", count: 20))],
    ]
    for lines in screens {
      try emulator.take(painter.paint(lines, size))
      var wanted = lines.prefix(6).map { $0.clipped(to: 20).text }
      wanted += Array(repeating: "", count: 6 - wanted.count)
      #expect(shown(emulator) == wanted)
    }
  }

  @Test func whatStayedIsNotSent() {
    let size = ScreenSize(columns: 80, rows: 24)
    var painter = Painter(Palette(hasColour: true))
    var lines = (0..<24).map { StyledLine("row \($0)") }
    #expect(painter.paint(lines, size).contains("\u{1b}[2J"))
    #expect(painter.paint(lines, size).isEmpty)
    lines[7] = StyledLine("other")
    #expect(painter.paint(lines, size) == "\u{1b}[8;1H\u{1b}[2Kother")
    // After a resize, and after another program wrote, everything is.
    let smaller = ScreenSize(columns: 79, rows: 24)
    #expect(painter.paint(lines, smaller).contains("row 23"))
    painter.reset()
    #expect(painter.paint(lines, smaller).contains("row 23"))
  }

  @Test func aTerminalThatSaysNothingHasAUsualSize() {
    #expect(ScreenSize(columns: 0, rows: 0) == ScreenSize(columns: 80, rows: 24))
    #expect(ScreenSize(columns: 65_535, rows: 65_535) == ScreenSize(columns: 1_000, rows: 500))
  }

  @Test(arguments: [
    ("q", [Key.character("q")]), ("\r", [.enter]), ("\u{1b}[A\u{1b}[B", [.up, .down]), ("\u{1b}OA", [.up]),
    ("\u{1b}[5~\u{1b}[6~", [.pageUp, .pageDown]), ("\u{1b}[1;5C", [.right]),
    ("\u{1b}[1~\u{1b}[4~", [.home, .end]),
    ("\u{7f}", [.backspace]), ("\u{03}\u{1a}", [.control("c"), .control("z")]),
    ("é価🚀", [.character("é"), .character("価"), .character("🚀")]),
    ("\u{1b}[200~x", [.character("x")]), ("\u{1b}[<0;1;1M", [.enter]),
    ("\u{1b}x", [.escape, .character("x")]),
    ("\u{1b}\r", [.escape, .enter]), ("\t", [.tab]),
  ])
  func keys(text: String, keys: [Key]) {
    var parser = KeyParser()
    #expect(parser.take(Array(text.utf8)) == keys)
    // And one byte at a time.
    var slow = KeyParser()
    #expect(Array(text.utf8).flatMap { slow.take([$0]) } == keys)
  }

  @Test func anEscapeAloneIsTheKeyWhenNothingFollows() {
    var parser = KeyParser()
    #expect(parser.take([0x1b]).isEmpty)
    #expect(parser.isWaiting)
    #expect(parser.flush() == [.escape])
    #expect(!parser.isWaiting)
  }

  @Test func anyBytesAreTaken() {
    var parser = KeyParser()
    for first in UInt8.min...UInt8.max {
      for second in UInt8.min...UInt8.max {
        _ = parser.take([0x1b, first, second, 0x5b, 0xff])
        _ = parser.flush()
      }
    }
    _ = parser.take([0x1b, 0x5b] + Array(repeating: 0x30, count: 10_000))
    #expect(!parser.isWaiting)
  }
}
