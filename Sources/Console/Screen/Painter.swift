/// Columns and rows of a terminal.
package struct ScreenSize: Equatable, Sendable {
  package var columns: Int
  package var rows: Int

  /// What is drawn for a terminal that says less or nothing, and never more than memory is for.
  package init(columns: Int, rows: Int) {
    self.columns = columns <= 0 ? 80 : min(columns, 1_000)
    self.rows = rows <= 0 ? 24 : min(rows, 500)
  }
}

/// Turns screens into the bytes that change one into the next: lines that stayed are not sent, so that nothing
/// flickers and little goes over a slow connection.
package struct Painter: Sendable {
  private let palette: Palette
  private var shown: [String] = []
  private var size = ScreenSize(columns: 0, rows: 0)

  package init(_ palette: Palette) { self.palette = palette }

  /// Forgets what is shown, so that the next screen is drawn whole: after a resize, or after another program wrote.
  package mutating func reset() { shown = [] }

  /// The bytes that show `lines`, of which no more than fit are taken.
  package mutating func paint(_ lines: [StyledLine], _ size: ScreenSize) -> String {
    if size != self.size { reset() }
    self.size = size
    var output = shown.isEmpty ? "\u{1b}[0m\u{1b}[2J" : ""
    var next: [String] = []
    next.reserveCapacity(size.rows)
    for row in 0..<size.rows {
      let line = row < lines.count ? lines[row].clipped(to: size.columns).encoded(for: palette) : ""
      if row >= shown.count ? !line.isEmpty : shown[row] != line {
        // Erased first: in the last column an erasure to the right would take the last letter away.
        output += "\u{1b}[\(row + 1);1H\u{1b}[2K\(line)"
      }
      next.append(line)
    }
    shown = next
    return output
  }
}
