import CZeroMQ

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A dedicated thread for sockets: made, used and closed in `body`, never hopping as tasks do.
package struct SocketThread: ~Copyable {
  private let thread: pthread_t

  /// Starts the thread. Signals that the caller blocked stay blocked in it.
  ///
  /// - Parameter name: shown by `ps -T`; 15 bytes at most are kept (prctl(2), PR_SET_NAME).
  package init(name: String, _ body: @escaping @Sendable () -> Void) throws(ZeroMQError) {
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    #if canImport(Darwin)
      var created: pthread_t?
    #else
      var created = pthread_t()
    #endif
    let status = pthread_create(&created, nil, runSocketThread, start.toOpaque())
    guard status == 0 else {
      start.release()
      throw ZeroMQError(code: status, operation: "pthread_create")
    }
    #if canImport(Darwin)
      thread = created!
    #else
      thread = created
    #endif
  }

  /// Waits for `body` to return.
  package consuming func join() { pthread_join(thread, nil) }
}

private final class Start: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = String(decoding: name.utf8.prefix(15), as: UTF8.self)
    self.body = body
  }
}

#if canImport(Darwin)
  private func runSocketThread(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    tidemark_name_thread(start.name)
    start.body()
    return nil
  }
#else
  private func runSocketThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
    tidemark_name_thread(start.name)
    start.body()
    return nil
  }
#endif
