import NIOCore
import NIOHTTPTypes
import Synchronization

/// Every connection, so that there are at most ``AdminLimits/connections``.
final class Connections: Sendable {
  private struct Entry: Sendable {
    var channel: any Channel
    /// Nil while a request is answered; else in which order it became idle.
    var idleSince: UInt64?
  }

  private struct State: Sendable {
    var open: [ObjectIdentifier: Entry] = [:]
    var clock: UInt64 = 0
  }

  private let state = Mutex(State())

  /// A connection was accepted. The one that has been idle longest makes room; when none is idle, this one goes.
  func add(_ channel: any Channel) {
    let surplus = state.withLock { state -> (any Channel)? in
      var surplus: (any Channel)?
      if state.open.count >= AdminLimits.connections {
        let idle = state.open.filter { $0.value.idleSince != nil }
        guard let oldest = idle.min(by: { $0.value.idleSince ?? 0 < $1.value.idleSince ?? 0 }) else {
          return channel
        }
        surplus = oldest.value.channel
        state.open[oldest.key] = nil
      }
      state.clock += 1
      state.open[ObjectIdentifier(channel)] = Entry(channel: channel, idleSince: state.clock)
      return surplus
    }
    surplus?.close(promise: nil)
  }

  func setIdle(_ isIdle: Bool, _ channel: any Channel) {
    state.withLock { state in
      state.clock += 1
      state.open[ObjectIdentifier(channel)]?.idleSince = isIdle ? state.clock : nil
    }
  }

  func remove(_ channel: any Channel) { state.withLock { $0.open[ObjectIdentifier(channel)] = nil } }

  var count: Int { state.withLock { $0.open.count } }

  func closeAll() {
    for entry in state.withLock({ Array($0.open.values) }) { entry.channel.close(promise: nil) }
  }
}

/// Ends a connection that does not keep to ``AdminLimits``: one that sends its request too slowly, or too much of it,
/// one that is idle, and one that does not read what it is sent. Used on its connection's event loop alone.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let connections: Connections
  private var deadline: Scheduled<Void>?
  private var stall: Scheduled<Void>?
  private var unanswered = 0
  private var bodyBytes = 0
  private var isStreaming = false

  init(_ connections: Connections) { self.connections = connections }

  func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { begin(context) } }

  func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  private func begin(_ context: ChannelHandlerContext) {
    guard deadline == nil else { return }
    connections.add(context.channel)
    schedule(AdminLimits.requestTime, context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    stall?.cancel()
    connections.remove(context.channel)
    context.fireChannelInactive()
  }

  private func schedule(_ time: TimeAmount, _ context: ChannelHandlerContext) {
    deadline?.cancel()
    deadline = Self.close(context.channel, in: time)
  }

  private static func close(_ channel: any Channel, in time: TimeAmount) -> Scheduled<Void> {
    channel.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head:
      unanswered += 1
      bodyBytes = 0
      connections.setIdle(false, context.channel)
      schedule(AdminLimits.requestTime, context)
    case .body(let part):
      bodyBytes += part.readableBytes
      guard bodyBytes <= AdminLimits.bodyBytes else { return context.close(promise: nil) }
    case .end: deadline?.cancel()
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head):
      isStreaming = head.headerFields[.contentType]?.hasPrefix("text/event-stream") ?? false
    case .end:
      unanswered -= 1
      if unanswered == 0 {
        connections.setIdle(true, context.channel)
        schedule(AdminLimits.idleTime, context)
      }
    case .body: break
    }
    context.write(data, promise: promise)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    stall?.cancel()
    stall = context.channel.isWritable ? nil : Self.close(context.channel, in: AdminLimits.stallTime)
    context.fireChannelWritabilityChanged()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // Whoever sends no more and is sent a stream is gone.
    if isStreaming, case ChannelEvent.inputClosed? = event as? ChannelEvent {
      return context.close(promise: nil)
    }
    context.fireUserInboundEventTriggered(event)
  }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}
