import Foundation
import ZeroMQ

// The parts of the configuration that say who may connect.
extension ConfigurationParser {
  /// - Returns: nil when something is wrong, or keys are not to be read.
  func readSecurity(_ node: ConfigurationNode) -> SecuritySettings? {
    let members = node.members(["server_key_file", "clients_file", "ipc"])
    let ipc = members["ipc"]?.choice(SecuritySettings.IPC.self)
    let keyFile = path(members["server_key_file"], "server_key_file", of: node)
    let clientsFile = path(members["clients_file"], "clients_file", of: node)
    guard readsKeys, let keyFile, let clientsFile else { return nil }
    if !hasCurve { node.note("the libzmq of this machine was built without CURVE, want one with libsodium") }
    let keys = readKeys(keyFile)
    guard let clients = readClients(clientsFile), let keys else { return nil }
    var settings = SecuritySettings(keys: keys, clients: clients, clientsFile: resolved(clientsFile.path))
    if let ipc { settings.ipc = ipc }
    return settings
  }

  private func path(
    _ member: ConfigurationNode?, _ name: String, of node: ConfigurationNode
  ) -> (node: ConfigurationNode, path: String)? {
    guard let member else {
      node.note("has no \(name), want both server_key_file and clients_file")
      return nil
    }
    return member.text(want: "a file").map { (member, $0) }
  }

  /// Relative to the configuration's directory.
  private func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: file).deletingLastPathComponent()).path
  }

  private func readKeys(_ place: (node: ConfigurationNode, path: String)) -> KeyPair? {
    do throws(KeyFile.Problem) { return try KeyFile.readPair(resolved(place.path)) } catch {
      place.node.note("\(place.path) \(error)")
      return nil
    }
  }

  private func readClients(_ place: (node: ConfigurationNode, path: String)) -> AllowList? {
    do throws(ConfigurationProblems) { return try ClientsFile.read(resolved(place.path)) } catch {
      for problem in error.problems {
        let line = problem.line.map { ":\($0)" } ?? ""
        let key = problem.key.isEmpty ? "" : ": \(problem.key)"
        place.node.note("\(place.path)\(line)\(key): \(problem.message)")
      }
      return nil
    }
  }

  /// A group by its name or number.
  func readGroup(_ node: ConfigurationNode) -> IPCSharing {
    guard let text = node.text(want: "a group") else { return .ownerOnly }
    if let number = gid_t(text) { return .group(number) }
    guard let entry = getgrnam(text) else {
      node.note("'\(text.prefix(80))' is no group of this machine, want its name or number")
      return .ownerOnly
    }
    return .group(entry.pointee.gr_gid)
  }
}

extension SecuritySettings {
  /// For people; holds no secret.
  var summary: String {
    "CURVE, server key \(keys.publicKey), \(clients.clients.count) clients; ipc \(ipc.rawValue)"
  }
}
