package import Foundation

/// The answers of the reference rules, computed independently in Python.
package enum Golden {
  package static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Golden")

  /// The lines of one file of a version of the protocol: `messages`, whose bytes and meaning are both
  /// written down, or `readers`, with what is lost of each stream.
  package static func protocolLines(_ file: String, version: String) throws -> [JSON] {
    let url = folder.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("protocol/golden/\(version)/\(file).ndjson")
    return try Data(contentsOf: url).split(separator: 0x0a).map { line in
      try JSONDecoder().decode(JSON.self, from: line)
    }
  }

  /// One file of answers under `Tests/Golden`.
  package static func answers(_ file: String) throws -> JSON {
    try JSON(bytes: Array(Data(contentsOf: folder.appendingPathComponent(file))))
  }

  /// The cases of one part of `reference.json`: `monitor`, `drift`, `trigger` or `together`.
  package static func reference(_ part: String) throws -> [JSON] {
    let data = try Data(contentsOf: folder.appendingPathComponent("reference.json"))
    return try JSONDecoder().decode(JSON.self, from: data)[part].list
  }
}

/// A JSON value, for reading golden files without declaring their every shape.
///
/// By JSONDecoder: JSONSerialization's numbers go through NSNumber and can be off in the last digits.
package struct JSON: Decodable {
  private enum Value {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])
  }

  private let content: Value

  private init(_ content: Value) { self.content = content }

  package init(bytes: [UInt8]) throws { self = try JSONDecoder().decode(JSON.self, from: Data(bytes)) }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      content = .null
    } else if let flag = try? container.decode(Bool.self) {
      content = .flag(flag)
    } else if let number = try? container.decode(Double.self) {
      content = .number(number)
    } else if let text = try? container.decode(String.self) {
      content = .text(text)
    } else if let list = try? container.decode([JSON].self) {
      content = .list(list)
    } else {
      content = .object(try container.decode([String: JSON].self))
    }
  }

  package subscript(key: String) -> JSON {
    if case .object(let members) = content { members[key] ?? JSON(.null) } else { JSON(.null) }
  }
  package subscript(index: Int) -> JSON { list.indices.contains(index) ? list[index] : JSON(.null) }
  package var list: [JSON] { if case .list(let list) = content { list } else { [] } }
  package var members: [String: JSON]? { if case .object(let members) = content { members } else { nil } }
  package var text: String? { if case .text(let text) = content { text } else { nil } }
  package var number: Double? { if case .number(let number) = content { number } else { nil } }
  package var flag: Bool? { if case .flag(let flag) = content { flag } else { nil } }
  package var isNull: Bool { if case .null = content { true } else { false } }
  /// Rows of numbers, one after another.
  package var matrix: [Double] { list.flatMap { row in row.list.map { $0.number ?? .nan } } }
}

/// Whether two numbers agree to 1e-9, relative; both nil counts as agreement.
package func agree(_ left: Double?, _ right: Double?, tolerance: Double = 1e-9) -> Bool {
  guard let left, let right else { return left == nil && right == nil }
  return left == right || abs(left - right) <= tolerance * max(abs(left), abs(right))
}
