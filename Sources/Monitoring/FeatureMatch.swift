import Events

/// Which column of a batch is which of a reference, where columns may be missing, new or of another type.
///
/// A steady stream brings the same ``FeatureNames`` objects each time, so names are compared once.
struct FeatureMatch: Sendable {
  /// What a batch's columns are not as the reference has them.
  struct Breaks: Sendable, Equatable {
    var missing: [String] = []
    var unknown: [String] = []
    /// Text where there were numbers, or numbers where there was text.
    var retyped: [String] = []

    var count: Int { missing.count + unknown.count + retyped.count }
    var isEmpty: Bool { count == 0 }
  }

  /// For each column of numbers of the reference its place among the batch's; nil where it has none.
  private(set) var numbers: [Int?] = []
  /// The same for columns of text.
  private(set) var texts: [Int?] = []
  private(set) var breaks = Breaks()
  /// Whether the batch's columns of numbers are the reference's, in its order.
  private(set) var isStraight = false
  private var seen: Shape?

  private struct Shape {
    var names: FeatureNames?
    var textNames: FeatureNames?
    var numbers: Int
    var texts: Int

    func isSame(as other: Shape) -> Bool {
      names === other.names && textNames === other.textNames && numbers == other.numbers
        && texts == other.texts
    }
  }

  /// - Returns: whether anything is another than for the batch before.
  mutating func match(_ batch: FeatureBatch, to reference: FeatureReference) -> Bool {
    let shape = Shape(
      names: batch.names, textNames: batch.textNames, numbers: batch.columns, texts: batch.textColumns)
    if let seen, seen.isSame(as: shape) { return false }
    seen = shape
    breaks = Breaks()
    if let wanted = reference.names, let given = batch.names, batch.textColumns == 0 || batch.textNames != nil
    {
      matchNames(wanted, reference, given.names, batch.textNames?.names ?? [])
    } else {
      matchPlaces(reference, batch)
    }
    isStraight =
      batch.columns == reference.numbers.count && numbers.enumerated().allSatisfy { $0.offset == $0.element }
    return true
  }

  private mutating func matchNames(
    _ wanted: [String], _ reference: FeatureReference, _ given: [String], _ givenTexts: [String]
  ) {
    let places = Dictionary(given.enumerated().map { ($1, $0) }) { first, _ in first }
    let textPlaces = Dictionary(givenTexts.enumerated().map { ($1, $0) }) { first, _ in first }
    let split = reference.numbers.count
    numbers = wanted[..<split].map { places[$0] }
    texts = wanted[split...].map { textPlaces[$0] }
    for name in wanted[..<split] where places[name] == nil {
      if textPlaces[name] == nil { breaks.missing.append(name) } else { breaks.retyped.append(name) }
    }
    for name in wanted[split...] where textPlaces[name] == nil {
      if places[name] == nil { breaks.missing.append(name) } else { breaks.retyped.append(name) }
    }
    let known = Set(wanted)
    breaks.unknown = (given + givenTexts).filter { !known.contains($0) }
  }

  private mutating func matchPlaces(_ reference: FeatureReference, _ batch: FeatureBatch) {
    numbers = reference.numbers.indices.map { $0 < batch.columns ? $0 : nil }
    texts = reference.texts.indices.map { $0 < batch.textColumns ? $0 : nil }
    for column in numbers.indices where numbers[column] == nil {
      breaks.missing.append(reference.name(of: column))
    }
    for column in texts.indices where texts[column] == nil {
      breaks.missing.append(reference.name(of: reference.numbers.count + column))
    }
    let named = batch.names?.names
    for place in numbers.count..<max(numbers.count, batch.columns) {
      breaks.unknown.append(named?[place] ?? "feature_\(place)")
    }
    for place in texts.count..<max(texts.count, batch.textColumns) {
      breaks.unknown.append(batch.textNames?.names[place] ?? "text_\(place)")
    }
  }
}
