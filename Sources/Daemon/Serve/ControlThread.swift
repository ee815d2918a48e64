import Foundation
import Journal
import Logging
import Synchronization
import ZeroMQ

/// The control socket's thread; its socket is bound once this exists.
final class ControlThread: Sendable {
  /// Its socket belongs to the thread, which says here what came of it.
  private final class Start: Sendable {
    private let result = Mutex<Result<[Endpoint], ZeroMQError>?>(nil)
    private let changed = DispatchSemaphore(value: 0)

    func say(_ outcome: Result<[Endpoint], ZeroMQError>) {
      result.withLock { $0 = outcome }
      changed.signal()
    }

    func wait() throws(ZeroMQError) -> [Endpoint] {
      changed.wait()
      return try result.withLock { $0 }?.get() ?? []
    }
  }

  private let exchange: ControlExchange
  private let thread = Mutex<SocketThread?>(nil)
  let endpoints: [Endpoint]

  /// Starts the thread and waits until its socket is bound.
  ///
  /// - Parameter reader: nil without a journal.
  init(
    _ context: borrowing Context, _ configuration: Configuration, exchange: ControlExchange,
    door: Doorkeeper?, reader: JournalReader?, epoch: UInt64, clock: ServeClock, log: Logger
  ) throws(ZeroMQError) {
    self.exchange = exchange
    let start = Start()
    let shared = Shared(context.share())
    try thread.withLock { (thread) throws(ZeroMQError) in
      thread = try SocketThread(name: "tidemark-control") {
        guard let context = shared.take() else { return }
        do throws(ZeroMQError) {
          var port = try ControlPort(
            context, name: configuration.name, endpoints: configuration.sockets.control,
            binding: configuration.binding, door: door, exchange: exchange, reader: reader, epoch: epoch,
            clock: clock)
          start.say(.success(port.endpoints))
          try port.run()
        } catch {
          log.error("control: \(error)")
          start.say(.failure(error))
        }
      }
    }
    do throws(ZeroMQError) { endpoints = try start.wait() } catch {
      let ended = thread.withLock { $0.take() }
      ended?.join()
      throw error
    }
  }

  /// Hands a context over to another thread.
  private final class Shared: Sendable {
    private let context: Mutex<Context?>
    init(_ context: consuming sending Context) { self.context = Mutex(context) }
    func take() -> Context? { context.withLock { $0.take() } }
  }

  /// Ends the thread; nothing when it has ended.
  func stop() {
    exchange.stop()
    let running = thread.withLock { $0.take() }
    running?.join()
  }
}
