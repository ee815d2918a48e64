import CZeroMQ

/// A libzmq socket type, as a phantom type: options and calls that a kind lacks do not compile.
package protocol SocketKind {
  /// The `ZMQ_*` constant of this kind.
  static var rawType: CInt { get }
}

/// A kind that can receive messages of its peers.
package protocol ReceivingKind: SocketKind {}

/// A kind that can send messages to its peers.
package protocol SendingKind: SocketKind {}

/// ZMQ_SUB: receives what it subscribed to; drops silently at its high-water mark.
package enum Subscriber: ReceivingKind {
  package static var rawType: CInt { ZMQ_SUB }
}

/// ZMQ_ROUTER: knows its peers by name; the first frame, in and out, says which.
package enum Router: ReceivingKind, SendingKind {
  package static var rawType: CInt { ZMQ_ROUTER }
}

/// ZMQ_DEALER: asks a ROUTER and is answered, in any order.
package enum Dealer: ReceivingKind, SendingKind {
  package static var rawType: CInt { ZMQ_DEALER }
}

/// ZMQ_XPUB: publishes, and receives its peers' subscriptions as messages.
package enum ExtendedPublisher: ReceivingKind, SendingKind {
  package static var rawType: CInt { ZMQ_XPUB }
}

/// ZMQ_PAIR: one peer in this process; what a socket's monitor speaks to.
package enum Pair: ReceivingKind, SendingKind {
  package static var rawType: CInt { ZMQ_PAIR }
}
