import Synchronization

/// SIGHUP, from the thread that waits for signals to whoever reads the configuration again.
///
/// One that comes while sockets are still being bound is not lost: it is handed over with the first follower.
final class Hangups: Sendable {
  private struct State: Sendable {
    var isWaiting = false
    var follow: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// It came.
  func signal() {
    let follow = state.withLock { state in
      if state.follow == nil { state.isWaiting = true }
      return state.follow
    }
    follow?()
  }

  /// From now on `follow` is called for each.
  func follow(_ follow: @escaping @Sendable () -> Void) {
    let isWaiting = state.withLock { state in
      defer { (state.isWaiting, state.follow) = (false, follow) }
      return state.isWaiting
    }
    if isWaiting { follow() }
  }
}
