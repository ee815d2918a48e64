/// Requests to one daemon, each on a connection of its own.
package struct HTTPClient: Sendable {
  /// The largest answer that is taken: 10,000 models at some 1.5 kB each are 15 MiB.
  package static let maximumBodyBytes = 16 << 20

  package enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case delete = "DELETE"
  }

  package struct Response: Sendable {
    package var status: Int
    package var fields: [String: String]
    package var body: [UInt8]
    package init(status: Int, fields: [String: String] = [:], body: [UInt8]) {
      (self.status, self.fields, self.body) = (status, fields, body)
    }
    package var text: String { String(decoding: body, as: UTF8.self) }
  }

  package let address: ServiceAddress
  /// Sent as a bearer token; nil for none.
  private let token: String?

  package init(_ address: ServiceAddress, token: String? = nil) {
    (self.address, self.token) = (address, token)
  }

  /// One GET to its end: all that is asked is read.
  ///
  /// - Parameters:
  ///   - path: percent-encoded, with its query.
  ///   - patience: for all of it, from the first byte out to the last one in.
  package func request(_ path: String, within patience: Duration) throws(HTTPFailure) -> Response {
    let deadline = ContinuousClock.now + patience
    let connection = try Connection(address, by: deadline)
    try connection.write(head(path, accept: "*/*"), by: deadline)
    var parser = ResponseParser(maximumBodyBytes: Self.maximumBodyBytes)
    var received: [UInt8] = []
    while !parser.isDone {
      let bytes = try connection.read(by: deadline)
      if bytes.isEmpty { try parser.end() } else { received += try parser.take(bytes) }
    }
    return Response(status: parser.head?.status ?? 0, fields: parser.head?.fields ?? [:], body: received)
  }

  /// Opens a stream of server-sent events, once its head has come.
  ///
  /// - Throws: also when the answer is another than 200.
  func stream(_ path: String, within patience: Duration) throws(HTTPFailure) -> EventStream {
    let deadline = ContinuousClock.now + patience
    let connection = try Connection(address, by: deadline)
    try connection.write(head(path, accept: "text/event-stream"), by: deadline)
    var parser = ResponseParser(maximumBodyBytes: .max)
    var first: [UInt8] = []
    while parser.head == nil {
      let bytes = try connection.read(by: deadline)
      if bytes.isEmpty { try parser.end() } else { first += try parser.take(bytes) }
    }
    guard parser.head?.status == 200 else {
      throw .malformed("status \(parser.head?.status ?? 0) for a stream")
    }
    return try EventStream(connection, parser, first)
  }

  private func head(_ path: String, accept: String) -> [UInt8] {
    var lines = [
      "GET \(path) HTTP/1.1", "Host: \(address.authority)", "Accept: \(accept)", "User-Agent: tidemark",
      "Connection: close",
    ]
    if let token { lines.append("Authorization: Bearer \(token)") }
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  /// `text` as one segment of a path.
  package static func segment(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      let isPlain =
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || (byte >= 0x30 && byte <= 0x39)
        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
        || byte == UInt8(ascii: "~")
      if isPlain {
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        encoded += byte < 16 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return encoded
  }
}

/// A stream of server-sent events that was opened; of one thread.
final class EventStream {
  private let connection: Connection
  private var parser: ResponseParser
  private var lines = EventStreamParser()
  private var waiting: [ServerEvent] = []

  fileprivate init(
    _ connection: consuming Connection, _ parser: ResponseParser, _ first: [UInt8]
  ) throws(HTTPFailure) {
    self.connection = connection
    self.parser = parser
    waiting = try lines.take(first)
  }

  /// To wait on beside others.
  var descriptor: Int32 { connection.descriptor }

  /// Whether something came with the head already, so that nothing is to be waited for.
  var hasEvents: Bool { !waiting.isEmpty }

  /// What came: all that is there, once something is.
  ///
  /// - Returns: nil when the stream has ended.
  func events(within patience: Duration) throws(HTTPFailure) -> [ServerEvent]? {
    if !waiting.isEmpty {
      defer { waiting = [] }
      return waiting
    }
    guard !parser.isDone else { return nil }
    let bytes = try connection.read(by: .now + patience)
    guard !bytes.isEmpty else { return nil }
    return try lines.take(try parser.take(bytes))
  }
}
