import Events
import Yams

/// A place in the YAML tree with its dotted key; it reads values strictly and notes every problem.
struct ConfigurationNode {
  let node: Node
  let key: String
  let notes: ProblemNotes

  /// The problems found so far, shared by all nodes of one file.
  final class ProblemNotes {
    var problems: [ConfigurationProblems.Problem] = []
    /// Checksums of the feature baselines that were read, in order.
    var baselines: [UInt32] = []
  }

  func note(_ message: String) {
    notes.problems.append(.init(line: node.mark?.line, key: key, message: message))
  }

  private func child(_ node: Node, _ name: String) -> ConfigurationNode {
    ConfigurationNode(node: node, key: key.isEmpty ? name : "\(key).\(name)", notes: notes)
  }

  private var isNull: Bool {
    guard let scalar = node.scalar, scalar.style == .plain else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  /// What a person would call the value that stands here.
  private var found: String {
    switch node {
    case .scalar(let scalar): isNull ? "nothing" : "'\(scalar.string.prefix(64))'"
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    }
  }

  // MARK: Collections

  /// The members of a mapping; keys other than `allowed` are noted.
  func members(_ allowed: [String]) -> [String: ConfigurationNode] {
    if isNull { return [:] }
    guard let mapping = node.mapping else {
      note("\(found) is no mapping, want the keys \(allowed.joined(separator: ", "))")
      return [:]
    }
    var members: [String: ConfigurationNode] = [:]
    for (keyNode, value) in mapping {
      let name = keyNode.scalar?.string ?? "?"
      if allowed.contains(name) {
        members[name] = child(value, name)
      } else {
        notes.problems.append(
          .init(
            line: keyNode.mark?.line, key: child(keyNode, name).key,
            message: "unknown key, want one of \(allowed.joined(separator: ", "))"))
      }
    }
    return members
  }

  /// The elements of a list; `want` says what it should hold.
  func elements(want: String) -> [ConfigurationNode]? {
    guard let sequence = node.sequence else {
      note("\(found) is no list, want \(want)")
      return nil
    }
    return sequence.enumerated().map { index, element in
      ConfigurationNode(node: element, key: "\(key)[\(index)]", notes: notes)
    }
  }

  /// The members of a mapping with keys of anybody's choice, in order.
  func entries(want: String) -> [(key: String, value: ConfigurationNode)]? {
    guard let mapping = node.mapping else {
      note("\(found) is no mapping, want \(want)")
      return nil
    }
    return mapping.map { keyNode, value in
      let name = keyNode.scalar?.string ?? "?"
      return (name, child(value, name))
    }
  }

  /// The word `off`, or `false`, in place of a mapping.
  var isOff: Bool { ["off", "false"].contains(node.scalar?.string ?? "") }

  var isMapping: Bool { node.mapping != nil }

  // MARK: Scalars

  func text(want: String) -> String? {
    guard let scalar = node.scalar, !isNull, !scalar.string.isEmpty else {
      note("\(found) is no text, want \(want)")
      return nil
    }
    return scalar.string
  }

  func number(_ range: ClosedRange<Double>, want: String) -> Double? {
    guard let scalar = node.scalar, scalar.style == .plain, let value = Double(scalar.string),
      range.contains(value), value.isFinite
    else {
      note("\(found) is not allowed, want \(want)")
      return nil
    }
    return value
  }

  func integer(_ range: ClosedRange<Int>) -> Int? {
    guard let scalar = node.scalar, scalar.style == .plain, let value = Int(scalar.string),
      range.contains(value)
    else {
      note("\(found) is not allowed, want a whole number from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return value
  }

  func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) -> Choice?
  where Choice.RawValue == String {
    guard let choice = node.scalar.flatMap({ Choice(rawValue: $0.string) }) else {
      note("\(found) is not allowed, want \(Choice.allCases.map(\.rawValue).joined(separator: " or "))")
      return nil
    }
    return choice
  }

  func duration(atLeast minimum: Duration = .zero) -> Duration? {
    guard let scalar = node.scalar, let duration = DurationText.parse(scalar.string) else {
      note("\(found) is no duration, want a number and a unit (ms, s, m, h, d), such as 90s, 24h or 7d")
      return nil
    }
    guard duration >= minimum else {
      note("\(found) is too short, want at least \(minimum)")
      return nil
    }
    return duration
  }
}
