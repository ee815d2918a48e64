import Events
import Foundation
import Wire
import ZeroMQ

/// Publishes events in bulk, in the framed encoding, waiting where the daemon is slower and losing none.
struct EventSender: ~Copyable {
  enum Failure: Error {
    /// No daemon subscribed, or it stopped reading, for as long as was to be waited.
    case unheard
    case socket(ZeroMQError)
  }

  private let socket: Socket<ExtendedPublisher>
  private let source: SourceName
  private let epoch: UInt64
  private var encoder = FramedEncoder()
  private var lastOfTopic: [[UInt8]: UInt64] = [:]
  private var number: UInt64 = 0
  private let clock = ServeClock()

  /// Events of our own numbering so far.
  var sent: UInt64 { number }
  /// What the daemon's account calls this run.
  var identity: (source: SourceName, epoch: UInt64) { (source, epoch) }

  /// Connects and waits until a daemon has subscribed.
  ///
  /// - Parameter patience: the longest wait, here and for each message.
  init(
    _ context: borrowing Context, _ endpoint: ClientEndpoint, source: SourceName, patience: Duration
  ) throws(Failure) {
    socket = try Self.subscribed(context, endpoint, Int(patience.clampedNanoseconds / 1_000_000))
    self.source = source
    epoch = UInt64(clamping: clock.now.nanoseconds)
  }

  private static func subscribed(
    _ context: borrowing Context, _ endpoint: ClientEndpoint, _ milliseconds: Int
  ) throws(Failure) -> Socket<ExtendedPublisher> {
    var message = Multipart()
    do throws(ZeroMQError) {
      let socket = try Socket<ExtendedPublisher>(
        context, linger: .milliseconds(milliseconds),
        options: [
          .refuseWhenFull, .sendHighWaterMark(1_000), .sendTimeout(milliseconds: milliseconds),
          .receiveTimeout(milliseconds: milliseconds),
        ] + endpoint.options(ExtendedPublisher.self))
      try socket.connect(endpoint.endpoint)
      if try socket.receive(into: &message, wait: true) == .message { return socket }
    } catch { throw .socket(error) }
    throw .unheard
  }

  /// Sends what happened to one model, as the next number of this source.
  mutating func send(_ body: EventBody, of model: ModelKey, at time: Timestamp?) throws(Failure) {
    guard let kind = body.kind else { return }
    let origin = Origin(source: source, model: model)
    let topic = FramedEncoder.topic(kind, origin)
    let sequence = SequenceNumber(epoch: epoch, number: number + 1)
    let now = clock.now
    let event = Event(
      header: EventHeader(id: .numbered(sequence), origin: origin, time: time ?? now, sequence: sequence),
      body: body)
    guard
      let frames = encoder.encode(event, previous: lastOfTopic[topic] ?? 0, sendTime: now.nanoseconds)
    else { return }
    number += 1
    lastOfTopic[topic] = number
    try send(frames)
  }

  /// Says that this is the end. When the daemon's account shows it, everything before it was read.
  mutating func finish() throws(Failure) {
    let origin = Origin(source: source, model: .unspecified)
    let last = SequenceNumber(epoch: epoch, number: number)
    let event = Event(
      header: EventHeader(id: .numbered(last), origin: origin, sequence: last), body: .bye(Head()))
    if let frames = encoder.encode(event, previous: 0, sendTime: clock.now.nanoseconds) { try send(frames) }
  }

  /// Sends frames as they are.
  func send(_ frames: [[UInt8]]) throws(Failure) {
    for (index, frame) in frames.enumerated() {
      let isTaken: Bool
      do throws(ZeroMQError) {
        isTaken = try socket.send(frame, more: index < frames.count - 1, wait: true)
      } catch { throw .socket(error) }
      guard isTaken else { throw .unheard }
    }
  }
}
