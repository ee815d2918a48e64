import Synchronization
import ZeroMQ

/// Tells a polling thread to stop, from any other thread.
final class StopSignal: Sendable {
  let wakeup: Wakeup
  private let flag = Atomic(false)
  private let followers = Mutex<[@Sendable () -> Void]>([])

  init() throws(ZeroMQError) { wakeup = try Wakeup() }

  var isRequested: Bool { flag.load(ordering: .acquiring) }

  func request() {
    // Before the thread hears of it: who is asked whether it serves says no first.
    for follow in followers.withLock({ $0 }) { follow() }
    flag.store(true, ordering: .releasing)
    wakeup.signal()
  }

  /// `follow` is called by whoever requests, or at once when somebody has.
  func onRequest(_ follow: @escaping @Sendable () -> Void) {
    followers.withLock { $0.append(follow) }
    if isRequested { follow() }
  }
}
