import Crypto
package import Events

/// Ids of what is published: digests of the parts that make a thing what it is, so that computing
/// it again after a crash yields the same id.
package enum Identity {
  /// - Parameter subject: the source or the metric that the alert is about, when that is not the model as a
  ///   whole; another part of the digest.
  package static func episode(
    _ monitor: MonitorKind, about subject: String? = nil, ordinal: UInt64, openedAt: Timestamp,
    of model: ModelKey
  ) -> String {
    digest(
      "ep-",
      [
        model.name.text, model.version.text, monitor.rawValue, String(ordinal), String(openedAt.nanoseconds),
      ] + (subject.map { [$0] } ?? []))
  }

  static func assessment(_ kind: String, of publication: Publication) -> String {
    let cause: [String] =
      switch publication.cause {
      case .event(let origin, let id, _): [origin.source.text, id.description]
      case .timer(let deadline): ["", timer(deadline)]
      }
    return digest("as-", [publication.model.name.text, publication.model.version.text, kind] + cause)
  }

  static func timer(_ deadline: Timestamp) -> String { "timer:\(deadline.nanoseconds)" }

  /// `prefix` and the first 40 hexadecimal digits of SHA-256 over the parts, each as its length in
  /// bytes (4, big-endian) and its UTF-8.
  @Sendable package static func digest(_ prefix: String, _ parts: [String]) -> String {
    var hash = SHA256()
    for part in parts {
      withUnsafeBytes(of: UInt32(part.utf8.count).bigEndian) { hash.update(bufferPointer: $0) }
      var part = part
      part.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
    }
    let digest = hash.finalize()
    return String(unsafeUninitializedCapacity: prefix.utf8.count + 40) { buffer in
      var count = buffer.update(fromContentsOf: prefix.utf8)
      for byte in digest.prefix(20) {
        buffer[count] = hex[Int(byte >> 4)]
        buffer[count + 1] = hex[Int(byte & 15)]
        count += 2
      }
      return count
    }
  }

  private static let hex = Array("0123456789abcdef".utf8)
}
