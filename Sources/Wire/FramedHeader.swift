/// The second frame of the framed encoding: 64 bytes, big-endian (`protocol/specification.md`, "Header").
package struct FramedHeader: Equatable, Sendable {
  package static let size = 64
  package static let major: UInt8 = 1
  package static let minor: UInt8 = 0
  /// `TIDE`; no JSON text begins with it.
  package static let magic: [UInt8] = [0x54, 0x49, 0x44, 0x45]

  /// The kinds that this build speaks; others are reserved or unknown.
  package enum Kind: UInt8, CaseIterable, Sendable {
    case metrics = 1
    case features = 2
    case baseline = 5
    case feedback = 6
    case head = 7
    case bye = 8
    case alert = 16
    case decision = 17
    case assessment = 18
    case status = 19
    case fetch = 32
    case end = 33
    case snapshot = 34
    case ack = 35
    case nack = 36
    case silence = 37

    /// The first part of the topic.
    package var word: StaticString {
      switch self {
      case .metrics: "metrics"
      case .features: "features"
      case .baseline: "baseline"
      case .feedback: "feedback"
      case .head: "head"
      case .bye: "bye"
      case .alert: "alert"
      case .decision: "decision"
      case .assessment: "assessment"
      case .status: "status"
      case .fetch: "fetch"
      case .end: "end"
      case .snapshot: "snapshot"
      case .ack: "ack"
      case .nack: "nack"
      case .silence: "silence"
      }
    }
  }

  package struct Flags: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let replayed = Flags(rawValue: 1)
    package static let acknowledgementWanted = Flags(rawValue: 2)
    package static let firstOfEpoch = Flags(rawValue: 4)
    package static let tombstone = Flags(rawValue: 8)
  }

  package var majorVersion = Self.major
  package var minorVersion = Self.minor
  /// A ``Kind``, or a number that this build does not know.
  package var kind: UInt8
  /// 0: the third frame is empty; 1: it is JSON.
  package var descriptorEncoding: UInt8
  package var flags: Flags
  /// Frames of the message, the topic's included.
  package var frames: UInt32
  /// When the numbering began, unix ns.
  package var epoch: UInt64
  /// From 1; in a head or bye the last number used.
  package var number: UInt64
  /// The number of the message before it with the same topic; 0 when there is none.
  package var previous: UInt64
  /// Unix ns; 0 when not given.
  package var eventTime: Int64
  /// Unix ns; 0 when not given.
  package var sendTime: Int64

  package init(
    kind: UInt8, descriptorEncoding: UInt8 = 1, flags: Flags = [], frames: Int, epoch: UInt64, number: UInt64,
    previous: UInt64 = 0, eventTime: Int64 = 0, sendTime: Int64 = 0
  ) {
    self.kind = kind
    self.descriptorEncoding = descriptorEncoding
    self.flags = flags
    self.frames = UInt32(clamping: frames)
    self.epoch = epoch
    self.number = number
    self.previous = previous
    self.eventTime = eventTime
    self.sendTime = sendTime
  }

  /// Nil unless `bytes` are ``size`` bytes that begin with ``magic``; every other value is taken as it is.
  package init?(parsing bytes: UnsafeRawBufferPointer) {
    guard bytes.count == Self.size, Self.hasMagic(bytes) else { return nil }
    func load<Value: FixedWidthInteger>(_ offset: Int, _ type: Value.Type) -> Value {
      Value(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
    }
    majorVersion = bytes[4]
    minorVersion = bytes[5]
    kind = bytes[6]
    descriptorEncoding = bytes[7]
    flags = Flags(rawValue: load(8, UInt32.self))
    frames = load(12, UInt32.self)
    epoch = load(16, UInt64.self)
    number = load(24, UInt64.self)
    previous = load(32, UInt64.self)
    eventTime = load(40, Int64.self)
    sendTime = load(48, Int64.self)
  }

  package static func hasMagic(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 4
      && UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)) == 0x5449_4445
  }

  /// Writes the 64 bytes; the reserved ones are 0.
  ///
  /// - Precondition: `bytes` has room for ``size``.
  package func write(to bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count >= Self.size)
    func store(_ value: some FixedWidthInteger, _ offset: Int) {
      bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: type(of: value.bigEndian))
    }
    bytes.copyBytes(from: Self.magic)
    bytes[4] = majorVersion
    bytes[5] = minorVersion
    bytes[6] = kind
    bytes[7] = descriptorEncoding
    store(flags.rawValue, 8)
    store(frames, 12)
    store(epoch, 16)
    store(number, 24)
    store(previous, 32)
    store(eventTime, 40)
    store(sendTime, 48)
    store(UInt64(0), 56)
  }

  package var bytes: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Self.size) { buffer, count in
      write(to: UnsafeMutableRawBufferPointer(buffer))
      count = Self.size
    }
  }
}
