import Testing
import ZeroMQ

@Suite struct EndpointTests {
  @Test(arguments: [
    "tcp://127.0.0.1:7410", "tcp://*:0", "tcp://[::1]:65535", "tcp://example.org:1", "ipc:///run/x.sock",
    "ipc://@abstract", "inproc://a",
  ]) func isReadAndWrittenAlike(text: String) throws {
    #expect(try Endpoint(parsing: text).description == text)
  }

  @Test(arguments: [
    "", "tcp", "tcp://", "tcp://host", "tcp://:80", "tcp://host:", "tcp://host:65536", "tcp://host:-1",
    "tcp://host:8 0", "tcp://a/b:80", "tcp://::1:80", "udp://host:80", "ipc://", "ipc://*", "inproc://",
    "tcp://h\u{0}:1",
    "tcp://host:٣",
  ]) func isRefused(text: String) {
    #expect(throws: Endpoint.Invalid.self) { try Endpoint(parsing: text) }
  }

  /// `sun_path` holds 107 bytes and a zero; libzmq would cut a longer path without a word.
  @Test func pathLimitIs107Bytes() throws {
    let path = "/" + String(repeating: "x", count: 106)
    #expect(try Endpoint(parsing: "ipc://" + path) == .ipc(path: path))
    #expect(throws: Endpoint.Invalid.self) { try Endpoint(parsing: "ipc://" + path + "x") }
  }

  @Test(arguments: [
    ("tcp://127.0.0.1:1", true), ("tcp://127.8.9.10:1", true), ("tcp://localhost:1", true),
    ("tcp://[::1]:1", true),
    ("ipc:///x", true), ("inproc://x", true), ("tcp://*:1", false), ("tcp://0.0.0.0:1", false),
    ("tcp://127.example.com:1", false), ("tcp://127.0.0.1.example.com:1", false), ("tcp://10.0.0.1:1", false),
  ]) func loopbackIsKnown(text: String, isLocal: Bool) throws {
    #expect(try Endpoint(parsing: text).isLocal == isLocal)
  }
}
