import Events
import Foundation
import Wire
import ZeroMQ

/// Asks a daemon's control socket, for the commands that act on decisions.
struct ControlClient: ~Copyable {
  enum Failure: Error {
    /// Nothing came in time.
    case unanswered
    case socket(ZeroMQError)
  }

  /// An answer's kind and its JSON object.
  struct Answer {
    var kind: FramedHeader.Kind
    var object: [String: Any]
  }

  /// A request is asked again after this long: what it asks holds however often it is asked.
  private static let repetition = Duration.seconds(2)

  private let context: Context
  private let socket: Socket<Dealer>
  private var poller = Poller()
  private var message = Multipart()
  private let source: SourceName
  private let epoch: UInt64
  private let clock = ServeClock()
  private var number: UInt64 = 0

  /// - Parameter source: who asks.
  init(_ endpoint: ClientEndpoint, source: SourceName) throws(Failure) {
    do throws(ZeroMQError) {
      let context = try Context()
      let socket = try Socket<Dealer>(context, linger: .none, options: endpoint.options(Dealer.self))
      try socket.connect(endpoint.endpoint)
      _ = poller.add(socket)
      self.context = context
      self.socket = socket
    } catch { throw .socket(error) }
    self.source = source
    epoch = UInt64(clamping: clock.now.nanoseconds)
  }

  /// Reports on a decision and waits for the answer.
  mutating func ask(_ feedback: Feedback, patience: Duration) throws(Failure) -> Answer {
    let event = Event(header: nextHeader(), body: .feedback(feedback))
    var encoder = FramedEncoder()
    guard let frames = encoder.encode(event, previous: 0, sendTime: clock.now.nanoseconds) else {
      throw .unanswered
    }
    return try ask(frames, patience: patience)
  }

  /// Says something of alerts and waits for the answer.
  mutating func ask(_ silence: SilenceRequest, patience: Duration) throws(Failure) -> Answer {
    try ask(silence.frames(nextHeader(), sendTime: clock.now), patience: patience)
  }

  private mutating func nextHeader() -> EventHeader {
    number += 1
    let sequence = SequenceNumber(epoch: epoch, number: number)
    return EventHeader(
      id: .numbered(sequence), origin: Origin(source: source, model: .unspecified), sequence: sequence)
  }

  private mutating func ask(_ frames: [[UInt8]], patience: Duration) throws(Failure) -> Answer {
    let end = clock.now.advanced(by: patience)
    do throws(ZeroMQError) {
      while clock.now < end {
        _ = try socket.send(message: frames)
        if let answer = try answer(until: min(end, clock.now.advanced(by: Self.repetition))) { return answer }
      }
    } catch { throw .socket(error) }
    throw .unanswered
  }

  /// The answer to the last request; others are passed over.
  private mutating func answer(until end: Timestamp) throws(ZeroMQError) -> Answer? {
    while true {
      if try socket.receive(into: &message) == .message {
        if let answer = read() { return answer }
        continue
      }
      let left = clock.now.nanoseconds(to: end)
      guard left > 0 else { return nil }
      _ = try poller.wait(milliseconds: Int(left / 1_000_000) + 1)
    }
  }

  private func read() -> Answer? {
    let frames = message.frames
    guard frames.count == 3, let header = FramedHeader(parsing: frames[1]), header.number == number,
      header.epoch == epoch, let kind = FramedHeader.Kind(rawValue: header.kind),
      let object = try? JSONSerialization.jsonObject(with: Data(frames[2])) as? [String: Any]
    else { return nil }
    return Answer(kind: kind, object: object)
  }
}
