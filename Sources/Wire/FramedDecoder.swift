package import Events

/// The frames of one message, valid while it is.
package typealias Frames = UnsafeBufferPointer<UnsafeRawBufferPointer>

/// The framed encoding, in: topic, 64-byte header, descriptor and tensors become an ``Event``.
///
/// A total function: every input gives an event or a ``Remark``. Tensors are read where they stand, so an
/// event is valid until the message is replaced. In a steady stream, whose topics and descriptors repeat,
/// nothing is allocated.
package struct FramedDecoder {
  let limits: WireLimits
  /// A topic's meaning: its kind, and who speaks of which model; and the descriptor that came with it last.
  private final class Address {
    /// Nil for a word that names none.
    let kind: FramedHeader.Kind?
    let origin: Origin
    var descriptorBytes: [UInt8] = []
    var descriptor: Descriptor?
    /// How to read metrics of that descriptor; nil for other kinds.
    var metrics: MetricsLayout?

    init(kind: FramedHeader.Kind?, origin: Origin) {
      self.kind = kind
      self.origin = origin
    }
  }
  private var addresses = InternTable<Address>(
    entries: WireLimits.internedOrigins, maximumBytes: WireLimits.topicBytes)
  private var descriptors = InternTable<Descriptor>(
    entries: WireLimits.internedDescriptors, maximumBytes: WireLimits.internedDescriptorBytes,
    budget: WireLimits.internedDescriptorsTotal)
  /// Lent to events and used again once they are gone.
  private var blocks: [Matrix] = []
  private var texts: [TextBlock] = []

  package init(limits: WireLimits = WireLimits()) { self.limits = limits }

  /// - Parameter frames: topic, header, descriptor, tensors.
  /// - Throws: `malformed`, `unsupportedVersion`, `topicMismatch` or `tooLarge` without a header.
  package mutating func decode(_ frames: Frames) throws(Remark) -> Event {
    guard frames.count >= 3 else { throw Remark(.malformed, "\(frames.count) frames, want 3 to 16") }
    guard let header = FramedHeader(parsing: frames[1]) else {
      throw Remark(.malformed, "a header of \(frames[1].count) bytes, want \(FramedHeader.size)")
    }
    guard header.majorVersion == FramedHeader.major else {
      throw Remark(
        .unsupportedVersion,
        "version \(header.majorVersion).\(header.minorVersion), want \(FramedHeader.major)")
    }
    guard header.frames == frames.count else {
      throw Remark(.malformed, "\(frames.count) frames came, the header says \(header.frames)")
    }
    guard header.epoch > 0 else { throw Remark(.malformed, "epoch 0") }
    let topic = frames[0]
    // Before it is looked up: libzmq lets in more than anyone wants to hash.
    guard topic.count <= WireLimits.topicBytes else { throw Topic.tooLong(topic.count) }
    let address = try addresses.value(for: topic) { () throws(Remark) in try Self.address(topic) }
    let sequence = SequenceNumber(epoch: header.epoch, number: header.number)
    if let metrics = steadyMetrics(header, frames, address) {
      return Event(
        header: EventHeader(
          origin: address.origin, sequence: sequence, time: Self.timestamp(header.eventTime),
          sentAt: Self.timestamp(header.sendTime)),
        body: .metrics(metrics))
    }
    var event = Event(
      header: EventHeader(
        id: .numbered(sequence), origin: address.origin, time: Self.timestamp(header.eventTime),
        sentAt: Self.timestamp(header.sendTime), sequence: sequence),
      body: .tombstone)
    let kind = FramedHeader.Kind(rawValue: header.kind)
    if let kind, kind == .head || kind == .bye {
      try Self.check(kind, address)
      guard header.descriptorEncoding == 1 else {
        throw Remark(.malformed, "descriptor encoding \(header.descriptorEncoding), want 1")
      }
      event.body = try head(kind, header.number, frames)
      return event
    }
    guard header.number > 0 else { throw Remark(.malformed, "seq 0: numbers begin with 1") }
    guard header.previous < header.number else {
      throw Remark(.malformed, "prev \(header.previous) is not below seq \(header.number)")
    }
    // From here on the number is known, and a refusal is told with it.
    do throws(Remark) {
      try checkSize(frames)
      guard let kind, kind.isInput else { throw Remark(.unknownKind, "kind \(header.kind)") }
      try Self.check(kind, address)
      guard address.origin.model.name.text != "-" || kind == .feedback else {
        throw Remark(.malformed, "no model in the topic")
      }
      if header.flags.contains(.tombstone) {
        guard frames.count == 3, frames[2].isEmpty, header.descriptorEncoding == 0 else {
          throw Remark(.malformed, "a tombstone with content")
        }
        return event
      }
      event.body = try body(kind, header, frames, address)
    } catch {
      event.body = .refused(error)
    }
    return event
  }

  /// What a stream of metrics says again and again, read without a second look at its descriptor; nil for
  /// everything else, and whenever anything is out of the ordinary.
  private func steadyMetrics(_ header: FramedHeader, _ frames: Frames, _ address: Address) -> Metrics? {
    guard let layout = address.metrics, frames.count == 4, address.kind == .metrics,
      header.kind == FramedHeader.Kind.metrics.rawValue, header.descriptorEncoding == 1,
      !header.flags.contains(.tombstone), header.number > header.previous,
      frames[3].count == layout.byteCount, frames[2].hasSameBytes(as: address.descriptorBytes),
      frames[2].count + layout.byteCount + Self.overhead <= min(limits.frameBytes, limits.messageBytes)
    else { return nil }
    let metrics = layout.read(frames[3])
    guard layout.hasDetails, let details = address.descriptor?.metrics?.details else { return metrics }
    return layout.read(metrics, details, frames[3])
  }

  /// Topic and header at their longest.
  private static let overhead = WireLimits.topicBytes + FramedHeader.size

  private static func timestamp(_ nanoseconds: Int64) -> Timestamp? {
    nanoseconds == 0 ? nil : Timestamp(nanoseconds: nanoseconds)
  }

  private func checkSize(_ frames: Frames) throws(Remark) {
    var total = 0
    var largest = 0
    for frame in frames {
      total += frame.count
      largest = max(largest, frame.count)
    }
    guard largest <= limits.frameBytes, total <= limits.messageBytes else {
      throw Remark(
        .tooLarge, "\(total) bytes, at most \(limits.frameBytes) a frame and \(limits.messageBytes) are taken"
      )
    }
  }

  // MARK: Topic

  private static func address(_ bytes: UnsafeRawBufferPointer) throws(Remark) -> Address {
    let topic = try Topic(parsing: bytes)
    guard topic.parts == 4, !topic.hasEmptyPart else {
      throw Remark(.malformed, "a topic without one of kind, model, version and source")
    }
    guard let source = topic.source.flatMap(SourceName.init) else {
      throw Remark(.malformed, "no source in the topic")
    }
    guard let model = ModelName(topic.model ?? "-"),
      let version = topic.version.map(ModelVersion.init) ?? ModelVersion.none
    else { throw Remark(.malformed, "a model or version in the topic that is too long") }
    return Address(
      kind: FramedHeader.Kind.allCases.first { $0.word.description == topic.kind },
      origin: Origin(source: source, model: ModelKey(name: model, version: version)))
  }

  /// A topic of another kind than the header's would reach readers who did not ask for it.
  private static func check(_ kind: FramedHeader.Kind, _ address: Address) throws(Remark) {
    guard kind == address.kind else {
      throw Remark(.topicMismatch, "the header says kind '\(kind.word)', the topic another")
    }
  }

  // MARK: Bodies

  private mutating func descriptor(
    _ frame: UnsafeRawBufferPointer, _ address: Address
  ) throws(Remark) -> Descriptor {
    if let descriptor = address.descriptor, frame.hasSameBytes(as: address.descriptorBytes) {
      return descriptor
    }
    guard frame.count <= WireLimits.descriptorBytes else {
      throw Remark(
        .tooLarge, "a descriptor of \(frame.count) bytes, at most \(WireLimits.descriptorBytes) are taken")
    }
    let descriptor = try descriptors.value(for: frame) { () throws(Remark) in try Descriptor(parsing: frame) }
    if frame.count <= WireLimits.topicDescriptorBytes {
      (address.descriptor, address.descriptorBytes) = (descriptor, Array(frame))
      address.metrics = address.origin.model.name.text == "-" ? nil : MetricsLayout(descriptor)
    }
    return descriptor
  }

  private func head(
    _ kind: FramedHeader.Kind, _ number: UInt64, _ frames: Frames
  ) throws(Remark) -> EventBody {
    guard frames.count == 3 else {
      throw Remark(.malformed, "a \(kind.word) of \(frames.count) frames, want 3")
    }
    // Its count of drops changes, so it would only push others out of the table.
    let frame = frames[2]
    guard frame.count <= WireLimits.headBytes else {
      throw Remark(.tooLarge, "a head of \(frame.count) bytes, at most \(WireLimits.headBytes) are taken")
    }
    let descriptor = try Descriptor(parsing: frame)
    guard let dropped = descriptor.dropped else { throw Remark(.malformed, "a \(kind.word) without dropped") }
    // What was never numbered cannot be sent.
    if let first = descriptor.first, first == 0 || first - 1 > number {
      throw Remark(.malformed, "first \(first) of a source at \(number)")
    }
    guard kind == .head else { return .bye(Head(dropped: dropped, first: descriptor.first)) }
    guard let interval = descriptor.intervalMilliseconds, interval > 0 else {
      throw Remark(.malformed, "a head without interval_ms")
    }
    return .head(
      Head(dropped: dropped, interval: .milliseconds(Int64(clamping: interval)), first: descriptor.first))
  }

  private mutating func body(
    _ kind: FramedHeader.Kind, _ header: FramedHeader, _ frames: Frames, _ address: Address
  ) throws(Remark) -> EventBody {
    guard header.descriptorEncoding == 1 else {
      throw Remark(.malformed, "descriptor encoding \(header.descriptorEncoding), want 1")
    }
    if kind == .feedback {
      guard frames.count == 3 else { throw Remark(.malformed, "feedback of \(frames.count) frames, want 3") }
      return .feedback(try Feedback(parsing: frames[2]))
    }
    let descriptor = try descriptor(frames[2], address)
    guard descriptor.hasTensors, descriptor.tensors.count == frames.count - 3 else {
      throw Remark(
        .malformed, "\(frames.count - 3) tensors came, the descriptor has \(descriptor.tensors.count)")
    }
    for (index, tensor) in descriptor.tensors.enumerated() {
      try Self.check(tensor, frames[3 + index], index)
    }
    switch kind {
    case .metrics:
      guard let metrics = try metrics(descriptor, frames) else {
        throw Remark(.malformed, "want a tensor named values first")
      }
      let latencies = try latencies(descriptor, frames)
      guard let details = descriptor.metrics?.details ?? (latencies.isEmpty ? nil : DetailPlaces()) else {
        return .metrics(metrics)
      }
      let parts = details.read { Self.value(at: $0, descriptor, frames) }
      return .metrics(
        Metrics(
          accuracy: metrics.accuracy, latencyMilliseconds: metrics.latencyMilliseconds,
          counts: try parts.counts(), latencies: latencies, named: parts.named))
    case .features:
      guard let batch = try features(descriptor, frames, from: 0) else {
        throw Remark(.malformed, "want tensors named rows")
      }
      return .features(batch)
    default:
      return .baseline(try baseline(descriptor, frames))
    }
  }

  /// Whether a frame holds what its descriptor says, to the byte.
  private static func check(
    _ tensor: Descriptor.Tensor, _ frame: UnsafeRawBufferPointer, _ index: Int
  ) throws(Remark) {
    switch tensor.datatype {
    case .numeric(let format):
      guard frame.count == tensor.elements * format.size else {
        throw Remark(
          .malformed, "tensor \(index) has \(frame.count) bytes, want \(tensor.elements * format.size)")
      }
    case .bytes:
      var offset = 0
      for element in 0..<tensor.elements {
        guard frame.count - offset >= 4 else {
          throw Remark(.malformed, "tensor \(index) ends in the length of element \(element)")
        }
        let length = Int(UInt32(littleEndian: frame.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        guard frame.count - offset - 4 >= length else {
          throw Remark(.malformed, "tensor \(index) ends in element \(element)")
        }
        offset += 4 + length
      }
      guard offset == frame.count else {
        throw Remark(.malformed, "tensor \(index) has \(frame.count - offset) bytes after its last element")
      }
    }
  }

  /// Nil when the first tensor is none of metrics.
  private func metrics(_ descriptor: Descriptor, _ frames: Frames) throws(Remark) -> Metrics? {
    guard let tensor = descriptor.tensors.first, tensor.role == .values else { return nil }
    guard let places = descriptor.metrics else { throw Remark(.malformed, "values without metrics") }
    guard case .numeric(let format) = tensor.datatype, tensor.rank == 1, tensor.rows == places.count else {
      throw Remark(.malformed, "want \(places.count) numbers in one dimension, one a metric")
    }
    let frame = frames[3]
    return Metrics(
      accuracy: places.accuracy.map { format.value(at: $0, of: frame) },
      latencyMilliseconds: places.latency.map { format.value(at: $0, of: frame) })
  }

  /// A number of the first tensor, which is one of metrics.
  private static func value(at place: Int, _ descriptor: Descriptor, _ frames: Frames) -> Double {
    guard case .numeric(let format) = descriptor.tensors[0].datatype else { return .nan }
    return format.value(at: place, of: frames[3])
  }

  /// Of the second tensor; none without one.
  private func latencies(_ descriptor: Descriptor, _ frames: Frames) throws(Remark) -> [Double] {
    guard descriptor.tensors.count > 1 else { return [] }
    let tensor = descriptor.tensors[1]
    guard descriptor.tensors.count == 2, tensor.role == .latencies, tensor.rank == 1,
      case .numeric(let format) = tensor.datatype
    else { throw Remark(.malformed, "want one tensor named values, and one named latencies_ms or none") }
    guard tensor.rows <= MetricsDetail.maximumLatencies else {
      throw Remark(
        .tooLarge, "\(tensor.rows) latencies_ms, at most \(MetricsDetail.maximumLatencies) are taken")
    }
    return (0..<tensor.rows).map { format.value(at: $0, of: frames[4]) }
  }

  /// Nil when no tensor is one of rows.
  private mutating func features(
    _ descriptor: Descriptor, _ frames: Frames, from first: Int
  ) throws(Remark) -> FeatureBatch? {
    blocks.removeAll(keepingCapacity: true)
    var rows: Int?
    var columns = 0
    texts.removeAll(keepingCapacity: true)
    for index in first..<descriptor.tensors.count {
      let tensor = descriptor.tensors[index]
      guard tensor.role == .rows, tensor.rank <= 2 else {
        throw Remark(.malformed, "tensor \(index) is not named rows, or has \(tensor.rank) dimensions")
      }
      guard tensor.rows > 0, tensor.columns > 0, tensor.rows == rows ?? tensor.rows else {
        throw Remark(
          .shapeMismatch,
          "tensor \(index) has \(tensor.rows) rows of \(tensor.columns) values"
            + (rows.map { ", those before have \($0) rows" } ?? ""))
      }
      rows = tensor.rows
      let (sum, overflow) = columns.addingReportingOverflow(tensor.columns)
      guard !overflow, sum <= WireLimits.columns else {
        throw Remark(.tooLarge, "more than \(WireLimits.columns) columns")
      }
      columns = sum
      switch tensor.datatype {
      case .numeric(let format):
        blocks.append(
          Matrix(rows: tensor.rows, columns: tensor.columns, format: format, received: frames[3 + index]))
      case .bytes:
        texts.append(TextBlock(rows: tensor.rows, columns: tensor.columns, received: frames[3 + index]))
      }
    }
    guard rows != nil else { return nil }
    if let names = descriptor.featureNames, names.count != columns {
      throw Remark(.shapeMismatch, "\(names.count) feature_names, but rows of \(columns) values")
    }
    guard !blocks.isEmpty else { throw Remark(.shapeMismatch, "no column of numbers") }
    var batch = FeatureBatch(names: descriptor.numericNames, blocks: blocks)
    (batch.texts, batch.textNames) = (texts, descriptor.textNames)
    return batch
  }

  private mutating func baseline(_ descriptor: Descriptor, _ frames: Frames) throws(Remark) -> BaselineUpdate
  {
    guard !descriptor.tensors.isEmpty else { throw Remark(.malformed, "a baseline without tensors") }
    var update = BaselineUpdate()
    let hasValues = descriptor.tensors[0].role == .values
    if hasValues, let places = descriptor.metrics, let tensor = descriptor.tensors.first {
      guard try metrics(descriptor, frames) != nil, case .numeric(let format) = tensor.datatype else {
        throw Remark(.malformed, "want numbers as values")
      }
      update.accuracy = try Self.finite(places.accuracy, format, frames[3], "accuracy")
      update.latencyMilliseconds = try Self.finite(places.latency, format, frames[3], "latency_ms")
      if let parts = places.details?.read({ Self.value(at: $0, descriptor, frames) }) {
        (update.counts, update.latencyQuantiles) = (try parts.counts(), try parts.latencyQuantiles())
      }
    } else if hasValues {
      throw Remark(.malformed, "values without metrics")
    }
    update.features = try features(descriptor, frames, from: hasValues ? 1 : 0)
    return update
  }

  /// NaN is not given; an infinite baseline would silence its rule without a word.
  private static func finite(
    _ place: Int?, _ format: Matrix.Format, _ frame: UnsafeRawBufferPointer, _ name: StaticString
  ) throws(Remark) -> Double? {
    guard let value = place.map({ format.value(at: $0, of: frame) }), !value.isNaN else { return nil }
    guard value.isFinite else { throw Remark(.malformed, "\(name) is not finite") }
    return value
  }
}

/// Where in one tensor the metrics stand that somebody reads.
private struct MetricsLayout {
  private let format: Matrix.Format
  private let accuracy: Int?
  private let latency: Int?
  /// They stand in the descriptor: copying them costs a plain message more than reading it.
  let hasDetails: Bool
  let byteCount: Int

  /// Nil unless the descriptor is a right one of metrics.
  init?(_ descriptor: Descriptor) {
    guard descriptor.hasTensors, descriptor.tensors.count == 1, let places = descriptor.metrics,
      let tensor = descriptor.tensors.first, tensor.role == .values, tensor.rank == 1,
      tensor.rows == places.count, case .numeric(let format) = tensor.datatype
    else { return nil }
    (self.format, accuracy, latency) = (format, places.accuracy, places.latency)
    hasDetails = places.details != nil
    byteCount = tensor.elements * format.size
  }

  func read(_ frame: UnsafeRawBufferPointer) -> Metrics {
    Metrics(
      accuracy: accuracy.map { format.value(at: $0, of: frame) },
      latencyMilliseconds: latency.map { format.value(at: $0, of: frame) })
  }

  /// With what stands beside accuracy and latency; nil for counts that cannot be.
  func read(_ told: Metrics, _ details: DetailPlaces, _ frame: UnsafeRawBufferPointer) -> Metrics? {
    let parts = details.read { format.value(at: $0, of: frame) }
    do throws(Remark) {
      return Metrics(
        accuracy: told.accuracy, latencyMilliseconds: told.latencyMilliseconds, counts: try parts.counts(),
        named: parts.named)
    } catch { return nil }
  }
}

extension FramedHeader.Kind {
  fileprivate var isInput: Bool {
    switch self {
    case .metrics, .features, .baseline, .feedback: true
    default: false
    }
  }
}

extension Matrix.Format {
  /// The number at `index` of a tensor that holds it.
  fileprivate func value(at index: Int, of frame: UnsafeRawBufferPointer) -> Double {
    let offset = index * size
    switch self {
    case .float64: return frame.loadUnaligned(fromByteOffset: offset, as: Double.self)
    case .float32: return Double(frame.loadUnaligned(fromByteOffset: offset, as: Float.self))
    case .int64: return Double(frame.loadUnaligned(fromByteOffset: offset, as: Int64.self))
    case .int32: return Double(frame.loadUnaligned(fromByteOffset: offset, as: Int32.self))
    case .bool: return frame[offset] == 0 ? 0 : 1
    }
  }
}
