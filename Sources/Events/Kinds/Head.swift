/// What a source says of itself every so often, so that the loss of its last messages is seen, which a
/// gap cannot show (`head`), or once at its end (`bye`).
package struct Head: Sendable, Equatable {
  /// Messages of this epoch that the source itself dropped, each of which took a number.
  package var dropped: UInt64
  /// How often it says so; nil in a bye.
  package var interval: Duration?
  /// On the lossless lane, the first number that the source can still send.
  package var first: UInt64?

  package init(dropped: UInt64 = 0, interval: Duration? = nil, first: UInt64? = nil) {
    self.dropped = dropped
    self.interval = interval
    self.first = first
  }
}
