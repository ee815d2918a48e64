import CZeroMQ

/// The public half of a CURVE key pair: 32 bytes, written as 40 characters of Z85 (ZeroMQ RFC 32).
package struct PublicKey: Hashable, Sendable, CustomStringConvertible {
  /// Characters of a key in Z85: five for each four bytes.
  package static var textBytes: Int { 40 }
  static var rawBytes: Int { 32 }

  /// Z85, 40 bytes of ASCII.
  package let text: String
  let raw: [UInt8]

  /// - Returns: nil unless it is Z85 of 32 bytes.
  package init?(_ text: some StringProtocol) {
    guard let raw = Z85.decodeKey(text) else { return nil }
    self.text = String(text)
    self.raw = raw
  }

  /// - Returns: nil unless it is 32 bytes.
  init?(raw: UnsafeRawBufferPointer) {
    guard raw.count == Self.rawBytes else { return nil }
    self.raw = Array(raw)
    text = Z85.encode(self.raw)
  }

  package var description: String { text }
}

/// The secret half. It is never written by `print`, a log or a mirror, and its bytes are overwritten when the last
/// owner lets go of it.
package final class SecretKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// Unchecked because it is written once, before anybody shares it, and again when nobody does.
  private nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

  /// - Returns: nil unless it is Z85 of 32 bytes.
  package init?(_ text: some StringProtocol) {
    bytes = .allocate(byteCount: PublicKey.rawBytes, alignment: 1)
    guard var raw = Z85.decodeKey(text) else {
      bytes.initializeMemory(as: UInt8.self, repeating: 0)
      return nil
    }
    bytes.copyBytes(from: raw)
    tidemark_wipe(&raw, raw.count)
  }

  deinit {
    tidemark_wipe(bytes.baseAddress, bytes.count)
    bytes.deallocate()
  }

  /// For libzmq, which keeps its own copy.
  var raw: [UInt8] { Array(bytes) }

  /// In Z85, for the one file that it is written to.
  package var text: String { Z85.encode(raw) }

  /// The public key that belongs to it (zmq_curve_public).
  package func publicKey() throws(ZeroMQError) -> PublicKey {
    var secret = Array(text.utf8CString)
    defer { tidemark_wipe(&secret, secret.count) }
    var text = [CChar](repeating: 0, count: PublicKey.textBytes + 1)
    guard zmq_curve_public(&text, secret) == 0 else { throw .last("zmq_curve_public") }
    guard let key = PublicKey(Z85.string(text)) else {
      throw ZeroMQError(code: EINVAL, operation: "zmq_curve_public", detail: "gave no key")
    }
    return key
  }

  package var description: String { "(secret)" }
  package var debugDescription: String { "(secret)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Who somebody is on a CURVE connection.
package struct KeyPair: Sendable {
  package let publicKey: PublicKey
  package let secretKey: SecretKey

  /// The pair of a secret key.
  package init(secretKey: SecretKey) throws(ZeroMQError) {
    publicKey = try secretKey.publicKey()
    self.secretKey = secretKey
  }

  private init(made publicKey: PublicKey, _ secretKey: SecretKey) {
    (self.publicKey, self.secretKey) = (publicKey, secretKey)
  }

  /// A new pair from the system's random numbers (zmq_curve_keypair).
  ///
  /// - Throws: ENOTSUP when libzmq was built without CURVE.
  package static func generate() throws(ZeroMQError) -> KeyPair {
    var publicText = [CChar](repeating: 0, count: PublicKey.textBytes + 1)
    var secretText = publicText
    defer { tidemark_wipe(&secretText, secretText.count) }
    guard zmq_curve_keypair(&publicText, &secretText) == 0 else { throw .last("zmq_curve_keypair") }
    guard let publicKey = PublicKey(Z85.string(publicText)), let secretKey = SecretKey(Z85.string(secretText))
    else { throw ZeroMQError(code: EINVAL, operation: "zmq_curve_keypair", detail: "gave no keys") }
    return KeyPair(made: publicKey, secretKey)
  }
}

/// Whether the libzmq in use speaks CURVE (zmq_has).
package var hasCurve: Bool { zmq_has("curve") == 1 }

/// Z85 (ZeroMQ RFC 32), for keys alone.
enum Z85 {
  private static let alphabet = Array(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)

  /// The 32 bytes of a key; nil for anything else. zmq_z85_decode reads beyond its table for other
  /// characters in some versions, so the text is decoded here.
  static func decodeKey(_ text: some StringProtocol) -> [UInt8]? {
    let text = Array(text.utf8)
    guard text.count == PublicKey.textBytes else { return nil }
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: text.count, by: 5) {
      var value: UInt64 = 0
      for character in text[start..<start + 5] {
        guard let digit = alphabet.firstIndex(of: character) else { return nil }
        value = value * 85 + UInt64(digit)
      }
      guard value <= UInt64(UInt32.max) else { return nil }
      for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
    return bytes
  }

  /// - Parameter bytes: a multiple of four.
  static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 4) {
      let value = bytes[start..<start + 4].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      for divisor in [52_200_625, 614_125, 7_225, 85, 1] as [UInt64] {
        text.append(alphabet[Int(value / divisor % 85)])
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// What C wrote, up to its zero.
  static func string(_ text: [CChar]) -> String {
    String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
