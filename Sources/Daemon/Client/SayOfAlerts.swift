package import Events
import Foundation
import Wire
import ZeroMQ

/// `tidemark silence` and `tidemark resolve`: what an operator says of alerts.
package struct SayOfAlerts {
  private let request: SilenceRequest
  private let endpoint: ClientEndpoint
  private let isJSON: Bool
  private let patience: Duration

  /// - Parameter patience: how long an answer is waited for.
  package init(_ request: SilenceRequest, to endpoint: ClientEndpoint, isJSON: Bool, patience: Duration) {
    self.request = request
    self.endpoint = endpoint
    self.isJSON = isJSON
    self.patience = patience
  }

  /// Asks, and prints the answer: `success` when it was done, `data` when it was refused, `unavailable` when nobody
  /// answered.
  package func run() -> ExitStatus {
    let (words, notes) = (Terminal(descriptor: 1), Terminal(descriptor: 2))
    let name = "tidemark-cli-\(ProcessInfo.processInfo.processIdentifier)"
    guard let source = SourceName(name) else { return .system }
    do throws(ControlClient.Failure) {
      var client = try ControlClient(endpoint, source: source)
      let answer = try client.ask(request, patience: patience)
      if isJSON { words.print(ReportDecision.line(answer.object)) }
      guard answer.kind == .ack else {
        let text = { (key: String) in answer.object[key] as? String ?? "" }
        notes.print("tidemark: \(text("code")): \(text("detail"))")
        return .data
      }
      if !isJSON { tell(answer.object["silences"] as? [[String: Any]] ?? [], words) }
      return .success
    } catch {
      switch error {
      case .unanswered: notes.print("tidemark: no answer from \(endpoint)")
      case .socket(let error): notes.print("tidemark: \(error)")
      }
      return .unavailable
    }
  }

  private func tell(_ silences: [[String: Any]], _ words: Terminal) {
    switch request {
    case .resolve: words.print("resolved")
    case .expire: words.print("expired")
    case .create: words.print(silences.first?["id"] as? String ?? "-")
    case .list:
      if silences.isEmpty { words.print("no silences") }
      for silence in silences { words.print(Self.line(silence)) }
    }
  }

  private static func line(_ silence: [String: Any]) -> String {
    let text = { (key: String) in silence[key] as? String ?? "-" }
    let matchers = (silence["matchers"] as? [String: String] ?? [:]).sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    return
      "\(text("id"))  \(matchers)  until \(text("ends_at"))  by \(text("created_by"))  \(text("comment"))"
  }
}
