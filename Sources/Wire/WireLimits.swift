/// Bounds of what is decoded. Above them input is refused with a reason, never trapped on.
package struct WireLimits: Sendable, Equatable {
  /// 1000 × 5000 FP64 is 38 MiB in the framed encoding; the next such step is 48.
  package var frameBytes = 48 << 20
  /// All frames of a message together. Plain JSON needs at least 2 bytes a value and becomes 8, so
  /// decoding holds at most four times this: 256 MiB. Text becomes at most 2.5 times its bytes.
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
  /// Tensors of a framed message: 16 frames less topic, header and descriptor.
  package static let tensors = 13
  /// Dimensions of a tensor.
  package static let rank = 8
  /// Names in one metrics message.
  package static let metrics = 1_024
  /// A framed message's descriptor; 65,536 names of 60 bytes.
  package static let descriptorBytes = 4 << 20
  package static let headBytes = 4_096
  /// Model, version, monitor and the name of a metric, each percent-encoded.
  package static let alertKeyBytes = 512
  /// Topics, and origins of events, kept to be shared by the events that repeat them: three times the
  /// default limit on models. There are three such tables; each has 1.3 MiB when empty and, with its keys,
  /// names and objects, at most about 600 bytes an entry: 20 MiB.
  static let internedOrigins = 32_768
  /// Lists of feature names kept likewise, at most 64 KiB of text each, which with its strings is about
  /// 350 KiB: 22 MiB.
  static let internedNameLists = 64
  static let internedNameListBytes = 64 << 10
  /// The last descriptor of each topic is kept beside it when it has at most these bytes; parsed it has
  /// about 1 KiB, shared by the topics that repeat it: 40 MiB when every topic has one of its own.
  static let topicDescriptorBytes = 256
  /// Descriptors kept, of at most 1 MiB each and 8 MiB together, which with their strings is about 48 MiB.
  static let internedDescriptors = 1_024
  static let internedDescriptorBytes = 1 << 20
  static let internedDescriptorsTotal = 8 << 20

  package init() {}
}
