import ZeroMQ

/// `tidemark demo`: a publisher, the daemon and a subscriber in one process, over real sockets.
///
/// The model is made up and says so: its inputs shift at hour 20 and its accuracy falls with them,
/// until a retrain decision arrives and it is "retrained" on what it sees now.
package struct Demonstration {
  private static let hours = 60
  private static let shiftAt = 20

  private var random: SeededNoise
  private let terminal = Terminal(descriptor: 1)

  package init(seed: UInt64) { random = SeededNoise(seed: seed) }

  package mutating func run() -> ExitStatus {
    do throws(ZeroMQError) {
      let daemon = try LocalDaemon()
      defer { daemon.stop() }
      guard let endpoints = daemon.waitUntilReady() else { return .unavailable }
      guard try play(endpoints) else {
        Terminal(descriptor: 2).print("tidemark: the daemon did not answer")
        return .unavailable
      }
      return .success
    } catch {
      Terminal(descriptor: 2).print("tidemark: \(error)")
      return .system
    }
  }

  /// Returns false when the daemon does not answer.
  private mutating func play(_ endpoints: LocalDaemon.Endpoints) throws(ZeroMQError) -> Bool {
    terminal.print(
      terminal.styled("A model is served. Its inputs will shift at hour \(Self.shiftAt).", .bold))
    let context = try Context()
    let events = try Socket<ExtendedPublisher>(
      context, linger: .milliseconds(1_000), options: [.receiveTimeout(milliseconds: 10_000)])
    try events.connect(endpoints.ingest)
    let outputs = try Socket<Subscriber>(
      context, linger: .none, options: [.subscribe(""), .receiveTimeout(milliseconds: 100)])
    try outputs.connect(endpoints.output)

    // The daemon has subscribed to us once its subscription arrives here.
    var message = Multipart()
    guard try events.receive(into: &message, wait: true) == .message else { return false }
    var stream = DemoStream(events: events, outputs: outputs)
    guard try stream.join() else { return false }

    var decisions = 0
    try stream.publishBaseline(&random, shift: 0, accuracy: 0.92)
    for hour in 0..<Self.hours {
      let isShifted = hour >= Self.shiftAt
      let accuracy = (isShifted && decisions == 0 ? 0.71 : 0.92) + 0.01 * random.normal()
      guard
        let outputs = try stream.serve(&random, hour: hour, shift: isShifted ? 3 : 0, accuracy: accuracy)
      else { return false }
      for output in outputs { show(output, hour: hour) }
      guard outputs.contains(where: \.isDecision) else { continue }
      decisions += 1
      terminal.print("hour \(hour)  " + terminal.styled("the model is retrained on what it sees now", .green))
      try stream.publishBaseline(&random, shift: 3, accuracy: 0.92)
    }
    terminal.print(
      terminal.styled("\(stream.sent) events sent, every hour of \(Self.hours) answered, ", .bold)
        + terminal.styled("\(decisions) decision\(decisions == 1 ? "" : "s") to retrain.", .bold))
    terminal.print("Next: 'tidemark serve', and publish to it as 'tidemark serve --help' shows.")
    return true
  }

  private func show(_ output: DemoStream.Received, hour: Int) {
    guard let text = output.text else { return }
    let style: Terminal.Style =
      output.isDecision ? .yellow : output.type.contains(".resolved.") ? .green : .red
    terminal.print("hour \(hour)  " + terminal.styled(text, style))
  }
}

/// Normal noise from a seed (SplitMix64; Steele, Lea, Flood 2014), by the sum of twelve uniforms.
struct SeededNoise {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  private mutating func uniform() -> Double {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
  }

  mutating func normal() -> Double { (0..<12).reduce(-6) { sum, _ in sum + uniform() } }
}
