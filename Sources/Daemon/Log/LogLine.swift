import Logging

/// One line of the log as bytes, in either format, of at most ``maximumBytes`` with its end.
///
/// Whatever a peer or a file put into a message stays inside its line and its field: control characters,
/// those of Unicode that move a terminal's cursor or turn its direction among them, are written as `?` in
/// text and escaped in JSON, and a value of several words is quoted in text.
struct LogLine {
  /// PIPE_BUF: a line is written whole or not at all (pipe(7)).
  static let maximumBytes = 4_096
  /// Bytes of one text in a line; where a line is too long all the same, the next.
  private static let cuts = [2_048, 512, 128, 32]
  /// Of metadata, in case it is all too long even so.
  private static let maximumEntries = 48

  var time: String
  var level: Logger.Level
  var message: String
  /// In the order in which they are written.
  var entries: [(key: String, value: Logger.MetadataValue)]

  func bytes(_ format: LogSettings.Format, hasPriority: Bool) -> [UInt8] {
    let prefix = hasPriority ? Array("<\(level.priority)>".utf8) : []
    var line: [UInt8] = []
    for cut in Self.cuts {
      line = prefix + (format == .json ? json(cut) : text(cut)) + [UInt8(ascii: "\n")]
      if line.count <= Self.maximumBytes { return line }
    }
    var short = self
    short.entries = []
    return short.entries.count == entries.count ? line : short.bytes(format, hasPriority: hasPriority)
  }

  // MARK: Text

  private func text(_ cut: Int) -> [UInt8] {
    var line = Array("\(time) \(level) ".utf8)
    Self.append(message, cut, to: &line)
    for (key, value) in entries.prefix(Self.maximumEntries) {
      line.append(UInt8(ascii: " "))
      Self.append(key, cut, to: &line)
      line.append(UInt8(ascii: "="))
      let value = "\(value)"
      let isPlain =
        !value.isEmpty && !value.unicodeScalars.contains { $0 == " " || $0 == "\"" || $0 == "\u{a0}" }
      if isPlain {
        Self.append(value, cut, to: &line)
      } else {
        line.append(UInt8(ascii: "\""))
        Self.append(value.replacing("\"", with: "'"), cut, to: &line)
        line.append(UInt8(ascii: "\""))
      }
    }
    return line
  }

  private static func append(_ text: String, _ cut: Int, to line: inout [UInt8]) {
    var left = cut
    for scalar in text.unicodeScalars {
      let bytes = UTF8.encode(scalar)!
      left -= bytes.count
      guard left >= 0 else {
        line += "…".utf8
        return
      }
      if scalar.isUnsafe { line.append(UInt8(ascii: "?")) } else { line += bytes }
    }
  }

  // MARK: JSON

  private func json(_ cut: Int) -> [UInt8] {
    var line = Array("{".utf8)
    Self.append("time", .string(time), cut, to: &line)
    Self.append("level", .string(level.rawValue), cut, to: &line)
    Self.append("message", .string(message), cut, to: &line)
    for (key, value) in entries.prefix(Self.maximumEntries) {
      // The three of every line stand alone.
      let isTaken = ["time", "level", "message"].contains(key)
      Self.append(isTaken ? key + "_" : key, value, cut, to: &line)
    }
    line.append(UInt8(ascii: "}"))
    return line
  }

  private static func append(_ key: String, _ value: Logger.MetadataValue, _ cut: Int, to line: inout [UInt8])
  {
    if line.count > 1 { line.append(UInt8(ascii: ",")) }
    appendString(key, cut, to: &line)
    line.append(UInt8(ascii: ":"))
    append(value, cut, to: &line)
  }

  private static func append(_ value: Logger.MetadataValue, _ cut: Int, to line: inout [UInt8]) {
    switch value {
    case .stringConvertible(let number as any FixedWidthInteger): line += "\(number)".utf8
    case .stringConvertible(let truth as Bool): line += "\(truth)".utf8
    case .string, .stringConvertible, .array, .dictionary: appendString("\(value)", cut, to: &line)
    }
  }

  private static func appendString(_ text: String, _ cut: Int, to line: inout [UInt8]) {
    line.append(UInt8(ascii: "\""))
    var left = cut
    for scalar in text.unicodeScalars {
      let bytes = escaped(scalar)
      left -= bytes.count
      guard left >= 0 else {
        line += "…".utf8
        break
      }
      line += bytes
    }
    line.append(UInt8(ascii: "\""))
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> [UInt8] {
    switch scalar {
    case "\"": Array(#"\""#.utf8)
    case "\\": Array(#"\\"#.utf8)
    case "\n": Array(#"\n"#.utf8)
    // All of them are in the basic plane: four digits.
    case _ where scalar.isUnsafe:
      Array((#"\u"# + String(scalar.value + 0x1_0000, radix: 16).dropFirst()).utf8)
    default: Array(UTF8.encode(scalar)!)
    }
  }
}

extension Unicode.Scalar {
  /// Whether it could end a line, move a cursor or turn the direction of what is shown.
  fileprivate var isUnsafe: Bool {
    switch value {
    case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0x200b...0x200f, 0x202a...0x202e, 0x2060...0x2069, 0xfeff:
      true
    default: false
    }
  }
}

extension Logger.Level {
  /// As in syslog(3), which journald reads in `<N>` before a line.
  fileprivate var priority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
