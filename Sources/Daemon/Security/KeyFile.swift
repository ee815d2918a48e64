import Foundation
package import ZeroMQ

/// Key pairs in files: the format of CZMQ's and pyzmq's certificates, so that either reads what the other wrote.
///
///     curve
///         public-key = "…"
///         secret-key = "…"
package enum KeyFile {
  /// What is wrong with a file, for behind its name. Never holds what stands in it.
  package struct Problem: Error, CustomStringConvertible {
    package let description: String
    package let status: ExitStatus
  }

  /// A certificate is about 300 bytes, and may hold notes.
  static let maximumBytes = 16 << 10

  // MARK: Reading

  /// The pair in a file that nobody else may read.
  ///
  /// - Throws: when it is missing, is readable by others, or holds no pair.
  package static func readPair(_ path: String) throws(Problem) -> KeyPair {
    var data = try read(path, limit: maximumBytes, isSecret: true)
    defer { data.resetBytes(in: 0..<data.count) }
    guard let secret = value("secret-key", in: data).flatMap({ SecretKey($0) }) else {
      throw problem("holds no secret-key of \(PublicKey.textBytes) characters of Z85")
    }
    let pair: KeyPair
    do throws(ZeroMQError) { pair = try KeyPair(secretKey: secret) } catch {
      throw problem("holds a secret-key that cannot be used: \(error)")
    }
    let written = value("public-key", in: data)
    guard written == nil || written == pair.publicKey.text else {
      throw problem("holds a public-key that does not belong to its secret-key")
    }
    return pair
  }

  /// A public key: 40 characters of Z85, or a file that holds one.
  package static func readPublic(_ text: String) throws(Problem) -> PublicKey {
    if let key = PublicKey(text) { return key }
    let data = try read(text, limit: maximumBytes, isSecret: false)
    guard let key = value("public-key", in: data).flatMap({ PublicKey($0) }) else {
      throw problem("holds no public-key of \(PublicKey.textBytes) characters of Z85")
    }
    return key
  }

  /// The bytes of a file whose modes are right.
  ///
  /// A secret of ours is for its owner alone. One that belongs to root may be readable by its group, as Kubernetes
  /// mounts secrets for a process that is not root. What is no secret must not be writable by others.
  static func read(_ path: String, limit: Int, isSecret: Bool) throws(Problem) -> Data {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw problem("cannot be read: \(String(cString: strerror(errno)))", .noInput)
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw problem("is no file")
    }
    let mode = String(status.st_mode & 0o7777, radix: 8)
    guard status.st_uid == geteuid() || status.st_uid == 0 else {
      throw problem("belongs to account \(status.st_uid), want this account's (\(geteuid())) or root's")
    }
    let isOurs = status.st_uid == geteuid()
    let forbidden: mode_t = isSecret ? (isOurs ? 0o077 : 0o037) : 0o022
    guard status.st_mode & forbidden == 0 else {
      throw problem(
        isSecret
          ? "has mode \(mode) and can be read by others, want 0600 or 0400"
          : "has mode \(mode) and can be changed by others, want 0644 or less")
    }
    do {
      let data = try handle.read(upToCount: limit + 1) ?? Data()
      guard data.count <= limit else { throw problem("has more than \(limit) bytes") }
      return data
    } catch let error as Problem {
      throw error
    } catch {
      throw problem("cannot be read: \((error as NSError).localizedDescription)", .noInput)
    }
  }

  private static func value(_ key: String, in data: Data) -> String? {
    for line in data.split(separator: UInt8(ascii: "\n")) {
      let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1)
      guard parts.count == 2, trimmed(parts[0], " \t") == key else { continue }
      return trimmed(parts[1], " \t\r\"'")
    }
    return nil
  }

  private static func trimmed(_ bytes: Data, _ characters: String) -> String {
    let isKept = { (byte: UInt8) in !characters.utf8.contains(byte) }
    guard let first = bytes.firstIndex(where: isKept), let last = bytes.lastIndex(where: isKept) else {
      return ""
    }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }

  private static func problem(_ words: String, _ status: ExitStatus = .configuration) -> Problem {
    Problem(description: words, status: status)
  }

  // MARK: Writing

  /// Writes `PREFIX.key_secret`, for its owner alone, and `PREFIX.key`.
  ///
  /// - Throws: when either is there already; nothing is changed then.
  package static func write(_ pair: KeyPair, to prefix: String) throws(Problem) {
    let head = "# A CURVE key pair, made by tidemark keygen.\n"
    let publicLine = "    public-key = \"\(pair.publicKey)\"\n"
    let secretLine = "    secret-key = \"\(pair.secretKey.text)\"\n"
    try create(
      prefix + ".key_secret", 0o600, head + "# Keep this file to yourself.\ncurve\n" + publicLine + secretLine
    )
    do throws(Problem) { try create(prefix + ".key", 0o644, head + "curve\n" + publicLine) } catch {
      unlink(prefix + ".key_secret")
      throw error
    }
  }

  private static func create(_ path: String, _ mode: mode_t, _ text: String) throws(Problem) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
    guard descriptor >= 0 else {
      let why = errno == EEXIST ? "is there already" : "cannot be made: \(String(cString: strerror(errno)))"
      throw problem("\(path) \(why)", .cannotCreate)
    }
    var text = text
    let isWritten = text.withUTF8 { Foundation.write(descriptor, $0.baseAddress, $0.count) == $0.count }
    guard isWritten && fsync(descriptor) == 0 && close(descriptor) == 0 else {
      unlink(path)
      throw problem("\(path) cannot be written: \(String(cString: strerror(errno)))", .cannotCreate)
    }
  }
}
