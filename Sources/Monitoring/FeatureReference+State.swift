package import Events
import Statistics

// How references lie in the journal, and in baseline files.
extension ReferenceBins {
  func encode(to writer: inout StateWriter) {
    writer.write(edges)
    writer.write(counts) { $0.write($1) }
  }

  init(from reader: inout StateReader) throws(StateError) {
    let edges = try reader.readDoubles()
    let counts = try reader.readArray { (reader) throws(StateError) in try reader.read(UInt32.self) }
    guard let bins = ReferenceBins(edges: edges, counts: counts) ?? ReferenceBins(categories: counts) else {
      throw StateError("bins that do not fit their counts")
    }
    self = bins
  }
}

extension FeatureReference {
  package func encode(to writer: inout StateWriter) {
    writer.write(numbers) { $1.encode(to: &$0) }
    writer.write(texts) { $1.encode(to: &$0) }
    writer.write(names) { writer, names in writer.write(names) { $0.write($1) } }
  }

  package init(from reader: inout StateReader) throws(StateError) {
    let numbers = try reader.readArray { (reader) throws(StateError) in try Column(from: &reader) }
    let texts = try reader.readArray { (reader) throws(StateError) in try Column(from: &reader) }
    let names = try reader.readOptional { (reader) throws(StateError) in
      try reader.readArray { (reader) throws(StateError) in try reader.readText() }
    }
    guard numbers.allSatisfy({ $0.categories == nil }), texts.allSatisfy({ $0.categories != nil }),
      names == nil || names?.count == numbers.count + texts.count
    else { throw StateError("a reference of other columns than names") }
    self.init(numbers: numbers, texts: texts, names: names)
  }
}

extension FeatureReference.Column {
  fileprivate func encode(to writer: inout StateWriter) {
    bins.encode(to: &writer)
    writer.write(dependence)
    writer.write(categories) { writer, categories in
      writer.write(categories) { writer, category in
        writer.write(category.hash)
        writer.write(category.label)
      }
    }
  }

  fileprivate init(from reader: inout StateReader) throws(StateError) {
    let bins = try ReferenceBins(from: &reader)
    let dependence = try reader.readDouble()
    let categories = try reader.readOptional { (reader) throws(StateError) in
      try reader.readArray { (reader) throws(StateError) in
        FeatureReference.Category(hash: try reader.read(), label: try reader.readText())
      }
    }
    guard dependence >= 1, dependence.isFinite, categories.map({ bins.counts.count == $0.count + 2 }) ?? true
    else { throw StateError("a column of other categories than bins") }
    self.init(bins: bins, dependence: dependence, categories: categories)
  }
}
