import Foundation

/// A terminal as a full screen of raw keys, given back as it was found: at the end, while suspended, and when the
/// process crashes.
///
/// The signals that matter are blocked in all threads and taken by one that waits for them, so that no code of
/// ours runs inside a handler, but for the one of a crash.
final class TerminalSession {
  enum Event: UInt8 {
    case resized = 1
    case ended, suspended, resumed
  }

  /// The other screen, no cursor, and no wrapping: a letter whose width was misjudged moves nothing but its line.
  private static let entering = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[2J"
  static let leaving = "\u{1b}[0m\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"

  private let saved: termios
  let events: WakePipe
  private var isEntered = false

  /// Nil when standard input or output is no terminal. To be called before other threads are started, which
  /// inherit the blocked signals.
  init?() throws(HTTPFailure) {
    var settings = termios()
    guard isatty(1) == 1, tcgetattr(0, &settings) == 0 else { return nil }
    saved = settings
    events = try WakePipe()
    CrashRestoration.prepare(settings)
    takeSignals()
  }

  private func takeSignals() {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT] {
      sigaddset(&signals, number)
    }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let awaited = signals
    let events = events
    Thread.detachNewThread {
      var awaited = awaited
      while true {
        var number: Int32 = 0
        guard sigwait(&awaited, &number) == 0 else { return }
        switch number {
        case SIGWINCH: events.signal(Event.resized.rawValue)
        case SIGTSTP: events.signal(Event.suspended.rawValue)
        case SIGCONT: events.signal(Event.resumed.rawValue)
        default: events.signal(Event.ended.rawValue)
        }
      }
    }
  }

  /// What happened since it was asked last.
  func takeEvents() -> [Event] { events.drain().compactMap(Event.init) }

  var size: ScreenSize {
    var size = winsize()
    guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0 else { return ScreenSize(columns: 0, rows: 0) }
    return ScreenSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }

  func enter() {
    var raw = saved
    // Keys as they come, without echo, signals or flow control.
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
    raw.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR | ISTRIP)
    tcsetattr(0, TCSAFLUSH, &raw)
    CrashRestoration.isNeeded = true
    write(Self.entering)
    isEntered = true
  }

  func leave() {
    guard isEntered else { return }
    isEntered = false
    write(Self.leaving)
    var settings = saved
    // What was typed and not read is not for the shell.
    tcsetattr(0, TCSAFLUSH, &settings)
    CrashRestoration.isNeeded = false
  }

  /// Stops the process as ctrl-Z does, and returns when it goes on. Where no shell could make it go on, the
  /// system does not stop it.
  func suspend() {
    leave()
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTSTP)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    pthread_kill(pthread_self(), SIGTSTP)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    enter()
  }

  /// What was typed; nil when the terminal has gone.
  func readKeys() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 1_024)
    let count = read(0, &bytes, bytes.count)
    if count < 0 && (errno == EINTR || errno == EAGAIN) { return [] }
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }

  func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let written = Foundation.write(1, rest.baseAddress, rest.count)
        if written < 0 && (errno == EINTR || errno == EAGAIN) {
          _ = awaitWritable()
          continue
        }
        guard written > 0 else { return }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }
  }

  private func awaitWritable() -> Bool {
    var entry = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
    return poll(&entry, 1, 1_000) > 0
  }
}

/// Gives the terminal back when the process is ended by a fault of its own.
///
/// The handler calls nothing but `write`, `tcsetattr`, `sigaction` and `raise`, which may be called there, on memory that was
/// made before.
private enum CrashRestoration {
  private struct Prepared {
    var settings: termios
    var text: UnsafeMutableBufferPointer<UInt8>
    var before: UnsafeMutablePointer<sigaction>
  }

  private static let signals = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT]
  /// Written once before any handler is installed, and read by handlers alone.
  nonisolated(unsafe) private static var prepared: UnsafeMutablePointer<Prepared>?
  /// One byte, so that it is never seen half written; lives as long as the process.
  nonisolated(unsafe) private static let need = {
    let flag = UnsafeMutablePointer<Bool>.allocate(capacity: 1)
    flag.initialize(to: false)
    return flag
  }()

  static var isNeeded: Bool {
    get { need.pointee }
    set { need.pointee = newValue }
  }

  static func prepare(_ settings: termios) {
    isNeeded = false
    let text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: TerminalSession.leaving.utf8.count)
    _ = text.initialize(from: TerminalSession.leaving.utf8)
    let before = UnsafeMutablePointer<sigaction>.allocate(capacity: 65)
    before.initialize(repeating: sigaction(), count: 65)
    let memory = UnsafeMutablePointer<Prepared>.allocate(capacity: 1)
    memory.initialize(to: Prepared(settings: settings, text: text, before: before))
    prepared = memory
    for number in signals {
      var action = sigaction()
      #if canImport(Darwin)
        action.__sigaction_u.__sa_handler = restore
      #else
        action.__sigaction_handler.sa_handler = restore
      #endif
      sigaction(number, &action, &before[Int(number)])
    }
  }

  /// The signal is sent again and meets what was there before.
  private static let restore: @convention(c) (Int32) -> Void = { number in
    guard let prepared else { return }
    if need.pointee {
      _ = Foundation.write(1, prepared.pointee.text.baseAddress, prepared.pointee.text.count)
      tcsetattr(0, TCSANOW, &prepared.pointee.settings)
    }
    sigaction(number, &prepared.pointee.before[Int(number)], nil)
    // Blocked until this returns; a fault would come again by itself, but not what another process sent.
    raise(number)
  }
}
