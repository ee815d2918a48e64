package import Events
import Foundation
import Wire
import ZeroMQ

/// `tidemark ack`, `reject` and `report`: what becomes of a decision, by the word of a person or a script.
package struct ReportDecision {
  private let endpoint: ClientEndpoint
  private let feedback: Feedback
  private let isJSON: Bool
  private let patience: Duration

  /// - Parameter patience: how long an answer is waited for.
  package init(_ feedback: Feedback, to endpoint: ClientEndpoint, isJSON: Bool, patience: Duration) {
    self.endpoint = endpoint
    self.feedback = feedback
    self.isJSON = isJSON
    self.patience = patience
  }

  /// Asks, and prints the answer: `success` when it was granted, `data` when it was refused, `unavailable` when
  /// nobody answered.
  package func run() -> ExitStatus {
    let notes = Terminal(descriptor: 2)
    let name = "tidemark-cli-\(ProcessInfo.processInfo.processIdentifier)"
    guard let source = SourceName(name) else { return .system }
    do throws(ControlClient.Failure) {
      var client = try ControlClient(endpoint, source: source)
      let answer = try client.ask(feedback, patience: patience)
      if isJSON { Terminal(descriptor: 1).print(Self.line(answer.object)) }
      if answer.kind == .ack {
        if !isJSON { Terminal(descriptor: 1).print(Self.words(granted: answer.object)) }
        return .success
      }
      notes.print("tidemark: \(Self.words(refused: answer.object))")
      return .data
    } catch {
      switch error {
      case .unanswered: notes.print("tidemark: no answer from \(endpoint)")
      case .socket(let error): notes.print("tidemark: \(error)")
      }
      return .unavailable
    }
  }

  static func line(_ object: [String: Any]) -> String {
    let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
    let data = try? JSONSerialization.data(withJSONObject: object, options: options)
    return data.map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  private static func words(granted answer: [String: Any]) -> String {
    let text = { (key: String) in answer[key] as? String ?? "-" }
    return "\(text("attempt_id")) \(text("state")), held by \(text("owner"))"
  }

  private static func words(refused answer: [String: Any]) -> String {
    let holder = (answer["owner"] as? String).map { ", held by \($0)" } ?? ""
    return "\(answer["code"] as? String ?? "refused"): \(answer["detail"] as? String ?? "")\(holder)"
  }
}
