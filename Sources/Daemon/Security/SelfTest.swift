import ZeroMQ

/// Tries every secured endpoint before the daemon says that it is ready: a key that nobody knows must be refused,
/// and one that is known must be let in, so that a door that is shut to all is not taken for one that chooses.
struct SelfTest {
  /// How long a handshake over loopback may take on a busy machine, in milliseconds.
  static let patience = 5_000

  let door: Doorkeeper
  let settings: SecuritySettings

  /// - Parameter bound: the endpoints as bound.
  func run(_ context: borrowing Context, _ bound: Configuration.Sockets) throws(ServeFailure) {
    for endpoint in bound.ingest { try test(context, ExtendedPublisher.self, endpoint) }
    for endpoint in bound.features { try test(context, ExtendedPublisher.self, endpoint) }
    for endpoint in bound.reliable { try test(context, Dealer.self, endpoint) }
    for endpoint in bound.output { try test(context, Subscriber.self, endpoint) }
    for endpoint in bound.control { try test(context, Dealer.self, endpoint) }
    // What was refused here is nobody's attempt.
    _ = door.takeRefused()
  }

  private func test<Kind: SocketKind>(
    _ context: borrowing Context, _ kind: Kind.Type, _ endpoint: Endpoint
  ) throws(ServeFailure) {
    if case .ipc = endpoint, settings.ipc == .plain { return }
    let known = try keys()
    let admitted = try door.whileVisited(by: known.publicKey) { () throws(ServeFailure) in
      try probe(context, kind, endpoint, known)
    }
    guard admitted == .connected else {
      throw .security("\(endpoint): a key that is known was not let in (\(admitted))")
    }
    let refused = try probe(context, kind, endpoint, keys())
    guard refused == .refused(status: 400) else {
      throw .security("\(endpoint): a key that nobody knows was not refused (\(refused))")
    }
  }

  private func keys() throws(ServeFailure) -> KeyPair {
    try ServeFailure.ofSockets { () throws(ZeroMQError) in try KeyPair.generate() }
  }

  private func probe<Kind: SocketKind>(
    _ context: borrowing Context, _ kind: Kind.Type, _ endpoint: Endpoint, _ keys: KeyPair
  ) throws(ServeFailure) -> HandshakeProbe.Outcome {
    do throws(ZeroMQError) {
      return try HandshakeProbe.connect(
        context, as: kind, to: endpoint, keys: (keys, settings.keys.publicKey), patience: Self.patience)
    } catch { throw .socket(error) }
  }
}
