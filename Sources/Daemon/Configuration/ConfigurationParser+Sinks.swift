import Events
import Foundation
import Sinks

// What is notified, under `sinks`.
extension ConfigurationParser {
  private static let accessKeys = ["token_file", "basic_auth_file", "ca_file"]
  private static let timeouts = Duration.seconds(1)...Duration.seconds(60)

  func readSinks(_ node: ConfigurationNode, into settings: inout SinkSettings) {
    let members = node.members(["alertmanager", "webhooks", "external_url"])
    if let manager = members["alertmanager"] { settings.alertmanager = readAlertmanager(manager) }
    if let webhooks = members["webhooks"] { settings.webhooks = readWebhooks(webhooks) }
    if let url = members["external_url"].flatMap(readURL) {
      settings.externalURL = url.hasSuffix("/") ? String(url.dropLast()) : url
    }
    guard settings.count > 0 else { return }
    if settings.count > SinkSettings.maximumSinks {
      node.note("\(settings.count) receivers, want at most \(SinkSettings.maximumSinks)")
    }
    if let words = CurlTransport.unavailable { node.note("cannot be used here: \(words)") }
  }

  private func readAlertmanager(_ node: ConfigurationNode) -> AlertmanagerSettings? {
    let members = node.members(["urls", "resend", "labels", "timeout"] + Self.accessKeys)
    let want = "a list of URLs, such as [http://127.0.0.1:9093]"
    guard let list = members["urls"] else {
      node.note("has no urls, want \(want)")
      return nil
    }
    let urls = (list.elements(want: want) ?? []).compactMap(readURL)
    if list.elements(want: want)?.isEmpty == true { list.note("an empty list, want \(want)") }
    if Set(urls).count < urls.count { list.note("the same URL stands twice, want each once") }
    var settings = AlertmanagerSettings(urls: urls)
    if let resend = readTime(members["resend"], .seconds(1)...Duration.seconds(3_600)) {
      settings.resend = resend
    }
    if let timeout = readTime(members["timeout"], Self.timeouts) { settings.timeout = timeout }
    if let labels = members["labels"] { settings.labels = readLabels(labels) }
    settings.access = readAccess(members)
    return settings
  }

  private func readLabels(_ node: ConfigurationNode) -> [String: String] {
    var labels: [String: String] = [:]
    for (name, value) in node.entries(want: "names and values of labels") ?? [] {
      if name.wholeMatch(of: /[a-zA-Z_][a-zA-Z0-9_]*/) == nil || name.hasPrefix("__") {
        value.note("'\(name.prefix(64))' is no name of a label, want letters, digits and _")
      } else if AlertmanagerSettings.ownLabels.contains(name) {
        value.note("the daemon sets '\(name)' itself, want another name")
      } else if let text = value.text(want: "the label's value") {
        labels[name] = text
      }
    }
    return labels
  }

  private func readWebhooks(_ node: ConfigurationNode) -> [WebhookSettings] {
    var seen: Set<String> = []
    return (node.elements(want: "a list of webhooks") ?? []).compactMap { element in
      guard let webhook = readWebhook(element) else { return nil }
      if !seen.insert(webhook.name).inserted {
        element.note("the name '\(webhook.name)' stands twice, want each once")
      }
      return webhook
    }
  }

  private func readWebhook(_ node: ConfigurationNode) -> WebhookSettings? {
    let members = node.members(
      ["name", "url", "secret_file", "kinds", "min_severity", "models", "timeout", "give_up_after"]
        + Self.accessKeys)
    guard let name = readName(node, members["name"]), let urlNode = members["url"], let url = readURL(urlNode)
    else {
      if members["url"] == nil { node.note("has no url, want http://HOST… or https://HOST…") }
      return nil
    }
    var webhook = WebhookSettings(name: name, url: url)
    if let secret = members["secret_file"] { webhook.signing = readSigning(secret) }
    if let kinds = members["kinds"]?.elements(want: "a list of alert and decision") {
      webhook.kinds = Set(kinds.compactMap { $0.choice(WebhookSettings.Kind.self) })
    }
    if let least = members["min_severity"]?.choice(Severity.self) { webhook.minimumSeverity = least }
    if let models = members["models"]?.elements(want: "a list of models' names") {
      webhook.models = Set(models.compactMap { $0.text(want: "a model's name") })
    }
    if let timeout = readTime(members["timeout"], Self.timeouts) { webhook.timeout = timeout }
    if let age = readTime(members["give_up_after"], .seconds(1)...Duration.seconds(30 * 86_400)) {
      webhook.giveUpAfter = age
    }
    webhook.access = readAccess(members)
    return webhook
  }

  private func readName(_ webhook: ConfigurationNode, _ node: ConfigurationNode?) -> String? {
    let want = "1 to \(WebhookSettings.nameBytes) letters, digits, - and _"
    guard let node else {
      webhook.note("has no name, want \(want)")
      return nil
    }
    guard let name = node.text(want: want) else { return nil }
    guard name.utf8.count <= WebhookSettings.nameBytes, name.wholeMatch(of: /[a-zA-Z0-9_-]+/) != nil else {
      node.note("'\(name.prefix(80))' is no name, want \(want)")
      return nil
    }
    return name
  }

  // MARK: Parts of both

  private func readURL(_ node: ConfigurationNode) -> String? {
    guard let url = node.text(want: "http://HOST… or https://HOST…") else { return nil }
    // The URL itself is not repeated: its path may be a secret.
    guard let problem = SinkURL.problem(url) else { return url }
    node.note(problem)
    return nil
  }

  private func readTime(_ node: ConfigurationNode?, _ range: ClosedRange<Duration>) -> Duration? {
    guard let node, let time = node.duration(atLeast: range.lowerBound) else { return nil }
    guard time <= range.upperBound else {
      node.note("is too long, want at most \(range.upperBound.components.seconds)s")
      return nil
    }
    return time
  }

  /// Relative to the configuration's own directory.
  private func url(of path: String) -> URL {
    URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: file).deletingLastPathComponent())
  }

  private func readAccess(_ members: [String: ConfigurationNode]) -> SinkAccess {
    var access = SinkAccess()
    if let node = members["token_file"], let token = readSecret(node) {
      access.authorization = Secret(Array("Bearer \(token)".utf8))
    }
    if let node = members["basic_auth_file"] {
      if members["token_file"] != nil { node.note("stands beside token_file, want one of them") }
      if let pair = readSecret(node) {
        if !pair.contains(":") { node.note("the file holds no USER:PASSWORD") }
        access.authorization = Secret(Array("Basic \(Data(pair.utf8).base64EncodedString())".utf8))
      }
    }
    if let node = members["ca_file"], let path = node.text(want: "a file of certificates") {
      let found = url(of: path).path
      if FileManager.default.isReadableFile(atPath: found) {
        access.trusted = found
      } else {
        node.note("\(found) cannot be read, want a file of certificates (PEM)")
      }
    }
    return access
  }

  private func readSecret(_ node: ConfigurationNode) -> String? {
    guard let path = node.text(want: "a file that only its owner and group can read") else { return nil }
    do throws(SecretFile.Problem) { return try SecretFile.line(url(of: path)) } catch {
      node.note(error.message)
      return nil
    }
  }

  private func readSigning(_ node: ConfigurationNode) -> StandardWebhook? {
    guard let path = node.text(want: "a file that only its owner and group can read") else { return nil }
    do throws(SecretFile.Problem) { return try StandardWebhook(file: url(of: path)) } catch {
      node.note(error.message)
      return nil
    }
  }
}

extension SinkSettings {
  /// Lines for `check`, without what is secret: of a URL scheme, host and port alone.
  var summary: String {
    guard count > 0 else { return "  sinks    none" }
    var lines: [String] = []
    if let alertmanager {
      for url in alertmanager.urls {
        lines.append(
          "alertmanager \(SinkURL.origin(url)), again every \(alertmanager.resend.components.seconds) s"
            + alertmanager.access.summary + Self.warning(url))
      }
    }
    for webhook in webhooks {
      let what = webhook.kinds.map(\.rawValue).sorted().joined(separator: " and ")
      let models = webhook.models.isEmpty ? "" : " of \(webhook.models.count) models"
      lines.append(
        "webhook \(webhook.name) \(SinkURL.origin(webhook.url)), \(what)\(models) from "
          + "\(webhook.minimumSeverity.rawValue), \(webhook.signing == nil ? "not signed" : "signed")"
          + webhook.access.summary + Self.warning(webhook.url))
    }
    return lines.enumerated().map { ($0 == 0 ? "  sinks    " : "           ") + $1 }.joined(separator: "\n")
  }

  private static func warning(_ url: String) -> String {
    SinkURL.isExposed(url) ? "; warning: http to another machine, anybody on the way can read it" : ""
  }
}

extension SinkAccess {
  fileprivate var summary: String { authorization == nil ? "" : ", with a password or token" }
}
