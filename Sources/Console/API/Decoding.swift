package import Events
import Foundation
import Wire

// What is decoded here is `protocol/http/openapi.yaml`; keys that are not read are left out, and those that a later
// version adds are passed over.

extension Timestamp: Decodable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let time = RFC3339.parse(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "no RFC 3339 time")
    }
    self = time
  }
}

/// The JSON of one answer as a value.
///
/// - Throws: `undecodable`, with the place.
package func decode<Answer: Decodable>(_ type: Answer.Type, from bytes: [UInt8]) throws(ClientFailure)
  -> Answer
{
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  do { return try decoder.decode(type, from: Data(bytes)) } catch let error as DecodingError {
    throw .undecodable(place(of: error))
  } catch { throw .undecodable("\(error)") }
}

private func place(of error: DecodingError) -> String {
  func path(_ context: DecodingError.Context) -> String {
    context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
  }
  return switch error {
  case .keyNotFound(let key, let context): "no \(key.stringValue) in '\(path(context))'"
  case .typeMismatch(_, let context), .valueNotFound(_, let context): "another type at '\(path(context))'"
  case .dataCorrupted(let context): "\(context.debugDescription) at '\(path(context))'"
  @unknown default: "\(error)"
  }
}

/// Why a daemon did not tell what it was asked.
package enum ClientFailure: Error, Equatable, Sendable, CustomStringConvertible {
  case transport(HTTPFailure)
  /// It answered with a problem: the HTTP status, the machine's word and the words for people.
  case problem(status: Int, code: String, detail: String)
  /// It answered with something else than the API says.
  case undecodable(String)

  package var description: String {
    switch self {
    case .transport(let failure): failure.description
    case .problem(401, _, _): "the daemon asks for a token: --token-file FILE"
    case .problem(let status, let code, let detail):
      code.isEmpty ? "it answered \(status)" : "it answered \(status) \(plain(code)): \(plain(detail))"
    case .undecodable(let what): "its answer is not what the API says: \(plain(what))"
    }
  }
}

/// A daemon, asked over HTTP.
package struct DaemonClient: Sendable {
  /// For one answer; the daemon itself gives up after a second.
  package static let patience = Duration.seconds(5)

  package let http: HTTPClient

  package init(_ http: HTTPClient) { self.http = http }

  /// The body of a 200.
  package func fetch(_ path: String, within patience: Duration = patience) throws(ClientFailure) -> [UInt8] {
    let response: HTTPClient.Response
    do throws(HTTPFailure) { response = try http.request(path, within: patience) } catch {
      throw .transport(error)
    }
    guard response.status == 200 else { throw Self.problem(response) }
    return response.body
  }

  package func get<Answer: Decodable>(
    _ path: String, as type: Answer.Type, within patience: Duration = patience
  ) throws(ClientFailure) -> Answer {
    try decode(type, from: fetch(path, within: patience))
  }

  private static func problem(_ response: HTTPClient.Response) -> ClientFailure {
    do throws(ClientFailure) {
      let told = try decode(Problem.self, from: response.body)
      return .problem(status: response.status, code: told.code, detail: told.detail)
    } catch { return .problem(status: response.status, code: "", detail: "") }
  }

  private struct Problem: Decodable {
    var code: String
    var detail: String
  }
}
