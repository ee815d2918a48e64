import CZeroMQ

/// What libzmq asks the ZAP handler about a connection whose handshake is under way (ZeroMQ RFC 27).
package struct ZAPRequest: Sendable {
  package enum Mechanism: Sendable, Equatable {
    case null
    /// The peer has proved that it holds the secret key of this one.
    case curve(PublicKey)
    case other
  }

  /// What the socket calls itself: ``SocketOption/zapDomain(_:)``.
  package let domain: String
  /// The peer's address; empty for ipc.
  package let address: String
  package let mechanism: Mechanism
  fileprivate let id: [UInt8]

  /// - Parameter frames: an empty one, then as RFC 27 says.
  /// - Returns: nil when they are no request of version 1.0.
  init?(_ frames: UnsafeBufferPointer<UnsafeRawBufferPointer>) {
    guard frames.count >= 7, frames[0].isEmpty, frames[1].elementsEqual("1.0".utf8) else { return nil }
    id = Array(frames[2])
    domain = String(decoding: frames[3], as: UTF8.self)
    address = String(decoding: frames[4], as: UTF8.self)
    let credentials = frames.dropFirst(7)
    switch String(decoding: frames[6], as: UTF8.self) {
    case "NULL" where credentials.isEmpty: mechanism = .null
    case "CURVE":
      guard credentials.count == 1, let key = PublicKey(raw: credentials[7]) else { return nil }
      mechanism = .curve(key)
    default: mechanism = .other
    }
  }
}

/// What is answered about a connection.
package enum ZAPAnswer: Sendable, Equatable {
  /// 200; every message of the connection bears the user id.
  case accepted(userID: String)
  /// 400: the peer is told that it is refused.
  case refused
  /// 300: the connection is cut without a word, and the peer's own library tries again.
  case later
}

/// The socket that libzmq asks about every connection of its context: `inproc://zeromq.zap.01`.
///
/// It is bound before any socket that has a domain. While there is none, connections to sockets with an enforced
/// domain are refused, so a handler that ends shuts the door.
package struct ZAPHandler: ~Copyable {
  private let socket: Socket<Router>
  private let slot: Poller.Slot
  private var poller = Poller()
  private var message = Multipart(isRouted: true)

  /// Binds, on the thread that will run it.
  ///
  /// - Throws: EADDRINUSE when the context has a handler.
  package init(_ context: borrowing Context, stop: Wakeup) throws(ZeroMQError) {
    // libzmq counts its questions against these; one waits for each handshake under way.
    var socket = try Socket<Router>(
      context, linger: .none, options: [.sendHighWaterMark(10_000), .receiveHighWaterMark(10_000)])
    _ = try socket.bind(.inproc(name: "zeromq.zap.01"))
    slot = poller.add(socket)
    _ = poller.add(stop)
    self.socket = socket
  }

  /// Answers until `isStopped`, which is asked whenever the stop is signalled.
  ///
  /// - Parameters:
  ///   - decide: what to answer.
  ///   - onMalformed: told of each message that is no request; it is answered 500.
  package mutating func run(
    isStopped: () -> Bool, decide: (ZAPRequest) -> ZAPAnswer, onMalformed: () -> Void
  ) throws(ZeroMQError) {
    while !isStopped() {
      _ = try poller.wait(milliseconds: nil)
      while poller.isReadable(slot), try socket.receive(into: &message) != .nothing {
        let peer = message.withFrame(0) { Array($0) }
        guard let request = ZAPRequest(message.routedFrames) else {
          onMalformed()
          let id = message.frameCount > 3 ? message.withFrame(3) { Array($0) } : []
          try answer(peer, id, status: "500", text: "malformed request")
          continue
        }
        switch decide(request) {
        case .accepted(let user): try answer(peer, request.id, status: "200", text: "", user: user)
        case .refused: try answer(peer, request.id, status: "400", text: "refused")
        case .later: try answer(peer, request.id, status: "300", text: "later")
        }
      }
    }
  }

  private func answer(
    _ peer: [UInt8], _ id: [UInt8], status: String, text: String, user: String = ""
  ) throws(ZeroMQError) {
    // A connection that has gone meanwhile needs no answer.
    _ = try socket.send(
      message: [peer, [], Array("1.0".utf8), id, Array(status.utf8), Array(text.utf8), Array(user.utf8), []])
  }
}
