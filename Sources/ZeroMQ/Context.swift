import CZeroMQ

/// The owner of a libzmq context: its I/O threads and all sockets made from it.
///
/// `zmq_ctx_term` waits for every socket to close. Each socket therefore keeps the underlying
/// context alive, and it is terminated when the last owner is gone, in whatever order scopes end.
/// A process must not fork after making one (libzmq's threads do not survive it).
package struct Context: ~Copyable, Sendable {
  let storage: Storage

  /// - Parameters:
  ///   - ioThreads: libzmq's own threads; one carries about 1 GB/s (zmq_ctx_set(3)).
  ///   - maxSockets: the bound on sockets made from this context.
  package init(ioThreads: Int = 1, maxSockets: Int = 64) throws(ZeroMQError) {
    guard let pointer = zmq_ctx_new() else { throw .last("zmq_ctx_new") }
    let storage = Storage(pointer)
    try storage.set(ZMQ_IO_THREADS, ioThreads)
    try storage.set(ZMQ_MAX_SOCKETS, maxSockets)
    self.storage = storage
  }

  private init(sharing storage: Storage) { self.storage = storage }

  /// Another owner of the same context, for another thread.
  package func share() -> Context { Context(sharing: storage) }

  /// Makes every blocking call on this context's sockets return an error whose
  /// ``ZeroMQError/isTermination`` is true. Callable from any thread; returns at once.
  package func shutdown() { zmq_ctx_shutdown(storage.pointer) }

  /// The reference that sockets share. Unchecked because libzmq contexts are thread-safe
  /// (zmq_ctx_new(3)) and the pointer never changes.
  final class Storage: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer

    init(_ pointer: UnsafeMutableRawPointer) { self.pointer = pointer }

    func set(_ option: CInt, _ value: Int) throws(ZeroMQError) {
      guard zmq_ctx_set(pointer, option, CInt(clamping: value)) == 0 else {
        throw .last("zmq_ctx_set \(option)")
      }
    }

    deinit {
      // EINTR: a signal arrived while lingering messages were leaving; go on waiting for them.
      while zmq_ctx_term(pointer) == -1, tidemark_zmq_errno() == EINTR {}
    }
  }
}
