import Events
import Wire
import ZeroMQ

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What the daemon's receiving side costs by itself.
///
///     wire-benchmark loop ENDPOINT UNTIL     takes messages, as receive_loop.c does, through the wrapper
///     wire-benchmark parse ENDPOINT UNTIL    and decodes each into an event
///
/// Binds a SUB to ENDPOINT, prints a line of JSON when ready, and another after the first message whose
/// topic begins with UNTIL, or when nothing has come for two minutes.
@main struct WireBenchmark {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, arguments[1] == "loop" || arguments[1] == "parse" else {
      throw Misuse(description: "usage: wire-benchmark loop|parse ENDPOINT UNTIL")
    }
    let endpoint = try Endpoint(parsing: arguments[2])
    let until = Array(arguments[3].utf8)
    let context = try Context()
    var socket = try Socket<Subscriber>(
      context, linger: .none,
      options: [
        .receiveHighWaterMark(1_000), .receiveTimeout(milliseconds: 120_000), .subscribe(""),
      ])
    print(#"{"ready": "\#(try socket.bind(endpoint))"}"#)
    fflush(nil)
    var reception = Reception(until: until)
    if arguments[1] == "loop" {
      try reception.run(socket) { _ in true }
    } else {
      var decoding = Decoding()
      try reception.run(socket) { decoding.decode($0) }
    }
    print(reception.line)
  }
}

struct Misuse: Error, CustomStringConvertible {
  let description: String
}

/// Counts what comes, and times it.
struct Reception {
  let until: [UInt8]
  private var messages = 0
  private var frames = 0
  private var bytes = 0
  private var refused = 0
  private var first: UInt64 = 0
  private var last: UInt64 = 0
  private var hasEnded = false
  private let processorStart = nanoseconds(CLOCK_PROCESS_CPUTIME_ID)

  init(until: [UInt8]) { self.until = until }

  /// - Parameter take: what is done with each message; false when it was refused.
  mutating func run(
    _ socket: borrowing Socket<Subscriber>, _ take: (borrowing Multipart) throws -> Bool
  ) throws {
    var message = Multipart()
    while !hasEnded {
      guard try socket.receive(into: &message, wait: true) != .nothing else { break }
      if messages == 0 { first = nanoseconds(CLOCK_MONOTONIC) }
      messages += 1
      frames += message.frameCount
      for index in 0..<message.frameCount { bytes += message.withFrame(index) { $0.count } }
      if try !take(message) { refused += 1 }
      hasEnded = message.withFrame(0) { $0.starts(with: until) }
    }
    last = nanoseconds(CLOCK_MONOTONIC)
  }

  var line: String {
    let seconds = Double(last - first) / 1e9
    let processorSeconds = Double(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - processorStart) / 1e9
    return """
      {"messages": \(messages), "frames": \(frames), "bytes": \(bytes), "refused": \(refused), \
      "first_ns": \(first), "last_ns": \(last), "seconds": \(seconds), \
      "processor_seconds": \(processorSeconds), "ended": \(hasEnded)}
      """
  }
}

/// The decoder that the daemon uses.
struct Decoding: ~Copyable {
  private var decoder = MessageDecoder()
  /// Where the frames of one message stand, used again for the next.
  private let frames = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(
    capacity: Multipart.maximumFrames)

  deinit { frames.deallocate() }

  /// Whether the message is an event.
  mutating func decode(_ message: borrowing Multipart) -> Bool {
    for index in 0..<message.frameCount {
      // Valid until the next receive, which is when this message has been decoded.
      frames.initializeElement(at: index, to: message.withFrame(index) { $0 })
    }
    guard let event = try? decoder.decode(Frames(rebasing: frames[..<message.frameCount])) else {
      return false
    }
    if case .refused = event.body { return false }
    return true
  }
}

/// Monotonic time is that of the C programs, so that both sides can be compared; processor time is that
/// of all threads of this process.
func nanoseconds(_ clock: clockid_t) -> UInt64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
