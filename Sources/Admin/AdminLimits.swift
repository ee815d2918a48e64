import NIOCore

/// What a peer may ask of the HTTP side. With all of it used at once: 64 connections of 64 KiB to read and 64 KiB to
/// write, 32 answers of 1 MiB, and the chronicle's 4 MiB: 44 MiB.
enum AdminLimits {
  /// Connections; one more ends the one that has been idle longest, or is ended itself when none is.
  static let connections = 64
  /// Bytes of a request's line and headers together, and of one of them.
  static let headBytes = 16 << 10
  static let headerFields = 64
  /// Nothing takes a body, so what is sent of one is read and thrown away up to this.
  static let bodyBytes = 64 << 10
  /// From connecting, or from the first byte of a request, to its end.
  static let requestTime = TimeAmount.seconds(10)
  /// From one answer to the next request.
  static let idleTime = TimeAmount.seconds(60)
  /// What a client may take nothing of what is sent to it.
  static let stallTime = TimeAmount.seconds(30)
  /// Requests that are answered at the same time, without event streams.
  static let requestsAtOnce = 32
  /// Clients of the event stream.
  static let listeners = 16
  /// Readings of the history at the same time; each is a pass over the journal's samples.
  static let historiesAtOnce = 2
  /// Samples that one reading takes, newest first.
  static let historySamples = 50_000
  /// Models in one answer, and models that metrics name.
  static let page = 1_000
  /// Points of a history.
  static let points = 1_000
  /// Models in one event `fleet`.
  static let deltaModels = 200
  /// Bytes of a token.
  static let tokenBytes = 16...4_096
}
