import Foundation
import Synchronization

/// What a service manager is told of this process: datagrams of sd_notify(3), spoken by ourselves.
///
/// Any thread may tell it something. Nothing waits: a manager that does not read loses the line, which
/// ``isHeard`` then says. Without `NOTIFY_SOCKET` all of it does nothing.
final class ServiceNotice: Sendable {
  /// Of a status text: systemd shows one line.
  static let maximumStatusBytes = 256

  private let descriptor: CInt
  private let address: sockaddr_un
  private let addressBytes: socklen_t
  /// How often the serving loop says that it is alive: half of what the manager waits for; nil when it does
  /// not.
  let watchdogInterval: Duration?
  private let heard = Atomic(true)

  /// - Parameter environment: `NOTIFY_SOCKET`, a path or `@` and an abstract name; `WATCHDOG_USEC`,
  ///   `WATCHDOG_PID`.
  /// - Returns: nil when nobody is to be told anything.
  init?(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
    guard let name = environment["NOTIFY_SOCKET"], let address = Self.address(name) else { return nil }
    #if canImport(Glibc)
      let kind = CInt(SOCK_DGRAM.rawValue)
    #else
      let kind = SOCK_DGRAM
    #endif
    descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { return nil }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    (self.address, addressBytes) = address
    watchdogInterval = Self.watchdog(environment)
  }

  deinit { close(descriptor) }

  /// Half of the manager's patience, when it is this process that it watches.
  private static func watchdog(_ environment: [String: String]) -> Duration? {
    guard let microseconds = environment["WATCHDOG_USEC"].flatMap(Int64.init), microseconds > 0 else {
      return nil
    }
    if let process = environment["WATCHDOG_PID"], Int32(process) != getpid() { return nil }
    return .microseconds(max(1, microseconds / 2))
  }

  private static func address(_ name: String) -> (sockaddr_un, socklen_t)? {
    var bytes = Array(name.utf8)
    var address = sockaddr_un()
    guard bytes.count > 1, bytes.count < MemoryLayout.size(ofValue: address.sun_path),
      bytes[0] == UInt8(ascii: "/") || bytes[0] == UInt8(ascii: "@")
    else { return nil }
    let isAbstract = bytes[0] == UInt8(ascii: "@")
    if isAbstract { bytes[0] = 0 }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    // An abstract name ends with the address, a path with a zero.
    return (address, socklen_t(offset + bytes.count + (isAbstract ? 0 : 1)))
  }

  // MARK: What is told

  /// Whether the last line was taken.
  var isHeard: Bool { heard.load(ordering: .relaxed) }

  /// Every socket is bound, or a reload is over.
  func ready(_ status: String) { send("READY=1\nSTATUS=\(Self.line(status))") }

  /// A reload begins; `READY=1` ends it, whatever came of it.
  func reloading() {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    send("RELOADING=1\nMONOTONIC_USEC=\(Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)")
  }

  func stopping() { send("STOPPING=1\nSTATUS=stopping") }

  /// The serving loop turns.
  func alive(_ status: String) { send("WATCHDOG=1\nSTATUS=\(Self.line(status))") }

  /// One line without control characters.
  private static func line(_ text: String) -> String {
    let bytes = text.utf8.prefix(maximumStatusBytes).map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func send(_ text: String) {
    let bytes = Array(text.utf8)
    var address = address
    let sent = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(
          descriptor, bytes, bytes.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL), $0,
          addressBytes)
      }
    }
    heard.store(sent == bytes.count, ordering: .relaxed)
  }
}
