import Foundation

/// What requests must bear when it is asked for.
struct Token: Sendable {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Reads a file that its owner alone can read, and takes off white space at the end.
  init(file: String) throws(AdminFailure) {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .token("\(file): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .token("\(file) is no file")
    }
    guard status.st_mode & 0o077 == 0 else {
      let mode = String(status.st_mode & 0o777, radix: 8)
      throw .token("\(file) has mode \(mode), want 600 or 400: others must not read it")
    }
    let sizes = AdminLimits.tokenBytes
    var bytes = [UInt8](repeating: 0, count: sizes.upperBound + 2)
    let count = read(descriptor, &bytes, bytes.count)
    guard count >= 0 else { throw .token("\(file): \(String(cString: strerror(errno)))") }
    bytes.removeLast(bytes.count - count)
    while let last = bytes.last, last == 0x0a || last == 0x0d || last == 0x20 { bytes.removeLast() }
    guard sizes.contains(bytes.count), bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else {
      throw .token(
        "\(file) holds no token, want \(sizes.lowerBound) to \(sizes.upperBound) printable characters "
          + "without a space")
    }
    self.bytes = bytes
  }

  /// Whether an `Authorization` bears it. Takes as long whatever is sent, and however much of it is right.
  func isBorne(by authorization: String?) -> Bool {
    let scheme = "bearer "
    guard let authorization, authorization.prefix(scheme.count).lowercased() == scheme else { return false }
    let given = Array(authorization.dropFirst(scheme.count).utf8)
    var difference = UInt(truncatingIfNeeded: given.count ^ bytes.count)
    for index in bytes.indices {
      difference |= UInt(bytes[index] ^ (given.isEmpty ? 0 : given[index % given.count]))
    }
    return difference == 0
  }
}
