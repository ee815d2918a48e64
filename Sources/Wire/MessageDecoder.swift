package import Events

/// Either encoding, in: the frames of one message become an ``Event``.
///
/// A message whose second frame begins with the framed encoding's magic is framed; two frames of which
/// the second begins with `{` are plain; everything else is malformed.
package struct MessageDecoder {
  private var plain: PlainDecoder
  private var framed: FramedDecoder

  package init(limits: WireLimits = WireLimits()) {
    plain = PlainDecoder(limits: limits)
    framed = FramedDecoder(limits: limits)
  }

  /// - Returns: an event that is valid as long as the frames.
  /// - Throws: the reason why there is none; see ``PlainDecoder`` and ``FramedDecoder``.
  package mutating func decode(_ frames: Frames) throws(Remark) -> Event {
    if frames.count >= 2, FramedHeader.hasMagic(frames[1]) { return try framed.decode(frames) }
    guard frames.count == 2 else {
      throw Remark(.malformed, "\(frames.count) frames without a framed header, want 2")
    }
    return try plain.decode(topic: frames[0], body: frames[1])
  }
}
