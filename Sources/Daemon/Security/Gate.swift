import Events
import ZeroMQ

/// Looks at each message of a secured socket: whether its sender is still let in, and speaks for itself alone.
///
/// One for each thread; without a doorkeeper it lets everything pass. Looking costs no allocation: the sender's key
/// is compared where libzmq keeps it.
struct Gate {
  /// Who sent a message.
  enum Sender: Equatable {
    /// Nobody is asked who he is, or it came by plain ipc.
    case trusted
    /// The place in the list in force.
    case client(Int)
  }

  private let door: Doorkeeper?
  private var list: AllowList?
  private var revision: UInt64

  init(_ door: Doorkeeper?) {
    self.door = door
    // Before the list, so that one that comes between is looked at again.
    revision = door?.currentRevision ?? 0
    list = door?.list
  }

  /// Who sent the message with this user id.
  ///
  /// - Throws: `key_refused` when it is nobody who is let in now.
  mutating func sender(_ user: UnsafeBufferPointer<UInt8>?) throws(Remark) -> Sender {
    guard let door else { return .trusted }
    if door.currentRevision != revision {
      revision = door.currentRevision
      list = door.list
    }
    guard let user else { throw Remark(.keyRefused, "a message without a sender") }
    if let index = list?.index(of: user) { return .client(index) }
    if user.elementsEqual(Doorkeeper.localUser.utf8) { return .trusted }
    throw Remark(
      .keyRefused, "a message of key \(String(decoding: user, as: UTF8.self)), which is in the list no more")
  }

  /// Whether the sender may send this event.
  ///
  /// - Throws: `role_missing` or `source_refused`.
  func admit(_ body: EventBody, of source: SourceName, from sender: Sender) throws(Remark) {
    guard case .client(let index) = sender, let client = list?.clients[index] else { return }
    if case .feedback = body { try Self.require(.acknowledge, of: client) }
    try Self.require(.publish, of: client)
    guard client.sources?.covers(source.text) == true else {
      throw Remark(
        .sourceRefused, "'\(client.name)' speaks for '\(source)', and may for '\(client.sources?.text ?? "")'"
      )
    }
  }

  /// Whether the sender may do something that needs a role.
  ///
  /// - Throws: `role_missing`.
  func require(_ role: ClientRoles, of sender: Sender) throws(Remark) {
    guard case .client(let index) = sender, let client = list?.clients[index] else { return }
    try Self.require(role, of: client)
  }

  private static func require(_ role: ClientRoles, of client: AllowedClient) throws(Remark) {
    guard client.roles.contains(role) else {
      throw Remark(.roleMissing, "'\(client.name)' may \(client.roles), and needs \(role)")
    }
  }
}
