import Events
import Foundation
import ZeroMQ

/// `tidemark tail`: what a daemon publishes, as it comes.
package struct Tail {
  package enum Format: Sendable {
    case text
    /// The CloudEvents objects, one a line.
    case json
    /// Every frame in hexadecimal, one a line, messages separated by an empty line.
    case frames
  }

  private let endpoint: ClientEndpoint
  private let kinds: [String]
  private let model: String?
  private let format: Format
  private let count: Int?
  private let patience: Duration?
  private let out = Terminal(descriptor: 1)
  private let notes = Terminal(descriptor: 2)

  /// - Parameters:
  ///   - kinds: `alert`, `decision`, `assessment`, `status`, `head`; empty means alerts and decisions.
  ///   - model: nil means all.
  ///   - count: ends after so many messages; nil means never.
  ///   - patience: ends when nothing was heard of the daemon for so long, head or message; nil means never.
  package init(
    _ endpoint: ClientEndpoint, kinds: [String], model: String?, format: Format, count: Int?,
    patience: Duration?
  ) {
    self.endpoint = endpoint
    self.kinds = kinds.isEmpty ? ["alert", "decision"] : kinds
    self.model = model
    self.format = format
    self.count = count
    self.patience = patience
  }

  package func run() -> ExitStatus {
    do throws(ZeroMQError) {
      return try follow()
    } catch {
      notes.print("tidemark: \(error)")
      return .system
    }
  }

  private var prefixes: [String] {
    var segment: [UInt8] = []
    if let model { TopicSegment.append(model, to: &segment) }
    return kinds.map { kind in
      kind == "head" || kind == "status" || model == nil
        ? "\(kind)/" : "\(kind)/\(String(decoding: segment, as: UTF8.self))/"
    }
  }

  private func follow() throws(ZeroMQError) -> ExitStatus {
    var reader = try OutputReader(endpoint, prefixes: prefixes)
    var shown = 0
    let wait = patience.map { Int($0.clampedNanoseconds / 1_000_000) } ?? 3_600_000
    while count.map({ shown < $0 }) ?? true {
      guard let heard = try reader.next(milliseconds: wait) else {
        guard patience != nil else { continue }
        notes.print("tidemark: nothing was heard on \(endpoint) for \(wait) ms")
        return .unavailable
      }
      if heard.lost > 0 { notes.print("gap: \(heard.lost) or more of \(heard.source) are lost") }
      if heard.kind == "bye" { notes.print("\(heard.source) has stopped") }
      if heard.isSign && !kinds.contains(String(heard.kind)) { continue }
      shown += 1
      switch format {
      case .json: out.print(String(decoding: heard.body, as: UTF8.self))
      case .frames: out.print(reader.dump + "\n")
      case .text: out.print(line(heard))
      }
    }
    return .success
  }

  private func line(_ heard: OutputReader.Heard) -> String {
    guard let event = heard.object else {
      return "\(heard.topic) \(heard.body.count) bytes that are no object"
    }
    guard !heard.isSign else {
      return "\(heard.topic) number \(heard.header.map { String($0.number) } ?? "?")"
    }
    return OutputLine(event).text(on: out)
  }
}

/// One output in one line for people.
struct OutputLine {
  private let event: [String: Any]
  private let data: [String: Any]

  init(_ event: [String: Any]) {
    self.event = event
    data = event["data"] as? [String: Any] ?? [:]
  }

  private func word(_ key: String) -> String { data[key] as? String ?? "?" }
  private func number(_ key: String) -> String {
    (data[key] as? Double).map { String(format: "%.4g", $0) } ?? "-"
  }

  /// Time, model, and what is said of it.
  func text(on terminal: Terminal) -> String {
    let time = event["time"] as? String ?? "?"
    let version = (event["modelversion"] as? String).map { "@\($0)" } ?? ""
    let model = (event["subject"] as? String).map { $0 + version } ?? "-"
    let parts = (event["type"] as? String ?? "?").split(separator: ".")
    let what = parts.count > 2 ? String(parts[1]) : "?"
    let style: Terminal.Style? =
      switch (what, data["state"] as? String) {
      case ("alert", "firing"): .red
      case ("alert", _): .green
      case ("decision", _): .yellow
      default: nil
      }
    let head = "\(time)  \(model)  "
    let said = "\(what) \(describe(what, parts))"
    return head + (style.map { terminal.styled(said, $0) } ?? said)
  }

  private func describe(_ what: String, _ parts: [Substring]) -> String {
    let last = parts.count > 2 ? String(parts[2]) : "?"
    switch what {
    case "alert":
      let top = (data["top_k"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
      let names = top.isEmpty ? "" : " (\(top.joined(separator: ", ")))"
      return
        "\(last): \(word("type")), \(word("severity")), \(number("value")) against \(number("threshold"))\(names)"
    case "decision":
      let reasons = (data["trigger_reasons"] as? [String] ?? []).joined(separator: "; ")
      return "retrain\(data["dry_run"] as? Bool == true ? " (dry run)" : ""): \(reasons)"
    case "assessment":
      switch last {
      case "performance":
        return
          "performance: \(word("status")), accuracy \(number("recent_accuracy")), latency \(number("recent_latency_ms")) ms"
      case "drift":
        let summary = data["summary"] as? [String: Any] ?? [:]
        return
          "drift: \(summary["drifted_features"] ?? "?") of \(summary["total_features"] ?? "?") features, "
          + "largest score \(number("max_drift_score"))"
      default:
        return
          "retrain: \(data["should_retrain"] as? Bool == true ? "yes" : "no"), score \(number("severity_score"))"
      }
    default:
      let sources = data["sources"] as? [Any] ?? []
      return "\(last): \(sources.count) sources, part \(data["part"] ?? 1) of \(data["parts"] ?? 1)"
    }
  }
}
