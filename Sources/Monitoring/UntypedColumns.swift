import Events

// Columns without any value, which in the plain encoding have no type: a column of text whose cells are all
// `null` in a batch comes as one of numbers.
extension FeatureBatch {
  /// The batch with its columns that have no value at all taken for what is wanted: text for numbers, or
  /// numbers for text. Others stay what they are, and so does the batch when none of them is wanted so.
  ///
  /// Columns without names are left as they are: among those of text and those of numbers they have other
  /// places. Cost: nothing but comparing names when all columns are what is wanted; otherwise a copy.
  func typed(numbers wantedNumbers: FeatureNames?, texts wantedTexts: FeatureNames?) -> FeatureBatch {
    guard let wantedNumbers, let names, textNames != nil || texts.isEmpty else { return self }
    let givenNumbers = places(names)
    let givenTexts = textNames.map(places) ?? [:]
    let toText = (wantedTexts?.names ?? []).filter {
      givenTexts[$0] == nil && (givenNumbers[$0].map(isMissingNumber) ?? false)
    }
    let toNumbers = wantedNumbers.names.filter {
      givenNumbers[$0] == nil && (givenTexts[$0].map(isMissingText) ?? false)
    }
    if toText.isEmpty && toNumbers.isEmpty { return self }
    let moved = Set(toText + toNumbers)
    return FeatureBatch(
      numbersOf: self,
      Self.order(names.names.filter { !moved.contains($0) } + toNumbers, as: wantedNumbers.names),
      textsOf: Self.order(
        (textNames?.names ?? []).filter { !moved.contains($0) } + toText, as: wantedTexts?.names ?? []),
      givenNumbers, givenTexts)
  }

  /// With these columns; those that `batch` has not as such are missing in every row.
  private init(
    numbersOf batch: FeatureBatch, _ numbers: [String], textsOf texts: [String],
    _ givenNumbers: [String: Int], _ givenTexts: [String: Int]
  ) {
    let values = batch.rowMajorValues
    var matrix: [Double] = []
    matrix.reserveCapacity(batch.rows * numbers.count)
    for row in 0..<batch.rows {
      for name in numbers {
        matrix.append(givenNumbers[name].map { values[row * batch.columns + $0] } ?? .nan)
      }
    }
    self.init(
      names: FeatureNames(numbers),
      matrix: Matrix(rows: batch.rows, columns: numbers.count, values: matrix))
    guard !texts.isEmpty else { return }
    let given = batch.textCells
    var cells = TextBlock.Cells()
    for row in 0..<batch.rows {
      for name in texts {
        cells.append(givenTexts[name].map { given[row * batch.textColumns + $0] } ?? [])
      }
    }
    self.texts = [TextBlock(rows: batch.rows, columns: texts.count, cells)]
    textNames = FeatureNames(texts)
  }

  private func places(_ names: FeatureNames) -> [String: Int] {
    Dictionary(uniqueKeysWithValues: names.names.enumerated().map { ($1, $0) })
  }

  /// The wanted first, in their order.
  private static func order(_ names: [String], as wanted: [String]) -> [String] {
    let given = Set(names)
    let known = Set(wanted)
    return wanted.filter(given.contains) + names.filter { !known.contains($0) }
  }

  private func isMissingNumber(_ place: Int) -> Bool {
    var first = 0
    for block in blocks {
      if place < first + block.columns {
        let values = block.values
        return (0..<block.rows).allSatisfy { !values[$0 * block.columns + place - first].isFinite }
      }
      first += block.columns
    }
    return false
  }

  private func isMissingText(_ place: Int) -> Bool {
    var first = 0
    var isMissing = true
    for block in texts {
      block.eachCell { column, cell in
        if first + column == place, !cell.isEmpty { isMissing = false }
      }
      first += block.columns
    }
    return isMissing
  }

  /// The cells of all blocks of text side by side; a copy.
  private var textCells: [[UInt8]] {
    var cells = [[UInt8]](repeating: [], count: rows * textColumns)
    var first = 0
    for block in texts {
      var row = 0
      block.eachCell { column, cell in
        cells[row * textColumns + first + column] = Array(cell)
        if column == block.columns - 1 { row += 1 }
      }
      first += block.columns
    }
    return cells
  }
}
