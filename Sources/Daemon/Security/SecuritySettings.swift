package import ZeroMQ

/// What `security` in the configuration comes to: CURVE is on, for these clients.
package struct SecuritySettings: Sendable {
  /// How ipc sockets are guarded.
  package enum IPC: String, CaseIterable, Sendable {
    /// By the modes of their files: whoever may open them may do everything.
    case plain
    /// As tcp is.
    case curve
  }

  package var keys: KeyPair
  package var clients: AllowList
  /// Where the clients were read, to read them again.
  package var clientsFile: String
  package var ipc = IPC.plain

  /// What only a restart can change.
  struct Identity: Equatable {
    var key: PublicKey
    var clientsFile: String
    var ipc: IPC
  }

  var identity: Identity { Identity(key: keys.publicKey, clientsFile: clientsFile, ipc: ipc) }

  package init(keys: KeyPair, clients: AllowList, clientsFile: String) {
    self.keys = keys
    self.clients = clients
    self.clientsFile = clientsFile
  }
}

/// The sockets that peers connect to, by what may be done on each.
enum Doorway: String, CaseIterable, Sendable {
  case ingest, features, reliable, output, control

  /// A connection needs one of these; what a message needs is looked at when it comes.
  var roles: ClientRoles {
    switch self {
    case .ingest, .features, .reliable: .publish
    case .output: .consume
    case .control: [.consume, .acknowledge]
    }
  }

  /// What libzmq calls it when it asks about a connection. Plain ipc has a domain of its own, so that no tcp socket
  /// can be taken for one.
  func domain(isPlain: Bool) -> String { isPlain ? "tidemark.\(rawValue).ipc" : "tidemark.\(rawValue)" }

  /// The reverse of ``domain(isPlain:)``.
  static func find(_ domain: String) -> (doorway: Doorway, isPlain: Bool)? {
    for doorway in allCases {
      if domain == doorway.domain(isPlain: false) { return (doorway, false) }
      if domain == doorway.domain(isPlain: true) { return (doorway, true) }
    }
    return nil
  }
}

/// How the daemon's sockets are bound: who may open ipc files, and with which keys.
struct SocketBinding: Sendable {
  var sharing = IPCSharing.ownerOnly
  /// Nil: no encryption and nobody is asked who he is.
  var security: SecuritySettings?

  /// Binds in the order domain, enforcement, keys, address.
  ///
  /// libzmq copies a socket's options into each listener when it is bound, so plain ipc comes first, under NULL,
  /// and everything after the keys is under CURVE.
  ///
  /// - Returns: as bound, in the order given.
  func bind<Kind: SocketKind>(
    _ socket: inout Socket<Kind>, _ endpoints: [Endpoint], as doorway: Doorway
  ) throws(ZeroMQError) -> [Endpoint] {
    var bound = endpoints
    guard let security else {
      for index in endpoints.indices { bound[index] = try socket.bind(endpoints[index], sharing: sharing) }
      return bound
    }
    let isPlain = { (endpoint: Endpoint) in
      if case .ipc = endpoint { security.ipc == .plain } else { false }
    }
    for option in SocketOption<Kind>.zapDomain(doorway.domain(isPlain: true)) { try socket.set(option) }
    for index in endpoints.indices where isPlain(endpoints[index]) {
      bound[index] = try socket.bind(endpoints[index], sharing: sharing)
    }
    for option in SocketOption<Kind>.zapDomain(doorway.domain(isPlain: false)) { try socket.set(option) }
    for option in SocketOption<Kind>.curveServer(security.keys) { try socket.set(option) }
    for index in endpoints.indices where !isPlain(endpoints[index]) {
      bound[index] = try socket.bind(endpoints[index], sharing: sharing)
    }
    return bound
  }
}

extension Configuration {
  /// How its sockets are bound.
  var binding: SocketBinding { SocketBinding(sharing: sockets.ipcSharing, security: security) }
}
