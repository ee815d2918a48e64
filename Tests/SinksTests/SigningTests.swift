import Events
import Foundation
import Testing

@testable import Sinks

@Suite struct SigningTests {
  /// The vector that the specification's own libraries test with.
  @Test func theVectorOfStandardWebhooksHolds() throws {
    let key = try #require(StandardWebhook.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    let headers = StandardWebhook(keys: [key]).headers(
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek", wall: Timestamp(nanoseconds: 1_614_265_330_999_999_999),
      body: Array(#"{"test": 2432232314}"#.utf8))
    #expect(
      headers.map { "\($0.name): \($0.value)" } == [
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp: 1614265330",
        "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
      ])
  }

  /// RFC 4231, 4.2 to 4.4, 4.7 and 4.8: key, data, HMAC-SHA-256.
  @Test(arguments: [
    (
      [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
    ),
    (
      [UInt8](repeating: 0xaa, count: 131),
      Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    (
      [UInt8](repeating: 0xaa, count: 131),
      Array(
        ("This is a test using a larger than block-size key and a larger than block-size data. The key "
          + "needs to be hashed before being used by the HMAC algorithm.").utf8),
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    ),
  ])
  func theVectorsOfRFC4231Hold(key: [UInt8], data: [UInt8], expected: String) {
    #expect(StandardWebhook.signature(data, key).map { String(format: "%02x", $0) }.joined() == expected)
  }

  private static let secret = "whsec_" + Data(repeating: 7, count: 24).base64EncodedString()

  @Test func twoSecretsGiveTwoSignaturesAndNoneGivesNone() throws {
    let folder = try Folder()
    let other = "whsec_" + Data(repeating: 8, count: 64).base64EncodedString()
    let both = try StandardWebhook(file: folder.file("both", "\(Self.secret)\n\(other)\n"))
    let value = try #require(both.headers(id: "a", wall: Build.start, body: []).last?.value)
    let parts = value.split(separator: " ")
    #expect(parts.count == 2 && parts[0] != parts[1] && parts.allSatisfy { $0.hasPrefix("v1,") })
    #expect(StandardWebhook(keys: []).headers(id: "a", wall: Build.start, body: []).count == 2)
  }

  @Test(arguments: [
    ("whsec_" + Data(repeating: 7, count: 23).base64EncodedString(), 0o600, "24 to 64 bytes"),
    ("whsec_" + Data(repeating: 7, count: 65).base64EncodedString(), 0o600, "24 to 64 bytes"),
    (Data(repeating: 7, count: 24).base64EncodedString(), 0o600, "want whsec_"),
    ("whsec_???", 0o600, "in base64"),
    ("", 0o600, "is empty"),
    (secret, 0o604, "has mode 604"),
    (secret, 0o620, "has mode 620"),
    ("\(secret)\n\(secret)\n\(secret)", 0o600, "has 3 lines"),
  ])
  func whatIsNoSecretIsRefusedWithoutBeingShown(text: String, mode: Int, words: String) throws {
    let folder = try Folder()
    let file = try folder.file("secret", text, mode: mode)
    let problem = #expect(throws: SecretFile.Problem.self) { try StandardWebhook(file: file) }
    let message = try #require(problem?.message)
    #expect(message.contains(words))
    #expect(text.isEmpty || !message.contains(text.prefix(30)))
  }

  @Test func aTokenIsOneLineThatAHeaderCanHold() throws {
    let folder = try Folder()
    #expect(try SecretFile.line(folder.file("good", "abc-DEF_123\n", mode: 0o640)) == "abc-DEF_123")
    for (name, text) in [("two", "a\nb"), ("space", "a b"), ("control", "a\u{7}"), ("umlaut", "ä")] {
      let file = try folder.file(name, text)
      #expect(throws: SecretFile.Problem.self) { try SecretFile.line(file) }
    }
    let large = try folder.file("large", String(repeating: "x", count: SecretFile.maximumBytes + 1))
    #expect(throws: SecretFile.Problem.self) { try SecretFile.line(large) }
  }

  @Test func aSecretIsNotPrinted() {
    let secret = Secret(Array("hunter2".utf8))
    var dumped = ""
    dump(secret, to: &dumped)
    for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])"] {
      #expect(!text.contains("hunter2") && !text.contains("104"))
    }
    var settings = WebhookSettings(name: "a", url: "https://example.org/")
    settings.access.authorization = secret
    #expect(!"\(settings)".contains("hunter2") && !"\(settings)".contains("104, 117"))
  }
}
