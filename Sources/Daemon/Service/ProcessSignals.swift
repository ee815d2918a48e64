import Foundation
import Logging
import Synchronization
import ZeroMQ

/// What signals do to this process.
///
/// SIGTERM and SIGINT ask it to stop, which takes at most ``DrainSchedule/whole``; after that, or at the
/// second of them, it ends as it is. SIGHUP asks to read the configuration again, where there is one to read.
struct ProcessSignals {
  private let log: Logger
  private let notice: ServiceNotice?
  private let onHangup: (@Sendable () -> Void)?

  /// - Parameter onHangup: nil leaves SIGHUP to end the process, as it does by itself.
  init(log: Logger, notice: ServiceNotice? = nil, onHangup: (@Sendable () -> Void)? = nil) {
    (self.log, self.notice, self.onHangup) = (log, notice, onHangup)
  }

  /// What the thread came to; written by it, read after joining it.
  private final class Outcome: Sendable {
    private let value = Mutex<ExitStatus?>(nil)
    var status: ExitStatus? {
      get { value.withLock { $0 } }
      set { value.withLock { $0 = newValue } }
    }
  }

  /// Runs `body` on a thread of its own and waits for signals on this one.
  ///
  /// Must be called before any other thread is made: the signals are blocked here, so that every later
  /// thread, libzmq's among them, leaves them to this one.
  func run(_ body: @escaping @Sendable (StopSignal) -> ExitStatus) -> ExitStatus {
    var signals = block()
    do throws(ZeroMQError) {
      let stop = try StopSignal()
      let outcome = Outcome()
      let thread = try SocketThread(name: "tidemark-serve") {
        outcome.status = body(stop)
        // Wakes the wait below, which then looks at the outcome.
        kill(getpid(), SIGTERM)
      }
      var end: Double?
      while outcome.status == nil {
        let received = Self.wait(for: &signals, until: end)
        if outcome.status != nil { break }
        switch received {
        case nil: endLate()
        case SIGHUP: onHangup?()
        default:
          if stop.isRequested { endNow(by: received ?? SIGTERM) }
          notice?.stopping()
          stop.request()
          end = Self.seconds + Double(DrainSchedule.whole.clampedNanoseconds) / 1e9
        }
      }
      thread.join()
      return outcome.status ?? .system
    } catch {
      log.error("\(error)")
      return .system
    }
  }

  /// Ends the process by the signal itself, so that its parent sees which.
  private func endNow(by signal: Int32) {
    log.warning("asked to stop a second time: ends at once")
    var only = sigset_t()
    sigemptyset(&only)
    sigaddset(&only, signal)
    Foundation.signal(signal, SIG_DFL)
    kill(getpid(), signal)
    pthread_sigmask(SIG_UNBLOCK, &only, nil)
  }

  /// Something outlasted the schedule, such as a thread in the hands of a dead disk: what is committed is
  /// whole, and the rest is not waited for.
  private func endLate() -> Never {
    log.error("not stopped in time: ends as it is, without what was still being stored or sent")
    _exit(ExitStatus.system.rawValue)
  }

  /// The next of these signals; nil when `end` comes first.
  private static func wait(for signals: inout sigset_t, until end: Double?) -> Int32? {
    while true {
      guard let end else {
        var received: Int32 = 0
        if sigwait(&signals, &received) == 0 { return received }
        continue
      }
      let left = max(0, end - seconds)
      var time = timespec(tv_sec: Int(left), tv_nsec: Int(left.truncatingRemainder(dividingBy: 1) * 1e9))
      let received = sigtimedwait(&signals, nil, &time)
      if received > 0 { return received }
      if errno == EAGAIN { return nil }
    }
  }

  private static var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private func block() -> sigset_t {
    signal(SIGPIPE, SIG_IGN)
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    if onHangup != nil { sigaddset(&signals, SIGHUP) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    return signals
  }
}
