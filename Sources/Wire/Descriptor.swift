import Events

/// The third frame of the framed encoding, parsed: which tensors follow and what their numbers are.
///
/// A steady stream repeats it byte for byte, so one object stands for equal bytes.
final class Descriptor: Sendable {
  enum Datatype: Sendable {
    case numeric(Matrix.Format)
    /// Elements of a 4-byte little-endian length and as many bytes.
    case bytes

    init?(_ text: JSONText) {
      if text.equals("FP64") {
        self = .numeric(.float64)
      } else if text.equals("FP32") {
        self = .numeric(.float32)
      } else if text.equals("INT64") {
        self = .numeric(.int64)
      } else if text.equals("INT32") {
        self = .numeric(.int32)
      } else if text.equals("BOOL") {
        self = .numeric(.bool)
      } else if text.equals("BYTES") {
        self = .bytes
      } else {
        return nil
      }
    }
  }

  struct Tensor: Sendable {
    enum Role: Sendable {
      /// One number for each of the metrics' names.
      case values
      /// Columns of features.
      case rows
      /// Milliseconds of single answers.
      case latencies
      /// A name without meaning for any kind that is known.
      case other
    }

    var role: Role
    var datatype: Datatype
    var rank: Int
    /// The first dimension, and the product of the others.
    var rows: Int
    var columns: Int

    var elements: Int { rows * columns }
  }

  let tensors: [Tensor]
  /// Whether `tensors` is there at all.
  let hasTensors: Bool
  let metrics: MetricPlaces?
  /// Of every column, text included.
  let featureNames: FeatureNames?
  /// Of the columns that are not text.
  let numericNames: FeatureNames?
  /// Of the columns of text.
  let textNames: FeatureNames?
  /// Of heads and byes.
  let dropped: UInt64?
  let intervalMilliseconds: UInt64?
  /// Of heads on the lossless lane.
  let first: UInt64?

  /// Where among the values the metrics stand that somebody reads.
  struct MetricPlaces: Sendable {
    var count: Int
    var accuracy: Int?
    var latency: Int?
    /// Nil when nothing but these two stands there.
    var details: DetailPlaces?
  }

  /// - Throws: `malformed` for anything but an object whose known keys have the right types,
  ///   `shapeMismatch` for a feature name that stands twice, `tooLarge` for too many.
  init(parsing bytes: UnsafeRawBufferPointer) throws(Remark) {
    var tensors: [Tensor]?
    var metrics: MetricPlaces?
    var names: [String]?
    var dropped: UInt64?
    var interval: UInt64?
    var first: UInt64?
    var reader = JSONReader(bytes)
    try reader.readObject { (reader, key) throws(Remark) in
      if key.equals("tensors") {
        var list: [Tensor] = []
        try reader.readArray { (reader) throws(Remark) in
          guard list.count < WireLimits.tensors else { throw reader.failure("too many tensors") }
          list.append(try Tensor(reading: &reader))
        }
        tensors = list
      } else if key.equals("metrics") {
        metrics = try reader.readNull() ? nil : MetricPlaces(reading: &reader)
      } else if key.equals("feature_names") {
        names = try reader.readNull() ? nil : Self.readNames(&reader)
      } else if key.equals("dropped") {
        dropped = try reader.readNull() ? nil : reader.readCount("dropped")
      } else if key.equals("interval_ms") {
        interval = try reader.readNull() ? nil : reader.readCount("interval_ms")
      } else if key.equals("first") {
        first = try reader.readNull() ? nil : reader.readDecimal("first")
      } else {
        try reader.skipValue()
      }
    }
    try reader.expectEnd()
    hasTensors = tensors != nil
    (self.metrics, self.dropped, intervalMilliseconds, self.first) = (metrics, dropped, interval, first)
    self.tensors = tensors ?? []
    featureNames = try names.map { (names) throws(Remark) in try Self.distinct(names) }
    numericNames = Self.names(featureNames, self.tensors, ofText: false)
    textNames = Self.names(featureNames, self.tensors, ofText: true)
  }

  private static func readNames(_ reader: inout JSONReader) throws(Remark) -> [String] {
    var names: [String] = []
    try reader.readArray { (reader) throws(Remark) in names.append(try reader.readString()) }
    return names
  }

  static func distinct(_ list: [String]) throws(Remark) -> FeatureNames {
    guard list.count <= WireLimits.columns else {
      throw Remark(.tooLarge, "\(list.count) features, at most \(WireLimits.columns) are taken")
    }
    guard let names = FeatureNames(list) else {
      let name = FeatureNames.firstDuplicate(in: list) ?? ""
      throw Remark(.shapeMismatch, "the feature name '\(name.prefix(64))' stands twice")
    }
    return names
  }

  /// Those of the columns of text, or of all others; nil when their number does not fit, which is refused with
  /// the batch.
  private static func names(_ names: FeatureNames?, _ tensors: [Tensor], ofText isText: Bool) -> FeatureNames?
  {
    guard let names else { return nil }
    guard tensors.contains(where: \.isText) else { return isText ? nil : names }
    var kept: [String] = []
    var first = 0
    for tensor in tensors where tensor.role == .rows {
      guard tensor.columns <= names.count - first else { return nil }
      if tensor.isText == isText { kept += names.names[first..<first + tensor.columns] }
      first += tensor.columns
    }
    return FeatureNames(kept)
  }
}

extension Descriptor.Tensor {
  var isText: Bool { if case .bytes = datatype { true } else { false } }

  fileprivate init(reading reader: inout JSONReader) throws(Remark) {
    var name: JSONText?
    var datatype: Descriptor.Datatype?
    var shape: (rank: Int, rows: Int, columns: Int)?
    try reader.readObject { (reader, key) throws(Remark) in
      if key.equals("name") {
        name = try reader.readText()
      } else if key.equals("datatype") {
        datatype = Descriptor.Datatype(try reader.readText())
        guard datatype != nil else { throw reader.failure("an unknown datatype") }
      } else if key.equals("shape") {
        shape = try Self.readShape(&reader)
      } else {
        try reader.skipValue()
      }
    }
    guard let name, let datatype, let shape else {
      throw reader.failure("a tensor without name, datatype or shape")
    }
    role =
      name.equals("values")
      ? .values : name.equals("rows") ? .rows : name.equals("latencies_ms") ? .latencies : .other
    self.datatype = datatype
    (rank, rows, columns) = shape
  }

  /// Dimensions are whole numbers whose product, in bytes of the largest datatype, fits 63 bits.
  private static func readShape(
    _ reader: inout JSONReader
  ) throws(Remark) -> (rank: Int, rows: Int, columns: Int) {
    var rank = 0
    var rows = 0
    var columns = 1
    try reader.readArray { (reader) throws(Remark) in
      guard rank < WireLimits.rank else { throw reader.failure("a shape of more than 8 dimensions") }
      guard let dimension = Int(exactly: try reader.readCount("a dimension")) else {
        throw reader.failure("a dimension that is too large")
      }
      rank += 1
      guard rank > 1 else {
        rows = dimension
        return
      }
      let (product, overflow) = columns.multipliedReportingOverflow(by: dimension)
      guard !overflow else { throw reader.failure("a shape that overflows") }
      columns = product
    }
    let (elements, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard rank > 0 else { throw reader.failure("a shape without dimensions") }
    guard !overflow, !elements.multipliedReportingOverflow(by: 8).overflow else {
      throw reader.failure("a shape that overflows")
    }
    return (rank, rows, columns)
  }
}

extension Descriptor.MetricPlaces {
  fileprivate init(reading reader: inout JSONReader) throws(Remark) {
    count = 0
    var seen = Set<String>()
    var places = DetailPlaces()
    var hasDetails = false
    try reader.readArray { (reader) throws(Remark) in
      let name = try reader.readString()
      guard seen.insert(name).inserted else { throw reader.failure("a metric that stands twice") }
      guard count < WireLimits.metrics else { throw reader.failure("too many metrics") }
      switch name {
      case "accuracy": accuracy = count
      case "latency_ms": latency = count
      default: if places.note(name, at: count) { hasDetails = true }
      }
      count += 1
    }
    if hasDetails { details = places }
    guard count > 0 else { throw reader.failure("metrics without names") }
  }
}

extension JSONReader {
  /// A whole number of digits alone.
  mutating func readCount(_ what: StaticString) throws(Remark) -> UInt64 {
    _ = peek()
    let start = offset
    _ = try readNumber()
    let digits = UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
    guard let count = JSONText(bytes: digits, hasEscapes: false).wholeNumber else {
      throw failure("\(what) that is no whole number")
    }
    return count
  }
}
