import CZeroMQ

/// Waits on sockets and file descriptors together (zmq_poll), for one thread.
///
/// It keeps the sockets' handles, so it must not outlive the sockets added to it.
package struct Poller: ~Copyable {
  /// What ``add(_:)`` hands back, to ask about readiness.
  package struct Slot: Sendable { let index: Int }

  private var items: [zmq_pollitem_t] = []

  package init() {}

  package mutating func add<Kind: ReceivingKind>(_ socket: borrowing Socket<Kind>) -> Slot {
    append(zmq_pollitem_t(socket: socket.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0))
  }

  package mutating func add(_ wakeup: Wakeup) -> Slot {
    append(zmq_pollitem_t(socket: nil, fd: wakeup.readEnd, events: Int16(ZMQ_POLLIN), revents: 0))
  }

  private mutating func append(_ item: zmq_pollitem_t) -> Slot {
    items.append(item)
    return Slot(index: items.count - 1)
  }

  /// Waits until something is readable or the time is over; nil waits without end.
  ///
  /// - Returns: how many slots are readable; 0 also when a signal interrupted the wait.
  package mutating func wait(milliseconds: Int?) throws(ZeroMQError) -> Int {
    let count = CInt(items.count)
    let ready = zmq_poll(&items, count, milliseconds ?? -1)
    if ready >= 0 { return Int(ready) }
    guard tidemark_zmq_errno() == EINTR else { throw .last("zmq_poll") }
    return 0
  }

  /// Whether `slot` was readable at the last ``wait(milliseconds:)``.
  package func isReadable(_ slot: Slot) -> Bool { items[slot.index].revents & Int16(ZMQ_POLLIN) != 0 }
}
