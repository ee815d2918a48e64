import Crypto
package import Events
package import Foundation

/// The headers of a webhook by the Standard Webhooks specification 1.0.0 (standardwebhooks.com): an id, the time
/// of the attempt, and HMAC-SHA256 over `ID.TIME.BODY`.
package struct StandardWebhook: Sendable, Equatable {
  /// Bytes of a secret, as the specification has it.
  package static let secretBytes = 24...64
  /// Two, so that one can take the place of the other while both hold.
  package static let maximumSecrets = 2
  static let prefix = "whsec_"

  private let keys: [Secret]

  package init(keys: [Secret]) { self.keys = keys }

  /// Reads `whsec_` and base64, a secret a line.
  package init(file: URL) throws(SecretFile.Problem) {
    let lines = try SecretFile.lines(file)
    guard lines.count <= Self.maximumSecrets else {
      throw .init(
        message: "\(file.path) has \(lines.count) lines, want one or \(Self.maximumSecrets) secrets")
    }
    var keys: [Secret] = []
    for line in lines {
      guard let key = Self.key(line) else {
        throw .init(
          message: "\(file.path) holds no secret, want \(Self.prefix) and "
            + "\(Self.secretBytes.lowerBound) to \(Self.secretBytes.upperBound) bytes in base64")
      }
      keys.append(key)
    }
    self.keys = keys
  }

  static func key(_ line: String) -> Secret? {
    guard line.hasPrefix(prefix), let data = Data(base64Encoded: String(line.dropFirst(prefix.count))),
      secretBytes.contains(data.count)
    else { return nil }
    return Secret([UInt8](data))
  }

  /// - Parameters:
  ///   - id: of printable ASCII; the same at every attempt.
  ///   - wall: when the attempt is made.
  package func headers(id: String, wall: Timestamp, body: [UInt8]) -> [(name: String, value: String)] {
    let time = String(wall.nanoseconds / 1_000_000_000)
    var headers = [(name: "webhook-id", value: id), (name: "webhook-timestamp", value: time)]
    guard !keys.isEmpty else { return headers }
    let signatures = keys.map { key in
      "v1," + Data(Self.signature(Array("\(id).\(time).".utf8) + body, key.reveal)).base64EncodedString()
    }
    headers.append((name: "webhook-signature", value: signatures.joined(separator: " ")))
    return headers
  }

  /// HMAC-SHA256 (RFC 2104), 32 bytes.
  static func signature(_ content: [UInt8], _ key: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: key)))
  }
}
