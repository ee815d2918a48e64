import Events
import Journal
import Wire

/// Nothing is seen by anybody that is not in the journal, byte for byte, and before it is committed; a number
/// stands for the same bytes for ever; a head counts nothing that is not stored; and what is stored is sent.
final class PublishedIsStored {
  private let world: World
  private var messages: [UInt64: StoredMessage] = [:]
  private var last: UInt64 = 0
  /// Sent to whoever was there.
  private var live: Set<UInt64> = []
  /// All that was ever stored, whether or not it still is.
  private(set) var order: [StoredMessage] = []

  init(_ world: World) { self.world = world }

  func stored(_ message: StoredMessage) {
    world.require(
      messages[message.number] == nil, .noDecisionDoubled, "number \(message.number) is given twice")
    world.require(
      message.number == last + 1, .noDecisionLost, "number \(message.number) is stored after \(last)")
    messages[message.number] = message
    order.append(message)
    last = message.number
  }

  func sent(_ number: UInt64, _ topic: [UInt8], _ header: [UInt8], _ body: [UInt8]) {
    guard let stored = messages[number] else {
      return world.violate(.publishedIsStored, "message \(number) was sent and is not stored")
    }
    var header = header
    header[11] &= ~UInt8(FramedHeader.Flags.replayed.rawValue)
    world.require(
      stored.topic == topic && stored.header == header && stored.body == body, .publishedIsStored,
      "message \(number) was sent with other bytes than are stored")
  }

  /// A message left the daemon.
  func left(_ number: UInt64) { live.insert(number) }

  /// Long after they were stored.
  func requireSent(_ messages: [StoredMessage]) {
    for message in messages {
      world.require(
        live.contains(message.number), .publishedIsStored,
        "message \(message.number) is stored and was not sent")
    }
  }

  func headed(_ number: UInt64) {
    world.require(number <= last, .publishedIsStored, "a head counts \(number), stored are \(last)")
  }
}
