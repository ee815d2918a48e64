import Events
import Foundation
import Wire

/// An alert as Alertmanager's API v2 takes it (`postableAlert`).
struct AlertmanagerAlert: Codable, Equatable {
  var labels: [String: String]
  var annotations: [String: String]
  var startsAt: String
  var endsAt: String
  var generatorURL: String?

  static func encoded(_ alerts: [AlertmanagerAlert]) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts alone: nothing of it can fail to be JSON.
    do { return [UInt8](try encoder.encode(alerts)) } catch { return Array("[]".utf8) }
  }
}

/// What makes an Alertmanager's alert of one of ours.
struct AlertmanagerNaming: Sendable {
  /// The daemon's name.
  let instance: String
  /// Added to each.
  let labels: [String: String]
  let externalURL: String?

  /// Labels that are ours to set.
  static let own: Set<String> = [
    "alertname", "instance", "severity", "model", "version", "monitor", "metric", "source",
  ]

  /// `TidemarkDataDrift` of `data_drift`.
  static func alertName(_ type: String) -> String {
    "Tidemark"
      + type.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  /// What the alert is, and so what tells it from others; the severity is part of it.
  func labels(of event: EventHead, _ severity: Severity) -> [String: String] {
    var all = labels
    all["alertname"] = Self.alertName(event.data.kind ?? "alert")
    all["instance"] = instance
    all["severity"] = severity.rawValue
    all["monitor"] = event.data.monitor
    all["model"] = event.subject
    all["version"] = event.modelVersion
    all["metric"] = event.data.metric
    if event.subject == nil { all["source"] = source(of: event) }
    return all
  }

  /// The last part of the key of an alert that is about a source.
  private func source(of event: EventHead) -> String? {
    event.data.alertKey?.split(separator: "/").last.flatMap { $0.removingPercentEncoding }
  }

  func annotations(of event: EventHead) -> [String: String] {
    var all = ["summary": summary(of: event), "description": description(of: event)]
    all["episode_id"] = event.correlation
    all["rev"] = event.data.revision.map(String.init)
    return all
  }

  private func summary(of event: EventHead) -> String {
    let what = (event.data.kind ?? "alert").replacingOccurrences(of: "_", with: " ")
    let metric = event.data.metric.map { " of \($0)" } ?? ""
    guard let model = event.subject else { return "\(what)\(metric): \(source(of: event) ?? "?")" }
    return "\(what)\(metric): \(model)\(event.modelVersion.map { "@\($0)" } ?? "")"
  }

  private func description(of event: EventHead) -> String {
    var parts = ["value \(number(event.data.value)), threshold \(number(event.data.threshold))"]
    if let proof = event.data.evidence {
      if let cases = proof.cases { parts.append("n \(cases)") }
      if let effect = proof.effect { parts.append("effect \(number(effect))") }
      if let log10 = proof.log10 { parts.append("evidence 10^\(number(log10)) to 1") }
    }
    return parts.joined(separator: ", ")
  }

  /// Four significant digits.
  private func number(_ value: Double?) -> String {
    value.map { String(format: "%.4g", $0) } ?? "none"
  }

  func generatorURL(of event: EventHead) -> String? {
    guard let externalURL else { return nil }
    guard let model = event.subject else { return externalURL + "/" }
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-._~")
    let parts = [model, event.modelVersion ?? "-"]
    return externalURL + "/#/models/"
      + parts.map { $0.addingPercentEncoding(withAllowedCharacters: allowed) ?? "" }.joined(separator: "/")
  }

  /// - Parameter ends: when it is over, or no longer to be believed.
  func alert(
    _ event: EventHead, _ severity: Severity, ends: Timestamp, wall: Timestamp
  ) -> AlertmanagerAlert {
    // Model time can be ahead of the clock; an alert that ends before it begins would be refused.
    let opened = event.data.openedAt.flatMap { RFC3339.parse($0) } ?? wall
    return AlertmanagerAlert(
      labels: labels(of: event, severity), annotations: annotations(of: event),
      startsAt: RFC3339.string(min(opened, wall)), endsAt: RFC3339.string(ends),
      generatorURL: generatorURL(of: event))
  }
}
