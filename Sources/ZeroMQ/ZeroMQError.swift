import CZeroMQ

/// What libzmq refused, in words an operator can act on.
package struct ZeroMQError: Error, Equatable, CustomStringConvertible {
  /// The libzmq or POSIX error number (`zmq_errno`).
  package let code: CInt
  /// The call that failed and what it was about, such as `bind tcp://127.0.0.1:7410`.
  package let operation: String
  /// A sentence of our own when libzmq's word would mislead; otherwise nil.
  package let detail: String?

  package init(code: CInt, operation: String, detail: String? = nil) {
    self.code = code
    self.operation = operation
    self.detail = detail
  }

  /// The error of the libzmq call that has just failed on this thread.
  static func last(_ operation: @autoclosure () -> String) -> ZeroMQError {
    ZeroMQError(code: tidemark_zmq_errno(), operation: operation())
  }

  /// The context was shut down: every blocking call returns with this, and the thread should end.
  package var isTermination: Bool { code == ETERM }

  /// Somebody else is bound to the address, or it is not free yet.
  package var isAddressInUse: Bool { code == EADDRINUSE }

  package var description: String { "\(operation): \(detail ?? String(cString: zmq_strerror(code)))" }
}
