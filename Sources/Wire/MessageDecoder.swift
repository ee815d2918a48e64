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

  /// Of a framed message that could not be decoded, an event that bears the refusal and its number: on a lane
  /// where what is missing is asked for again, a number that nobody could take would stop everything behind it.
  ///
  /// - Returns: nil when topic, epoch or number cannot be read, or it is no numbered message.
  package static func refusal(of frames: Frames, _ remark: Remark) -> Event? {
    guard frames.count >= 2, let header = FramedHeader(parsing: frames[1]), header.epoch > 0,
      header.number > 0,
      ![FramedHeader.Kind.head.rawValue, FramedHeader.Kind.bye.rawValue].contains(header.kind),
      let topic = try? Topic(parsing: frames[0]), let source = topic.source.flatMap(SourceName.init)
    else { return nil }
    return Event(
      header: EventHeader(
        origin: Origin(source: source, model: .unspecified),
        sequence: SequenceNumber(epoch: header.epoch, number: header.number), time: nil, sentAt: nil),
      body: .refused(remark))
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
