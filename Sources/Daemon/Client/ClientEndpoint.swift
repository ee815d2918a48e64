package import ZeroMQ

/// Where a command finds a daemon, and with which keys.
package struct ClientEndpoint: Sendable, CustomStringConvertible {
  package let endpoint: Endpoint
  /// Nil: in plaintext.
  package let keys: ClientKeys?

  package init(_ endpoint: Endpoint, keys: ClientKeys? = nil) {
    self.endpoint = endpoint
    self.keys = keys
  }

  /// - Throws: ``InvalidEndpoint``.
  package init(ofDaemon text: String, keys: ClientKeys? = nil) throws(InvalidEndpoint) {
    do throws(Endpoint.Invalid) { self.init(try Endpoint(parsing: text), keys: keys) } catch {
      throw InvalidEndpoint(description: error.description)
    }
  }

  package var description: String { endpoint.description }

  /// What a socket needs before it connects there: keep-alive, and the keys.
  func options<Kind: SocketKind>(_ kind: Kind.Type) -> [SocketOption<Kind>] {
    SocketOption<Kind>.tcpKeepAlive(idle: 10, interval: 5, count: 3)
      + (keys.map { SocketOption<Kind>.curveClient($0.pair, server: $0.server) } ?? [])
  }
}

/// The keys of a command that speaks to a daemon with `security`.
package struct ClientKeys: Sendable {
  let pair: KeyPair
  let server: PublicKey

  /// - Parameters:
  ///   - secretFile: of `tidemark keygen`, for its owner alone.
  ///   - server: the daemon's public key, or a file that holds it.
  /// - Throws: what is wrong, with the file's name; holds no secret.
  package init(secretFile: String, server: String) throws(InvalidEndpoint) {
    do throws(KeyFile.Problem) { pair = try KeyFile.readPair(secretFile) } catch {
      throw InvalidEndpoint(description: "\(secretFile) \(error)")
    }
    do throws(KeyFile.Problem) { self.server = try KeyFile.readPublic(server) } catch {
      throw InvalidEndpoint(description: "\(server) \(error)")
    }
  }
}

/// An endpoint that is none, or keys that cannot be had, with what is allowed.
package struct InvalidEndpoint: Error, CustomStringConvertible {
  package let description: String
}
