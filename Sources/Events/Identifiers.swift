/// A model's name: 1 to 80 bytes of UTF-8 once percent-encoded for a topic.
package struct ModelName: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Topic bytes: 10 for `assessment` + 80 + 40 + 67 for the daemon's name and `.live` + 3 separators = 200.
  package static let maximumEncodedBytes = 80

  /// Nil when empty or too long.
  package init?(_ text: String) {
    guard (1...Self.maximumEncodedBytes).contains(TopicSegment.encodedLength(of: text)) else { return nil }
    self.text = text
  }

  package var description: String { text }
}

/// A model's version; a model without one has ``none``, written `-`.
package struct ModelVersion: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  package static let none = ModelVersion(unchecked: "-")
  /// See ``ModelName/maximumEncodedBytes``.
  package static let maximumEncodedBytes = 40

  /// Nil when empty or too long.
  package init?(_ text: String) {
    guard (1...Self.maximumEncodedBytes).contains(TopicSegment.encodedLength(of: text)) else { return nil }
    self.text = text
  }

  private init(unchecked text: String) { self.text = text }

  package var description: String { text }
}

/// Who sent an event: a CloudEvents `source`, 1 to 180 bytes once percent-encoded.
package struct SourceName: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// A topic of 200 bytes, less the shortest kind, model and version with their separators.
  package static let maximumEncodedBytes = 180

  /// Nil when empty or too long.
  package init?(_ text: String) {
    guard (1...Self.maximumEncodedBytes).contains(TopicSegment.encodedLength(of: text)) else { return nil }
    self.text = text
  }

  package var description: String { text }
}

/// One monitored thing: a model at one version. It has its own baseline, clock and alerts.
package struct ModelKey: Hashable, Sendable, CustomStringConvertible {
  package let name: ModelName
  package let version: ModelVersion

  package init(name: ModelName, version: ModelVersion = .none) {
    self.name = name
    self.version = version
  }

  /// Where a topic or an alert is about no model: `-`.
  package static let unspecified = ModelKey(name: ModelName("-")!)

  package var description: String { version == .none ? name.text : "\(name)@\(version)" }
}

/// Percent-encoding of topic segments: `/`, `%` and control characters, nothing else.
package enum TopicSegment {
  private static func needsEscape(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "%") || byte < 0x20 || byte == 0x7f
  }

  package static func encodedLength(of text: String) -> Int {
    text.utf8.reduce(0) { $0 + (needsEscape($1) ? 3 : 1) }
  }

  /// Appends the encoded segment to `topic`.
  package static func append(_ text: String, to topic: inout [UInt8]) {
    for byte in text.utf8 {
      if needsEscape(byte) {
        topic.append(UInt8(ascii: "%"))
        topic.append(hexDigit(byte >> 4))
        topic.append(hexDigit(byte & 15))
      } else {
        topic.append(byte)
      }
    }
  }

  /// The text that a segment encodes; nil when an escape is broken or the bytes are no UTF-8.
  package static func decode(_ segment: UnsafeRawBufferPointer) -> String? {
    guard segment.contains(UInt8(ascii: "%")) else { return String(validating: segment, as: UTF8.self) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(segment.count)
    var iterator = segment.makeIterator()
    while let byte = iterator.next() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = iterator.next().flatMap(hexValue), let low = iterator.next().flatMap(hexValue) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }

  private static func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
