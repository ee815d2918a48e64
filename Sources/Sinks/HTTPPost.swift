import CCurl
import Events
import Foundation

/// One POST.
package struct HTTPPost: Sendable, Equatable {
  package var url: String
  /// Names and values; neither may hold a control character.
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// For all of it.
  package var timeout: Duration
  /// A file of certificates to trust in place of the system's.
  package var trusted: String?

  package static func == (left: HTTPPost, right: HTTPPost) -> Bool {
    left.url == right.url && left.body == right.body && left.timeout == right.timeout
      && left.trusted == right.trusted && left.headers.elementsEqual(right.headers, by: ==)
  }
}

/// What came of it.
package enum HTTPAnswer: Sendable, Equatable {
  /// - Parameters:
  ///   - retryAfter: as the header has it.
  ///   - words: the beginning of the body.
  case status(Int, retryAfter: String? = nil, words: String = "")
  /// No answer, and why.
  case failed(String)
}

/// What carries a request. The tests have their own.
package protocol Transport: Sendable {
  /// Waits for the end of it, which comes within the request's timeout.
  func post(_ request: HTTPPost) -> HTTPAnswer

  /// From any thread: ends the request under way, and every later one at once.
  func cancel()
}

/// HTTP/1.1 through the system's libcurl, over a connection that is kept. One thread at a time posts.
///
/// Certificates are verified, redirects are not followed, of an answer's body at most 64 KiB are read and 256
/// bytes kept. A proxy of the environment (`https_proxy`, `no_proxy`) is used, but never to this machine.
package final class CurlTransport: Transport, @unchecked Sendable {
  // Unchecked: `post` is called by one thread, and what `cancel` touches libcurl lets any thread touch.
  private let http: OpaquePointer

  /// Longest wait for a connection.
  static let connecting = Duration.seconds(5)

  /// Why this process cannot send requests; nil when it can. The first call loads the library.
  package static var unavailable: String? { tidemark_http_load().map { String(cString: $0) } }

  /// Nil when libcurl is not there.
  package init?() {
    guard let http = tidemark_http_make() else { return nil }
    self.http = http
  }

  deinit { tidemark_http_free(http) }

  package func cancel() { tidemark_http_cancel(http) }

  package func post(_ request: HTTPPost) -> HTTPAnswer {
    var answer = tidemark_http_answer()
    withCStrings(request.headers.map { "\($0.name): \($0.value)" }) { headers in
      request.url.withCString { url in
        withOptionalCString(request.trusted) { trusted in
          request.body.withUnsafeBytes { body in
            var raw = tidemark_http_request()
            (raw.url, raw.ca_file) = (url, trusted)
            (raw.body, raw.body_size) = (body.baseAddress, body.count)
            raw.is_direct = SinkURL.isLocal(request.url) ? 1 : 0
            raw.connect_milliseconds = Int(Self.connecting.clampedNanoseconds / 1_000_000)
            raw.timeout_milliseconds = Int(request.timeout.clampedNanoseconds / 1_000_000)
            headers.withUnsafeBufferPointer { headers in
              (raw.headers, raw.header_count) = (headers.baseAddress, headers.count)
              tidemark_http_post(http, &raw, &answer)
            }
          }
        }
      }
    }
    return Self.read(&answer)
  }

  private static func read(_ answer: inout tidemark_http_answer) -> HTTPAnswer {
    guard answer.is_complete != 0 else { return .failed(text(&answer.words)) }
    let retryAfter = text(&answer.retry_after).trimmingCharacters(in: .whitespacesAndNewlines)
    let size = answer.body_size
    let words = withUnsafeBytes(of: &answer.body) { String(decoding: $0.prefix(size), as: UTF8.self) }
    return .status(answer.status, retryAfter: retryAfter.isEmpty ? nil : retryAfter, words: words)
  }

  /// The text in a C array up to its zero.
  private static func text<Array>(_ array: inout Array) -> String {
    withUnsafeBytes(of: &array) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

private func withOptionalCString(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Void) {
  if let text { text.withCString { body($0) } } else { body(nil) }
}

/// Pointers to the texts, valid while `body` runs.
private func withCStrings(_ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Void) {
  let copies = texts.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  body(copies.map { $0.map { UnsafePointer($0) } })
}

/// What URLs of sinks may be.
package enum SinkURL {
  /// Scheme, host and port alone: a path or query may be a secret.
  package static func origin(_ url: String) -> String {
    guard let parts = URLComponents(string: url), let scheme = parts.scheme, let host = parts.host else {
      return "?"
    }
    return "\(scheme)://\(host)" + (parts.port.map { ":\($0)" } ?? "")
  }

  /// Whether it stays on this machine.
  package static func isLocal(_ url: String) -> Bool {
    guard let host = URLComponents(string: url)?.host?.lowercased() else { return false }
    return host == "localhost" || host == "::1" || host == "[::1]" || isLoopback(host)
  }

  /// 127.0.0.0/8, written out.
  private static func isLoopback(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
    return parts.count == 4 && parts[0] == 127 && !parts.contains(nil)
  }

  /// Whether what goes there can be read on the way.
  package static func isExposed(_ url: String) -> Bool {
    URLComponents(string: url)?.scheme == "http" && !isLocal(url)
  }

  /// Why it cannot be used; nil when it can.
  package static func problem(_ url: String) -> String? {
    guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
      ["http", "https"].contains(parts.scheme), parts.fragment == nil,
      !url.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7f })
    else { return "is no URL, want http://HOST… or https://HOST…" }
    return parts.user == nil && parts.password == nil
      ? nil : "holds a password, want it in a file: basic_auth_file"
  }
}
