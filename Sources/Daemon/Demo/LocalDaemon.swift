import Foundation
import Logging
import Synchronization
package import ZeroMQ

/// A daemon on free loopback ports inside this process, for the demonstration and tests.
package final class LocalDaemon: Sendable {
  package struct Endpoints: Sendable {
    package let ingest: Endpoint
    package let output: Endpoint
  }

  private enum State: Sendable {
    case starting
    case ready(Endpoints)
    case ended
  }

  private let stopSignal: StopSignal
  private let state = Mutex(State.starting)
  private let changed = DispatchSemaphore(value: 0)
  private let thread = Mutex<SocketThread?>(nil)

  package init(_ configuration: Configuration? = nil) throws(ZeroMQError) {
    stopSignal = try StopSignal()
    var configuration = configuration ?? Configuration(name: .init("demo")!)
    configuration.sockets.ingest = [.tcp(host: "127.0.0.1", port: 0)]
    configuration.sockets.output = [.tcp(host: "127.0.0.1", port: 0)]
    configuration.http = nil
    try thread.withLock { (thread) throws(ZeroMQError) in
      thread = try SocketThread(name: "tidemark-demo") { [self, configuration] in
        serve(configuration)
        state.withLock { $0 = .ended }
        changed.signal()
      }
    }
  }

  private func serve(_ configuration: Configuration) {
    var log = Logger(label: "tidemark") { _ in SwiftLogNoOpLogHandler() }
    log.logLevel = .critical
    do throws(ServeFailure) {
      _ = try Serving(configuration: configuration, log: log, stop: stopSignal).run { bound in
        state.withLock { $0 = .ready(Endpoints(ingest: bound.ingest[0], output: bound.output[0])) }
        changed.signal()
      }
    } catch {
      Terminal(descriptor: 2).print("tidemark: \(error)")
    }
  }

  /// The endpoints as bound; nil when the daemon could not start.
  package func waitUntilReady() -> Endpoints? {
    changed.wait()
    guard case .ready(let endpoints) = state.withLock({ $0 }) else { return nil }
    return endpoints
  }

  /// Stops the daemon and waits for its sockets to close; nothing when it has been stopped before.
  package func stop() {
    stopSignal.request()
    let thread = thread.withLock { $0.take() }
    thread?.join()
  }
}
