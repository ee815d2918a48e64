import Foundation
import Yams
import ZeroMQ

/// The file of clients: who is let in, and what each may do.
///
///     clients:
///       - name: serving-a
///         public_key: 'Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID'
///         roles: [publish]
///         source_prefix: serving-a/
package enum ClientsFile {
  /// Ten thousand entries of 400 bytes.
  static let maximumBytes = 4 << 20
  /// A name that people give; longer ones are no help in a log.
  static let maximumNameBytes = 128

  /// - Throws: everything that is wrong at once. A file that others than its owner may change is refused, since
  ///   whoever changes it lets himself in.
  package static func read(_ path: String) throws(ConfigurationProblems) -> AllowList {
    let data: Data
    do throws(KeyFile.Problem) {
      data = try KeyFile.read(path, limit: maximumBytes, isSecret: false)
    } catch {
      throw ConfigurationProblems(
        file: path, problems: [.init(line: nil, key: "", message: error.description)])
    }
    let notes = ConfigurationNode.ProblemNotes()
    var clients: [AllowedClient] = []
    do {
      if let text = String(validating: data, as: UTF8.self), let node = try Yams.compose(yaml: text) {
        clients = read(ConfigurationNode(node: node, key: "", notes: notes))
      } else {
        notes.problems.append(.init(line: nil, key: "", message: "holds no YAML, want clients: and a list"))
      }
    } catch {
      notes.problems.append(ConfigurationParser.problem(of: error))
    }
    guard notes.problems.isEmpty else { throw ConfigurationProblems(file: path, problems: notes.problems) }
    return AllowList(clients)
  }

  private static func read(_ root: ConfigurationNode) -> [AllowedClient] {
    let want = "a list of clients"
    guard let list = root.members(["clients"])["clients"] else {
      root.note("has no clients, want clients: and a list, [] for nobody")
      return []
    }
    guard let elements = list.elements(want: want) else { return [] }
    guard elements.count <= AllowList.maximumClients else {
      list.note("\(elements.count) clients, want at most \(AllowList.maximumClients)")
      return []
    }
    var seen: [PublicKey: String] = [:]
    return elements.compactMap { element in
      guard let client = client(element) else { return nil }
      if let first = seen.updateValue(element.key, forKey: client.key) {
        element.note("its key stands twice (first in \(first)), want each key once")
      }
      return client
    }
  }

  private static func client(_ node: ConfigurationNode) -> AllowedClient? {
    let members = node.members(["name", "public_key", "roles", "source_prefix"])
    let name = name(members["name"], of: node)
    let key = key(members["public_key"], of: node)
    let roles = roles(members["roles"], of: node)
    let sources = members["source_prefix"].flatMap(prefix)
    guard let name, let key, let roles else { return nil }
    if roles.contains(.publish), members["source_prefix"] == nil {
      node.note("publishes and has no source_prefix, want where its sources lie, or '*' for anywhere")
    } else if !roles.contains(.publish), let member = members["source_prefix"] {
      member.note("is of a client that does not publish, want roles with publish, or none")
    }
    return AllowedClient(name: name, key: key, roles: roles, sources: sources)
  }

  private static func name(_ member: ConfigurationNode?, of node: ConfigurationNode) -> String? {
    guard let member else {
      node.note("has no name, want what the client is called")
      return nil
    }
    guard let text = member.text(want: "a name") else { return nil }
    guard text.utf8.count <= maximumNameBytes, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      member.note("is too long or holds control characters, want 1 to \(maximumNameBytes) bytes")
      return nil
    }
    return text
  }

  private static func key(_ member: ConfigurationNode?, of node: ConfigurationNode) -> PublicKey? {
    let want = "\(PublicKey.textBytes) characters of Z85 in single quotes, as 'tidemark keygen' prints them"
    guard let member else {
      node.note("has no public_key, want \(want)")
      return nil
    }
    // What stands there may be a secret key by mistake, so it is not repeated.
    guard let text = member.node.scalar?.string, let key = PublicKey(text) else {
      member.note("is no public key, want \(want)")
      return nil
    }
    return key
  }

  private static func roles(_ member: ConfigurationNode?, of node: ConfigurationNode) -> ClientRoles? {
    let want = "a list of \(ClientRoles.words.map(\.word).joined(separator: ", "))"
    guard let member else {
      node.note("has no roles, want \(want)")
      return nil
    }
    guard let elements = member.elements(want: want) else { return nil }
    if elements.isEmpty { member.note("an empty list, want \(want)") }
    var roles: ClientRoles = []
    for element in elements {
      guard let text = element.text(want: want) else { return nil }
      guard let found = ClientRoles.words.first(where: { $0.word == text }) else {
        element.note("'\(text.prefix(64))' is no role, want \(want)")
        return nil
      }
      roles.insert(found.role)
    }
    return roles
  }

  private static func prefix(_ member: ConfigurationNode) -> SourcePrefix? {
    guard let text = member.text(want: "the beginning of its sources' names, or '*'") else { return nil }
    guard let prefix = SourcePrefix(text) else {
      member.note("is too long, want 1 to 180 bytes")
      return nil
    }
    return prefix
  }
}
