import CZeroMQ

/// One option of a socket of kind `Kind`; the factories below exist only on the kinds that have them.
///
/// Heartbeats are absent on purpose: with libzmq 4.3.4, ZMQ_HEARTBEAT_* on a receiving socket whose
/// queue is full aborts the process or loses accepted messages (libzmq issues 3937, 4364, 4767);
/// TCP keep-alive finds dead peers instead. ZMQ_CONFLATE is absent since it keeps one frame of a
/// multipart message.
package struct SocketOption<Kind: SocketKind>: Sendable {
  enum Value: Sendable {
    case int(CInt)
    case int64(Int64)
    case bytes([UInt8])
  }

  let number: CInt
  let value: Value

  func set(on handle: UnsafeMutableRawPointer) throws(ZeroMQError) {
    let status: CInt =
      switch value {
      case .int(var value): zmq_setsockopt(handle, number, &value, MemoryLayout<CInt>.size)
      case .int64(var value): zmq_setsockopt(handle, number, &value, MemoryLayout<Int64>.size)
      case .bytes(let bytes): zmq_setsockopt(handle, number, bytes, bytes.count)
      }
    guard status == 0 else { throw .last("zmq_setsockopt \(number)") }
  }

  private static func int(_ number: CInt, _ value: Int) -> SocketOption {
    SocketOption(number: number, value: .int(CInt(clamping: value)))
  }

  /// ZMQ_MAXMSGSIZE: the largest frame in bytes; a peer that sends a larger one is disconnected.
  package static func maximumFrameSize(_ bytes: Int) -> SocketOption {
    SocketOption(number: ZMQ_MAXMSGSIZE, value: .int64(Int64(bytes)))
  }

  /// TCP keep-alive: first probe after `idle` seconds, then every `interval`, dead after `count`.
  package static func tcpKeepAlive(idle: Int, interval: Int, count: Int) -> [SocketOption] {
    [
      int(ZMQ_TCP_KEEPALIVE, 1), int(ZMQ_TCP_KEEPALIVE_IDLE, idle),
      int(ZMQ_TCP_KEEPALIVE_INTVL, interval), int(ZMQ_TCP_KEEPALIVE_CNT, count),
    ]
  }

  /// ZMQ_HANDSHAKE_IVL: a connection that has not shaken hands by then is closed.
  package static func handshakeTimeout(milliseconds: Int) -> SocketOption {
    int(ZMQ_HANDSHAKE_IVL, milliseconds)
  }

  /// ZMQ_BACKLOG: connections that may wait to be accepted.
  package static func backlog(_ connections: Int) -> SocketOption { int(ZMQ_BACKLOG, connections) }
}

extension SocketOption {
  /// CURVE, as the side that binds: only peers that know the server's public key and hold a key that the ZAP
  /// handler accepts are connected.
  package static func curveServer(_ keys: KeyPair) -> [SocketOption] {
    [int(ZMQ_CURVE_SERVER, 1), SocketOption(number: ZMQ_CURVE_SECRETKEY, value: .bytes(keys.secretKey.raw))]
  }

  /// CURVE, as the side that connects: to nobody who does not hold the secret key of `server`.
  package static func curveClient(_ keys: KeyPair, server: PublicKey) -> [SocketOption] {
    [
      SocketOption(number: ZMQ_CURVE_SERVERKEY, value: .bytes(server.raw)),
      SocketOption(number: ZMQ_CURVE_PUBLICKEY, value: .bytes(keys.publicKey.raw)),
      SocketOption(number: ZMQ_CURVE_SECRETKEY, value: .bytes(keys.secretKey.raw)),
    ]
  }

  /// Every connection is asked about at the ZAP handler (ZeroMQ RFC 27) under this name, and refused when there is
  /// no handler.
  ///
  /// The second option is ZMQ_ZAP_ENFORCE_DOMAIN, which the library takes (4.3.0 and later) and its stable header
  /// does not name. Without it, CURVE without a live handler lets everybody in.
  package static func zapDomain(_ domain: String) -> [SocketOption] {
    [SocketOption(number: ZMQ_ZAP_DOMAIN, value: .bytes(Array(domain.utf8))), int(93, 1)]
  }
}

extension SocketOption where Kind: ReceivingKind {
  /// ZMQ_RCVHWM: messages that wait per peer before its connection stops being read or drops.
  package static func receiveHighWaterMark(_ messages: Int) -> SocketOption {
    int(ZMQ_RCVHWM, messages)
  }

  /// ZMQ_RCVTIMEO: how long a blocking receive waits.
  package static func receiveTimeout(milliseconds: Int) -> SocketOption {
    int(ZMQ_RCVTIMEO, milliseconds)
  }
}

extension SocketOption where Kind: SendingKind {
  /// ZMQ_SNDHWM: messages that wait per peer before the socket drops or refuses.
  package static func sendHighWaterMark(_ messages: Int) -> SocketOption {
    int(ZMQ_SNDHWM, messages)
  }

  /// ZMQ_SNDTIMEO: how long a blocking send waits.
  package static func sendTimeout(milliseconds: Int) -> SocketOption {
    int(ZMQ_SNDTIMEO, milliseconds)
  }
}

extension SocketOption where Kind == Subscriber {
  /// ZMQ_SUBSCRIBE: receive topics that begin with these bytes; "" is all.
  package static func subscribe(_ prefix: String) -> SocketOption {
    SocketOption(number: ZMQ_SUBSCRIBE, value: .bytes(Array(prefix.utf8)))
  }

  /// ZMQ_UNSUBSCRIBE: takes one subscription to these bytes back.
  package static func unsubscribe(_ prefix: String) -> SocketOption {
    SocketOption(number: ZMQ_UNSUBSCRIBE, value: .bytes(Array(prefix.utf8)))
  }
}

extension SocketOption where Kind == Router {
  /// ZMQ_ROUTER_MANDATORY: a message to a peer that is gone or full is an error, not dropped in silence.
  package static var mandatory: SocketOption { int(ZMQ_ROUTER_MANDATORY, 1) }
}

extension SocketOption where Kind == ExtendedPublisher {
  /// ZMQ_XPUB_VERBOSE: hand up every subscription, also of a topic that has one already.
  package static var verbose: SocketOption { int(ZMQ_XPUB_VERBOSE, 1) }

  /// ZMQ_XPUB_NODROP: refuse with EAGAIN instead of dropping. For a client that publishes in bulk;
  /// never for a daemon, where one stalled subscriber would stop all.
  package static var refuseWhenFull: SocketOption { int(ZMQ_XPUB_NODROP, 1) }
}
