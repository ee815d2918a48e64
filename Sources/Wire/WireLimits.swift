/// Bounds of what is decoded. Above them input is refused with a reason, never trapped on.
package struct WireLimits: Sendable, Equatable {
  /// 1000 × 5000 FP64 is 38 MiB in the framed encoding; the next such step is 48.
  package var frameBytes = 48 << 20
  /// All frames of a message together. Plain JSON needs at least 2 bytes a value and becomes 8, so
  /// decoding holds at most four times this: 256 MiB.
  package var messageBytes = 64 << 20
  /// `/` is the only separator; 200 keeps clear of topics of 246 to 255 bytes, which libzmq 4.3.4
  /// breaks.
  package static let topicBytes = 200
  /// Columns of a feature batch; a model holds about 150 bytes for each.
  package static let columns = 65_536
  package static let idBytes = 256
  /// A `traceparent` of version 00 has 55; longer ones than this are left out.
  package static let traceParentBytes = 128
  /// Nesting of a JSON value; CloudEvents with feature rows need 4.
  package static let jsonDepth = 64
  /// Names, sources and topics kept to be shared by the events that repeat them, at most 256 bytes each.
  static let internedTexts = 4_096
  /// Lists of feature names kept likewise, at most 64 KiB of text each, which with its strings is about
  /// 350 KiB: 22 MiB.
  static let internedNameLists = 64
  static let internedNameListBytes = 64 << 10

  package init() {}
}
