import Foundation
import Testing

@testable import Console

/// Text of others on a terminal: what it may hold, and how wide it is.
@Suite struct TextTests {
  /// Names that would move the cursor, clear the screen, set a title, answer back or turn the line round.
  static let hostile = [
    "\u{1b}[2J", "\u{1b}]0;owned\u{07}", "\u{9b}31m", "a\rb\nc\td", "\u{202e}gnp.exe", "\u{200b}\u{feff}x",
    "\u{7f}\u{00}",
    "\u{2028}x\u{2029}", "\u{e000}", "\u{1b}P+q544e\u{1b}\\", "\u{85}", "\u{61c}x\u{2066}y",
  ]

  @Test(arguments: hostile) func nothingThatATerminalObeysIsLeft(name: String) {
    let shown = plain(name)
    #expect(
      shown.unicodeScalars.allSatisfy {
        ![.control, .format, .lineSeparator, .paragraphSeparator, .privateUse].contains(
          $0.properties.generalCategory)
      })
    var line = StyledLine(name)
    line.add(name, cell: 7)
    line.add(StyledLine(name))
    let sent = line.encoded(for: Palette(hasColour: true))
    #expect(!sent.unicodeScalars.contains { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) })
  }

  @Test func aScreenOfHostileNamesHoldsNoSequenceButOurs() throws {
    let models = Self.hostile.map { Answers.summary($0, $0, state: "alerting", severity: "high") }
    var state = TopState(now: Answers.now)
    state.take(.fleet(try Answers.models(models), at: Answers.now, total: models.count, byState: [:]))
    state.filter = ""
    var painter = Painter(Palette(hasColour: true))
    let sent = painter.paint(
      state.screen(ScreenSize(columns: 120, rows: 30)), ScreenSize(columns: 120, rows: 30))
    // Positions, erasures and styles are all that is ever sent.
    let rest = sent.replacing(/\u{1b}\[(\d+;1H|2K|2J|[0-9;]*m)/, with: "")
    #expect(rest != sent)
    #expect(!rest.unicodeScalars.contains { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) })
  }

  @Test(arguments: hostile) func explanationsAndDiagnosesHoldNoneOfIt(name: String) throws {
    var model = try Answers.model()
    (model.summary.model, model.sources[0].source, model.retrain.blocks[0].text) = (name, name, name)
    (model.alerts[0].topK, model.monitors[0].metric) = ([.init(name: name, driftScore: 1)], name)
    var decision = try Answers.decision()
    (decision.decision.owner, decision.decision.triggerReasons) = (name, [name])
    decision.messages[1].data.reason = name
    var seen = Examination(
      address: try ServiceAddress(parsing: ServiceAddress.standard), ownVersion: name, reach: .answered)
    (seen.status, seen.sources) = (try Answers.status(), model.sources)
    seen.status?.journal = .init(state: "failing", since: Answers.now, detail: name, outputsWaiting: 1)
    let lines =
      Explanation.of(model, width: 80) + Explanation.of(decision, model: model, width: 80)
      + ModelPage.lines(model, width: 80)
      + Diagnosis(seen).lines(width: 80)
    for line in lines {
      let sent = line.encoded(for: Palette(hasColour: false, hasStyles: false))
      #expect(
        !sent.unicodeScalars.contains {
          $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) || $0.properties.generalCategory == .format
        })
    }
  }

  @Test(arguments: [
    ("fraud", 5), ("価格", 4), ("v2🚀", 4), ("e\u{301}", 1), ("👩\u{200d}💻", 4), ("👍\u{1f3fd}", 2), ("🇨🇭", 2),
    ("❤\u{fe0f}", 1),
    ("한국", 4), ("ｆｕｌｌ", 8), ("a\u{a0}b\u{3000}c", 6), ("", 0),
  ])
  func columnsOfText(text: String, columns: Int) {
    #expect(displayWidth(of: plain(text)) == columns)
  }

  @Test func combiningMarksAreBounded() {
    let zalgo = "a" + String(repeating: "\u{301}", count: 40) + "b"
    #expect(plain(zalgo).unicodeScalars.count == 5)
    // And none hangs over from before the first letter.
    #expect(plain("\u{301}\u{302}x") == "x")
  }

  /// The C library's own table, which is another implementation of the same standard.
  @Test func widthsAgreeWithTheCLibrary() throws {
    guard setlocale(LC_CTYPE, "C.UTF-8") != nil, let symbol = dlsym(dlopen(nil, RTLD_NOW), "wcwidth") else {
      return
    }
    // Its header shows it to X/Open programs alone.
    let wcwidth = unsafeBitCast(symbol, to: (@convention(c) (wchar_t) -> Int32).self)
    var compared = 0
    var differing: [String] = []
    for value in UInt32(0x20)..<0x20000 {
      guard let scalar = Unicode.Scalar(value), plain(String(scalar)).unicodeScalars.first == scalar else {
        continue
      }
      let theirs = wcwidth(wchar_t(value))
      guard theirs >= 0 else { continue }
      compared += 1
      if displayWidth(of: scalar) != Int(theirs) { differing.append(String(value, radix: 16)) }
    }
    #expect(compared > 60_000)
    // Jamo extensions, and letters that later versions of Unicode made wide or narrow.
    #expect(differing.count < 200, "\(differing.prefix(300))")
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5, 9])
  func cutTextFitsAndSaysSo(width: Int) {
    let text = "価格e\u{301}x予測"
    let shown = cut(text, to: width)
    #expect(displayWidth(of: shown) <= width)
    #expect(shown == text || width == 0 || shown.hasSuffix("…"))
  }

  @Test func cellsAreAlwaysOfTheirWidth() {
    for text in ["", "a", "価格予測", "🚀🚀🚀", "\u{1b}[2J", "longer than the cell"] {
      for width in 1...8 {
        for side in [StyledLine.Side.left, .right] {
          var line = StyledLine()
          line.add(text, cell: width, side)
          #expect(line.width == width)
          #expect(displayWidth(of: line.pieces.map(\.text).joined()) == width)
        }
      }
    }
  }

  @Test func aLineIsCutAcrossItsPieces() {
    var line = StyledLine("ab", .bold)
    line.add("cd", .dim)
    line.add("ef")
    #expect(line.clipped(to: 6) == line)
    #expect(line.clipped(to: 5).text == "abcd…")
    #expect(line.clipped(to: 4).text == "abc…")
    #expect(line.clipped(to: 1).text == "…")
    #expect((0...6).allSatisfy { line.clipped(to: $0).width <= $0 })
  }

  @Test func stylesAreSentOnlyWhereTheyMayBe() {
    let line = StyledLine("● high", .bad)
    #expect(line.encoded(for: Palette(hasColour: true)) == "\u{1b}[0;1;31m● high\u{1b}[0m")
    #expect(line.encoded(for: Palette(hasColour: false)) == "\u{1b}[0;1m● high\u{1b}[0m")
    #expect(line.encoded(for: Palette(hasColour: false, hasStyles: false)) == "● high")
    #expect(line.encoded(for: Palette(hasColour: false, hasStyles: false, hasUnicode: false)) == "* high")
    #expect(StyledLine("価x").encoded(for: Palette(hasColour: false, hasUnicode: false)) == "??x")
  }

  @Test func thePaletteIsTheEnvironments() {
    let utf8 = ["LANG": "de_CH.UTF-8", "TERM": "xterm"]
    #expect(Palette(environment: utf8, isTerminal: true) == Palette(hasColour: true))
    #expect(!Palette(environment: utf8.merging(["NO_COLOR": "1"]) { $1 }, isTerminal: true).hasColour)
    #expect(Palette(environment: utf8.merging(["NO_COLOR": ""]) { $1 }, isTerminal: true).hasColour)
    #expect(!Palette(environment: utf8, isTerminal: false).hasStyles)
    #expect(!Palette(environment: utf8.merging(["TERM": "dumb"]) { $1 }, isTerminal: true).hasStyles)
    #expect(!Palette(environment: utf8.merging(["LC_ALL": "C"]) { $1 }, isTerminal: true).hasUnicode)
    #expect(!Palette(environment: [:], isTerminal: true).hasUnicode)
  }

  @Test func figures() {
    #expect(Figures.count(1_234_567) == "1,234,567")
    #expect(Figures.count(-1_000) == "-1,000")
    #expect(Figures.short(12_345) == "12.3k")
    #expect(Figures.percent(0.99997) == "99.99 %")
    #expect(Figures.percent(1) == "100 %")
    #expect(Figures.number(.nan) == "-")
    #expect(Figures.span(.seconds(3_661)) == "1 h 1 min")
    #expect(Figures.span(.milliseconds(250)) == "250 ms")
    #expect(Figures.span(seconds: 1e300).hasSuffix("d"))
    #expect(Figures.span(.nanoseconds(Int64.min)).hasPrefix("-"))
    #expect(Figures.age(.seconds(-5)) == "now")
    #expect(Figures.time(Answers.now) == "2026-03-02 05:00:00")
    #expect(Figures.time(.min).isEmpty == false)
    #expect(Figures.bar(0.5, columns: 4) == "██")
    #expect(Figures.bar(.infinity, columns: 2) == "██")
    #expect(Figures.spark([0, nil, 1, 2, 99], full: 2) == "▁ ▅██")
    #expect(Figures.bytes(1_536) == "1.5 KiB")
  }
}
