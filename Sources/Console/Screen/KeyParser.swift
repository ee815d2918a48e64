/// What was pressed.
package enum Key: Equatable, Sendable {
  case character(Character)
  case enter, escape, backspace, tab
  case up, down, left, right, pageUp, pageDown, home, end
  /// With the control key; the letter in lower case.
  case control(Character)
}

/// Keys out of the bytes that a terminal sends, as they come.
///
/// An escape byte alone is the escape key only when nothing follows: ``flush()`` is to be called when nothing
/// came for a moment. Sequences that it does not know are taken whole and mean nothing.
package struct KeyParser: Sendable {
  /// No sequence of a key is longer; what is, is dropped.
  private static let maximumSequence = 32

  private var pending: [UInt8] = []

  package init() {}

  /// Whether an escape waits for what may follow it.
  package var isWaiting: Bool { !pending.isEmpty }

  package mutating func take(_ bytes: [UInt8]) -> [Key] {
    var keys: [Key] = []
    pending += bytes
    while let count = step(&keys) { pending.removeFirst(count) }
    if pending.count > Self.maximumSequence { pending = [] }
    return keys
  }

  /// Nothing follows.
  package mutating func flush() -> [Key] {
    defer { pending = [] }
    return pending == [0x1b] ? [.escape] : []
  }

  /// Reads one key at the beginning; returns how many bytes it has, nil when there are not enough.
  private func step(_ keys: inout [Key]) -> Int? {
    guard let first = pending.first else { return nil }
    switch first {
    case 0x1b: return escape(&keys)
    case 0x0d, 0x0a: keys.append(.enter)
    case 0x09: keys.append(.tab)
    case 0x7f, 0x08: keys.append(.backspace)
    case 0..<0x20: keys.append(.control(Character(Unicode.Scalar(first | 0x60))))
    case 0x20..<0x7f: keys.append(.character(Character(Unicode.Scalar(first))))
    default: return letter(first, &keys)
    }
    return 1
  }

  /// A letter beyond ASCII, as UTF-8.
  private func letter(_ first: UInt8, _ keys: inout [Key]) -> Int? {
    let count =
      switch first {
      case 0xc2...0xdf: 2
      case 0xe0...0xef: 3
      case 0xf0...0xf4: 4
      default: 1
      }
    guard pending.count >= count else { return nil }
    let bytes = pending.prefix(count)
    if count > 1, let text = String(validating: bytes, as: UTF8.self), let character = text.first {
      keys.append(.character(character))
      return count
    }
    return 1
  }

  private func escape(_ keys: inout [Key]) -> Int? {
    guard pending.count > 1 else { return nil }
    switch pending[1] {
    case UInt8(ascii: "["):
      // Parameters and intermediates, then one final byte (ECMA-48, 5.4).
      guard let end = pending[2...].firstIndex(where: { (0x40...0x7e).contains($0) }) else { return nil }
      let parameters = String(decoding: pending[2..<end], as: UTF8.self)
      if let key = Self.key(pending[end], parameters) { keys.append(key) }
      return end + 1
    case UInt8(ascii: "O"):
      guard pending.count > 2 else { return nil }
      if let key = Self.key(pending[2], "") { keys.append(key) }
      return 3
    default:
      // Not a sequence: the escape key, and another one soon after it (or with the alt key, which means no more).
      keys.append(.escape)
      return 1
    }
  }

  private static func key(_ final: UInt8, _ parameters: String) -> Key? {
    switch final {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "C"): .right
    case UInt8(ascii: "D"): .left
    case UInt8(ascii: "H"): .home
    case UInt8(ascii: "F"): .end
    case UInt8(ascii: "M"): .enter
    case UInt8(ascii: "~"):
      switch parameters.split(separator: ";").first {
      case "1", "7": .home
      case "4", "8": .end
      case "5": .pageUp
      case "6": .pageDown
      default: nil
      }
    default: nil
    }
  }
}
