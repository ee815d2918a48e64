import CZeroMQ

/// How long a closing socket may go on sending what is queued. Always explicit: libzmq's own
/// default has differed between versions, and for ever is never right.
package struct Linger: Sendable {
  package let milliseconds: Int

  package static var none: Linger { Linger(milliseconds: 0) }
  package static func milliseconds(_ value: Int) -> Linger { Linger(milliseconds: value) }
}

/// A libzmq socket, owned: closed exactly once, when its owner's scope ends.
///
/// Not `Sendable`: a socket belongs to the thread that made it, and is closed there.
package struct Socket<Kind: SocketKind>: ~Copyable {
  let handle: UnsafeMutableRawPointer
  private let context: Context.Storage
  /// The locks of the ipc paths this socket is bound to.
  private var locks: [IPCLock] = []

  /// - Parameters:
  ///   - context: kept alive until this socket is closed.
  ///   - linger: see ``Linger``.
  ///   - options: set before any bind or connect. IPv6 is off.
  package init(
    _ context: borrowing Context, linger: Linger, options: [SocketOption<Kind>] = []
  ) throws(ZeroMQError) {
    handle = try Self.open(context, linger: linger, options: options)
    self.context = context.storage
  }

  deinit { zmq_close(handle) }

  /// Changes how long it may linger once it is closed.
  package func set(_ linger: Linger) throws(ZeroMQError) {
    try SocketOption<Kind>(number: ZMQ_LINGER, value: .int(CInt(clamping: linger.milliseconds))).set(
      on: handle)
  }

  private static func open(
    _ context: borrowing Context, linger: Linger, options: [SocketOption<Kind>]
  ) throws(ZeroMQError) -> UnsafeMutableRawPointer {
    guard let handle = zmq_socket(context.storage.pointer, Kind.rawType) else { throw .last("zmq_socket") }
    do throws(ZeroMQError) {
      try SocketOption<Kind>(number: ZMQ_LINGER, value: .int(CInt(clamping: linger.milliseconds)))
        .set(on: handle)
      for option in options { try option.set(on: handle) }
    } catch {
      zmq_close(handle)
      throw error
    }
    return handle
  }

  /// Binds and returns the endpoint as bound: port 0 becomes the port that the system chose.
  ///
  /// libzmq unlinks an ipc path before it binds, so a second bind silently steals a live one. Here
  /// a lock file beside the path is taken first, and a path where someone listens is refused; one
  /// left behind by a process that died is taken over.
  ///
  /// - Parameter sharing: who may connect to an ipc path; its owner alone unless said otherwise.
  package mutating func bind(
    _ endpoint: Endpoint, sharing: IPCSharing = .ownerOnly
  ) throws(ZeroMQError) -> Endpoint {
    if case .ipc(let path) = endpoint { locks.append(try IPCLock(path: path, sharing)) }
    let status = IPCLock.withUmask(sharing.umask) { zmq_bind(handle, endpoint.description) }
    guard status == 0 else { throw .last("bind \(endpoint)") }
    if case .ipc(let path) = endpoint { try sharing.giveToGroup(path) }
    return try lastEndpoint()
  }

  /// Takes a tcp endpoint back, as it was bound: its connections are cut.
  package func unbind(_ endpoint: Endpoint) throws(ZeroMQError) {
    guard zmq_unbind(handle, endpoint.description) == 0 else { throw .last("unbind \(endpoint)") }
  }

  /// Sets an option. Most act on what is bound or connected afterwards, and leave alone what is already.
  package func set(_ option: SocketOption<Kind>) throws(ZeroMQError) { try option.set(on: handle) }

  /// Connects; libzmq makes the connection in the background and again whenever it breaks.
  package func connect(_ endpoint: Endpoint) throws(ZeroMQError) {
    guard zmq_connect(handle, endpoint.description) == 0 else { throw .last("connect \(endpoint)") }
  }

  private func lastEndpoint() throws(ZeroMQError) -> Endpoint {
    // 16 bytes beyond the longest that Endpoint allows: "tcp://" + address + port, or "ipc://" + 107.
    let capacity = 512
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) {
      buffer -> String? in
      var size = capacity
      guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, buffer.baseAddress, &size) == 0 else {
        return nil
      }
      return String(cString: buffer.baseAddress!)
    }
    guard let text else { throw .last("zmq_getsockopt LAST_ENDPOINT") }
    do { return try Endpoint(parsing: text) } catch {
      throw ZeroMQError(code: EINVAL, operation: "LAST_ENDPOINT \(text)", detail: error.description)
    }
  }
}

extension Socket where Kind: ReceivingKind {
  /// Receives one whole message into `message`, replacing what it held.
  ///
  /// - Parameter wait: false returns `.nothing` at once when no message waits; true blocks.
  /// - Returns: whether there is a message. One of more frames than `message` has slots is drained
  ///   to its end and reported as `.tooManyFrames`; its first frames are kept, for the account.
  package func receive(into message: inout Multipart, wait: Bool = false) throws(ZeroMQError) -> Receipt {
    try message.receive(from: handle, flags: wait ? 0 : ZMQ_DONTWAIT)
  }
}

extension Socket where Kind: SendingKind {
  /// Sends one frame; the bytes are copied.
  ///
  /// - Parameters:
  ///   - more: true when another frame of the same message follows.
  ///   - wait: false never blocks.
  /// - Returns: false when the socket is full and `wait` is false (EAGAIN), or, on a ROUTER, the peer is gone.
  package func send(_ frame: UnsafeRawBufferPointer, more: Bool, wait: Bool = false) throws(ZeroMQError)
    -> Bool
  {
    let flags = (more ? ZMQ_SNDMORE : 0) | (wait ? 0 : ZMQ_DONTWAIT)
    while zmq_send(handle, frame.baseAddress, frame.count, flags) == -1 {
      switch tidemark_zmq_errno() {
      case EINTR: continue
      case EAGAIN: return false
      // A ROUTER whose peer has gone: nothing can be sent to it, now or later.
      case EHOSTUNREACH: return false
      default: throw .last("zmq_send")
      }
    }
    return true
  }

  /// Sends a whole message without waiting.
  ///
  /// - Returns: false when there is no room, or the peer is gone: only the first frame can meet either, so a
  ///   message goes out whole or not at all.
  package func send(message frames: [[UInt8]]) throws(ZeroMQError) -> Bool {
    for (index, frame) in frames.enumerated() {
      guard try send(frame, more: index < frames.count - 1) else { return false }
    }
    return true
  }

  /// Sends one frame of bytes; see ``send(_:more:wait:)``.
  package func send(_ frame: [UInt8], more: Bool, wait: Bool = false) throws(ZeroMQError) -> Bool {
    try frame.withUnsafeBufferPointer { (bytes) throws(ZeroMQError) in
      try send(UnsafeRawBufferPointer(bytes), more: more, wait: wait)
    }
  }
}
