import ZeroMQ

/// `tidemark keygen`: a new key pair in two files, and the entry for a file of clients.
package struct Keygen {
  private let prefix: String
  private let name: String
  private let roles: [String]
  private let sourcePrefix: String

  /// - Parameters:
  ///   - prefix: of both files.
  ///   - sourcePrefix: left out of the entry of a client that does not publish.
  package init(prefix: String, name: String, roles: [String], sourcePrefix: String) {
    self.prefix = prefix
    self.name = name
    self.roles = roles
    self.sourcePrefix = sourcePrefix
  }

  package func run() -> ExitStatus {
    let notes = Terminal(descriptor: 2)
    do throws(ZeroMQError) {
      let pair = try KeyPair.generate()
      do throws(KeyFile.Problem) { try KeyFile.write(pair, to: prefix) } catch {
        notes.print("tidemark: \(error)")
        return error.status
      }
      Terminal(descriptor: 1).print(words(pair.publicKey))
      return .success
    } catch {
      notes.print("tidemark: \(error)")
      return .system
    }
  }

  private func words(_ key: PublicKey) -> String {
    // Z85 has no single quote, so the key needs no escapes.
    var lines = [
      "\(prefix).key_secret  the secret key, for its owner alone", "\(prefix).key         the public key",
      "As a client of a daemon, in its clients_file under clients:",
      "  - name: \(Self.quoted(name))", "    public_key: '\(key)'",
      "    roles: [\(roles.joined(separator: ", "))]",
    ]
    if roles.contains("publish") { lines.append("    source_prefix: \(Self.quoted(sourcePrefix))") }
    return lines.joined(separator: "\n")
  }

  private static func quoted(_ text: String) -> String {
    "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'"
  }
}
