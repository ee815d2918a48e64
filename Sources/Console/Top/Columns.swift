/// A table that fits its width: what matters least is left out first, and what can use more room grows.
struct Columns<Row> {
  struct Column {
    var title: String
    /// 0 for what is always there.
    var rank: Int
    var minimum: Int
    var maximum: Int
    var side: StyledLine.Side
    /// Its text in so many columns.
    var cell: (Row, Int) -> (String, Style)

    init(
      _ title: String, rank: Int, _ widths: ClosedRange<Int>, _ side: StyledLine.Side = .left,
      cell: @escaping (Row, Int) -> (String, Style)
    ) {
      (self.title, self.rank, self.side, self.cell) = (title, rank, side, cell)
      (minimum, maximum) = (widths.lowerBound, widths.upperBound)
    }
  }

  private static var gap: Int { 2 }
  private let columns: [(column: Column, width: Int)]

  init(_ all: [Column], width: Int) {
    // By rank, while there is room; drawn in their own order.
    var kept: Set<Int> = []
    var used = -Self.gap
    for index in all.indices.sorted(by: { (all[$0].rank, $0) < (all[$1].rank, $1) })
    where all[index].minimum > 0 {
      let need = all[index].minimum + Self.gap
      guard used + need <= width || kept.isEmpty else { break }
      kept.insert(index)
      used += need
    }
    var widths = all.map(\.minimum)
    var left = width - used
    for index in kept.sorted(by: { (all[$0].rank, $0) < (all[$1].rank, $1) }) where left > 0 {
      let more = min(left, all[index].maximum - all[index].minimum)
      widths[index] += more
      left -= more
    }
    columns = all.indices.filter(kept.contains).map { (all[$0], widths[$0]) }
  }

  func header(_ style: Style) -> StyledLine { line { column, _ in (column.title, style) } }

  func line(_ row: Row) -> StyledLine { line { column, width in column.cell(row, width) } }

  private func line(_ text: (Column, Int) -> (String, Style)) -> StyledLine {
    var line = StyledLine()
    for (index, entry) in columns.enumerated() {
      if index > 0 { line.add(String(repeating: " ", count: Self.gap)) }
      let (text, style) = text(entry.column, entry.width)
      line.add(text, style, cell: entry.width, entry.column.side)
    }
    return line
  }
}
