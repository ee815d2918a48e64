import Events
import Foundation
import Wire
import ZeroMQ

/// A reader of a daemon's outputs, for the commands that show them.
struct OutputReader: ~Copyable {
  /// One message, as it came.
  struct Heard {
    var topic: String
    /// Nil for the two frames of a daemon older than the framed encoding.
    var header: FramedHeader?
    /// The last frame.
    var body: [UInt8]
    /// Messages lost before it; where nobody can count, 1 stands for at least one.
    var lost: UInt64 = 0

    var kind: Substring { topic.prefix { $0 != "/" } }
    var isSign: Bool { kind == "head" || kind == "bye" }
    /// The last part of the topic, by whose numbers it was counted.
    var source: Substring { topic.suffix(while: { $0 != "/" }) }
    /// The body as an object; nil when it is none.
    var object: [String: Any]? {
      try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
    }
  }

  private let context: Context
  private var socket: Socket<Subscriber>
  private var poller = Poller()
  private var message = Multipart()
  private var accounts: [Substring: ReaderAccount] = [:]
  private let coversDurable: Bool
  private let coversLive: Bool

  /// - Parameters:
  ///   - prefixes: topics to subscribe to; heads and byes are added behind them.
  init(_ endpoint: ClientEndpoint, prefixes: [String]) throws(ZeroMQError) {
    let context = try Context()
    let socket = try Socket<Subscriber>(
      context, linger: .none,
      options: [.receiveHighWaterMark(10_000), .maximumFrameSize(1 << 30)]
        + (prefixes + ["head/", "bye/"]).map { .subscribe($0) }
        + endpoint.options(Subscriber.self))
    try socket.connect(endpoint.endpoint)
    _ = poller.add(socket)
    let all = Set(prefixes)
    coversDurable = all.contains("") || all.isSuperset(of: ["alert/", "decision/"])
    coversLive = all.contains("") || all.isSuperset(of: ["assessment/", "status/"])
    self.context = context
    self.socket = socket
  }

  /// Asks for a prefix once more, which a daemon answers by a head and what belongs to it.
  mutating func subscribeAgain(_ prefix: String) throws(ZeroMQError) {
    for option in [SocketOption<Subscriber>.unsubscribe(prefix), .subscribe(prefix)] {
      try socket.set(option)
    }
  }

  /// The next message that is no duplicate; nil when none came in time.
  mutating func next(milliseconds: Int) throws(ZeroMQError) -> Heard? {
    let end = ContinuousClock.now + .milliseconds(milliseconds)
    while true {
      if try socket.receive(into: &message) == .message {
        if let heard = read() { return heard }
        continue
      }
      let left = (end - .now) / .milliseconds(1)
      guard left > 0 else { return nil }
      _ = try poller.wait(milliseconds: Int(left.rounded(.up)))
    }
  }

  /// Nil for a duplicate, and for what is not of this protocol.
  private mutating func read() -> Heard? {
    let frames = message.frames
    guard frames.count >= 2, let last = frames.last else { return nil }
    var heard = Heard(topic: String(decoding: frames[0], as: UTF8.self), body: Array(last))
    guard frames.count >= 3, let header = FramedHeader(parsing: frames[1]) else { return heard }
    guard header.majorVersion == FramedHeader.major else { return nil }
    heard.header = header
    let isExact = heard.source.hasSuffix(".live") ? coversLive : coversDurable
    var account = accounts[heard.source] ?? ReaderAccount(isExact: isExact)
    defer { accounts[heard.source] = account }
    if heard.isSign {
      heard.lost = account.takeSign(header)
    } else {
      guard case .taken(let lost) = account.take(header, topic: frames[0]) else { return nil }
      heard.lost = lost
    }
    return heard
  }

  /// The frames of the last message, each in hexadecimal on a line, as `decode` reads them.
  var dump: String {
    message.frames.map { $0.isEmpty ? "-" : $0.map(Hexadecimal.digits).joined() }.joined(separator: "\n")
  }
}

extension StringProtocol {
  /// The characters behind the last that is not one of `isTaken`.
  fileprivate func suffix(while isTaken: (Character) -> Bool) -> SubSequence {
    let start = lastIndex { !isTaken($0) }.map { index(after: $0) } ?? startIndex
    return self[start...]
  }
}
