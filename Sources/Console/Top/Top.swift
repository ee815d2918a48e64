import Events
import Foundation

/// `tidemark top`: what a running daemon watches, live, in a terminal.
package struct Top {
  /// Between two drawings that no key asked for.
  private static let frame = Duration.milliseconds(100)
  /// Ages are told in seconds.
  private static let tick = Duration.seconds(1)
  /// After which an escape byte alone was the key.
  private static let escapePatience = Duration.milliseconds(40)

  private let client: DaemonClient
  private let palette: Palette
  /// Whether the terminal can place letters at all.
  private let isCapable: Bool

  package init(_ client: DaemonClient, environment: [String: String]) {
    self.client = client
    palette = Palette(environment: environment, isTerminal: true)
    isCapable = !["", "dumb"].contains(environment["TERM"] ?? "")
  }

  /// Runs until it is quit.
  ///
  /// - Throws: what to tell whoever started it, when it cannot run.
  package func run() throws(TopFailure) {
    let terminal: TerminalSession?
    let feed: LiveFeed
    do throws(HTTPFailure) {
      terminal = try TerminalSession()
      feed = try LiveFeed(client)
    } catch { throw TopFailure(error.description) }
    guard let terminal, isCapable else {
      throw TopFailure("top needs a terminal; in a pipe, ask \(client.http.address)\(Path.models())")
    }
    feed.start()
    terminal.enter()
    defer { terminal.leave() }
    var loop = Loop(terminal: terminal, feed: feed, painter: Painter(palette))
    while loop.turn() {}
    feed.stop()
  }

  private struct Loop {
    let terminal: TerminalSession
    let feed: LiveFeed
    var painter: Painter
    var keys = KeyParser()
    var state = TopState(now: SystemTime.now)
    var draw = ContinuousClock.now
    var isEnding = false

    /// Waits for what comes next and shows it; false at the end.
    mutating func turn() -> Bool {
      let patience = keys.isWaiting ? Top.escapePatience : max(.zero, draw - .now)
      let readable = awaitReadable([0, terminal.events.descriptor, feed.descriptor], patience)
      if readable[1] { takeSignals() }
      if readable[0] {
        guard let bytes = terminal.readKeys() else { return false }
        press(keys.take(bytes))
      } else if keys.isWaiting {
        press(keys.flush())
      }
      if readable[2] {
        for message in feed.take() { state.take(message) }
        draw = min(draw, .now + Top.frame)
      }
      if !isEnding, .now >= draw { show() }
      return !isEnding
    }

    private mutating func takeSignals() {
      for event in terminal.takeEvents() {
        switch event {
        case .resized: draw = .now
        case .ended: isEnding = true
        case .suspended: suspend()
        case .resumed:
          // Stopped and continued by somebody who did not ask: what is on the screen is not known.
          terminal.enter()
          painter.reset()
          draw = .now
        }
      }
    }

    private mutating func suspend() {
      terminal.suspend()
      painter.reset()
      draw = .now
    }

    private mutating func press(_ pressed: [Key]) {
      for key in pressed where !isEnding {
        state.now = SystemTime.now
        let before = state.interest
        switch state.press(key, terminal.size) {
        case .nothing: break
        case .quit: isEnding = true
        case .suspend: suspend()
        case .refresh:
          painter.reset()
          feed.ask(state.interest)
        }
        if state.interest != before { feed.ask(state.interest) }
        draw = .now
      }
    }

    private mutating func show() {
      state.now = SystemTime.now
      let size = terminal.size
      terminal.write(painter.paint(state.screen(size), size))
      draw = .now + Top.tick
    }
  }
}

/// Why `top` cannot run.
package struct TopFailure: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
