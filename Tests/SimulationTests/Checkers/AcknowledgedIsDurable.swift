import Events
import Wire

/// What was acknowledged stays so, whatever dies afterwards: acknowledgements of an epoch never go back, and
/// nothing that is acknowledged is asked for again.
final class AcknowledgedIsDurable {
  private let world: World
  private var highest: [String: UInt64] = [:]
  private(set) var acknowledgements = 0

  init(_ world: World) { self.world = world }

  func acknowledged(_ source: String, _ epoch: UInt64) -> UInt64 { highest["\(source) \(epoch)"] ?? 0 }

  /// - Parameter source: whose connection it is.
  func replied(_ message: Message, to source: String) {
    guard let header = FramedHeader(message[1]) else { return }
    let key = "\(source) \(header.epoch)"
    let known = highest[key] ?? 0
    if let expected = Text(message[2]).number("expected") {
      world.require(
        expected > known, .acknowledgedIsDurable,
        "\(source): \(expected) is asked for again, acknowledged are \(known)")
    }
    guard FramedHeader.Kind(rawValue: header.kind) == .ack else { return }
    acknowledgements += 1
    world.require(
      header.number >= known, .acknowledgedIsDurable,
      "\(source): \(known) was acknowledged, and then \(header.number)")
    highest[key] = max(known, header.number)
  }
}
