package import ZeroMQ

/// Where a command finds a daemon.
package typealias ClientEndpoint = Endpoint

/// An endpoint that is none, with what is allowed.
package struct InvalidEndpoint: Error, CustomStringConvertible {
  package let description: String
}

extension Endpoint {
  /// - Throws: ``InvalidEndpoint``.
  package init(ofDaemon text: String) throws(InvalidEndpoint) {
    do throws(Endpoint.Invalid) { self = try Endpoint(parsing: text) } catch {
      throw InvalidEndpoint(description: error.description)
    }
  }
}
