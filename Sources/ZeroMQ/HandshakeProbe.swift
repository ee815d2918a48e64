import CZeroMQ

/// Tries to connect as a peer would, and says what became of the handshake.
package struct HandshakeProbe {
  package enum Outcome: Equatable, Sendable {
    case connected
    /// The other side's ZAP handler refused the key, with this status.
    case refused(status: Int)
    /// The handshake failed for another reason: not the same mechanism, not this server's key, no ZAP handler.
    case failed
    /// Nothing came of it in time.
    case unanswered
  }

  private static let events =
    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED

  /// - Parameters:
  ///   - endpoint: as bound; where all interfaces are, loopback is tried.
  ///   - keys: nil connects in plaintext.
  ///   - patience: the longest wait, in milliseconds.
  package static func connect<Kind: SocketKind>(
    _ context: borrowing Context, as kind: Kind.Type, to endpoint: Endpoint, keys: (KeyPair, PublicKey)?,
    patience: Int
  ) throws(ZeroMQError) -> Outcome {
    let options = keys.map { SocketOption<Kind>.curveClient($0, server: $1) } ?? []
    let socket = try Socket<Kind>(context, linger: .none, options: options)
    var monitor = try Socket<Pair>(
      context, linger: .none, options: [.receiveTimeout(milliseconds: patience)])
    // Named by the socket, which no other has while it lives.
    let name = "handshake-\(UInt(bitPattern: socket.handle))"
    guard zmq_socket_monitor(socket.handle, "inproc://\(name)", events) == 0 else {
      throw .last("zmq_socket_monitor")
    }
    try monitor.connect(.inproc(name: name))
    try socket.connect(endpoint.reachable)
    defer { zmq_socket_monitor(socket.handle, nil, 0) }
    return try outcome(&monitor)
  }

  private static func outcome(_ monitor: inout Socket<Pair>) throws(ZeroMQError) -> Outcome {
    var message = Multipart()
    // 16 bits of event, 32 of value, in the machine's order (zmq_socket_monitor(3)).
    guard try monitor.receive(into: &message, wait: true) == .message, message.frameCount == 2 else {
      return .unanswered
    }
    let (event, value) = message.withFrame(0) { frame in
      frame.count == 6
        ? (
          CInt(frame.loadUnaligned(as: UInt16.self)),
          Int(frame.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
        ) : (0, 0)
    }
    switch event {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .connected
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .refused(status: value)
    default: return .failed
    }
  }
}

extension Endpoint {
  /// Where this machine reaches what is bound here.
  fileprivate var reachable: Endpoint {
    switch self {
    case .tcp("0.0.0.0", let port), .tcp("*", let port): .tcp(host: "127.0.0.1", port: port)
    default: self
    }
  }
}
