/// `tidemark healthcheck`: one request, one line, 0 or 1.
package struct HealthCheck: Sendable {
  /// For all of it; a probe that takes longer has failed.
  package static let patience = Duration.seconds(2)

  private let http: HTTPClient
  private let asksReady: Bool

  /// - Parameter asksReady: whether events are taken, rather than whether it lives.
  package init(_ http: HTTPClient, asksReady: Bool) { (self.http, self.asksReady) = (http, asksReady) }

  /// The line, and whether all is well.
  package func run() -> (line: String, isWell: Bool) {
    do throws(HTTPFailure) {
      let response = try http.request(asksReady ? Path.ready : Path.live, within: Self.patience)
      let words = asksReady ? Self.words(response) : plain(response.text.trimmingLines)
      let isWell = response.status == 200
      return (isWell ? words : "status \(response.status)" + (words.isEmpty ? "" : ": \(words)"), isWell)
    } catch {
      return ("\(http.address): \(error)", false)
    }
  }

  private static func words(_ response: HTTPClient.Response) -> String {
    do throws(ClientFailure) {
      let ready = try decode(ReadinessAnswer.self, from: response.body)
      let failing = ready.checks.filter { $0.value.state == "failing" }.sorted { $0.key < $1.key }
        .map { "\($0.key) failing" + ($0.value.detail.map { " (\($0))" } ?? "") }
      return plain(failing.isEmpty ? ready.status : "\(ready.status): \(failing.joined(separator: ", "))")
    } catch { return "" }
  }
}
