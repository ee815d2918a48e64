import CZeroMQ

/// What a receive brought.
package enum Receipt: Equatable, Sendable {
  case nothing
  case message
  /// The message had this many frames, more than a ``Multipart`` holds; the rest were dropped.
  case tooManyFrames(Int)
}

/// One multipart message in reused slots; its frames are read in place, without a copy.
///
/// libzmq keeps messages of up to 33 bytes inside `zmq_msg_t` itself, so a slot must never move:
/// they live on the heap at a fixed address for as long as this value does. A frame's bytes are
/// valid until the next receive. They are unaligned; and a small frame that is kept pins libzmq's
/// 8 KiB receive buffer, so whoever keeps one copies it out.
package struct Multipart: ~Copyable {
  /// The most frames a message may have: topic, header, descriptor and 13 tensors.
  package static var maximumFrames: Int { 16 }

  private let slots: UnsafeMutablePointer<zmq_msg_t>
  /// Where the bytes of each frame stand, once a message is whole.
  private let views: UnsafeMutablePointer<UnsafeRawBufferPointer>
  /// The frames of the last message received, at most ``capacity``.
  package private(set) var frameCount = 0
  /// Frames that it holds.
  private let capacity: Int
  /// The first frame that the peer sent: the second where the first names him.
  private let firstOfPeer: Int

  /// - Parameter isRouted: one more frame, before the others, names the peer.
  package init(isRouted: Bool = false) {
    firstOfPeer = isRouted ? 1 : 0
    capacity = Self.maximumFrames + firstOfPeer
    slots = .allocate(capacity: capacity)
    views = .allocate(capacity: capacity)
    for index in 0..<capacity {
      zmq_msg_init(slots + index)
      (views + index).initialize(to: UnsafeRawBufferPointer(start: nil, count: 0))
    }
  }

  deinit {
    for index in 0..<capacity { zmq_msg_close(slots + index) }
    slots.deallocate()
    views.deallocate()
  }

  /// The bytes of frame `index` (0 ..< ``frameCount``), where libzmq put them.
  package borrowing func withFrame<Result: ~Copyable, Failure: Error>(
    _ index: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(index >= 0 && index < frameCount, "frame index out of range")
    return try body(views[index])
  }

  /// The bytes of every frame, where libzmq put them: valid until the next receive, as long as this value.
  package var frames: UnsafeBufferPointer<UnsafeRawBufferPointer> {
    UnsafeBufferPointer(start: views, count: frameCount)
  }

  /// The same without the first, which names the peer.
  package var routedFrames: UnsafeBufferPointer<UnsafeRawBufferPointer> {
    UnsafeBufferPointer(rebasing: frames.dropFirst())
  }

  /// Who sent the last message, in the words of the ZAP handler: the property `User-Id` of the first frame that
  /// came from the peer, where libzmq keeps it (zmq_msg_gets), without a copy. Nil when no handler was asked about
  /// the connection.
  ///
  /// Valid until the next receive. A peer cannot set it on a connection that a handler was asked about.
  package var userID: UnsafeBufferPointer<UInt8>? {
    guard frameCount > firstOfPeer, let text = tidemark_user_id(slots + firstOfPeer)
    else { return nil }
    return UnsafeRawBufferPointer(start: text, count: tidemark_length(text)).assumingMemoryBound(
      to: UInt8.self)
  }

  mutating func receive(from handle: UnsafeMutableRawPointer, flags: CInt) throws(ZeroMQError) -> Receipt {
    frameCount = 0
    var received = 0
    while true {
      // Past the last slot every frame goes into the last one, so that draining holds one frame.
      let slot = slots + min(received, capacity - 1)
      let size = zmq_msg_recv(slot, handle, flags)
      guard size >= 0 else {
        switch tidemark_zmq_errno() {
        case EINTR: continue
        // A message is readable whole or not at all, so this can only be before the first frame.
        case EAGAIN: return .nothing
        default: throw .last("zmq_msg_recv")
        }
      }
      // Neither moves while the slot is not received into again.
      // What is received is cut to an int in the result alone.
      views[min(received, capacity - 1)] = UnsafeRawBufferPointer(
        start: zmq_msg_data(slot), count: size < CInt.max ? Int(size) : zmq_msg_size(slot))
      received += 1
      guard zmq_msg_more(slot) != 0 else { break }
    }
    frameCount = min(received, capacity)
    return received > capacity ? .tooManyFrames(received) : .message
  }
}
