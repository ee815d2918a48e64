package import Events

/// One webhook.
package struct WebhookSettings: Sendable, Equatable {
  /// What can be sent.
  package enum Kind: String, Sendable, CaseIterable {
    case alert
    case decision
  }

  /// Letters, digits, `-` and `_`; the name of its cursor file, and of its counters.
  package var name: String
  package var url: String
  /// Nil: not signed.
  package var signing: StandardWebhook?
  package var kinds = Set(Kind.allCases)
  /// Of alerts.
  package var minimumSeverity = Severity.low
  /// Empty: all.
  package var models: Set<String> = []
  /// For one attempt.
  package var timeout = Duration.seconds(15)
  /// How old a message may be when an attempt fails for the last time.
  package var giveUpAfter = Duration.seconds(24 * 3_600)
  package var access = SinkAccess()

  /// Of a name.
  package static let nameBytes = 64

  package init(name: String, url: String) { (self.name, self.url) = (name, url) }
}

/// How a receiver knows the daemon, and the daemon the receiver.
package struct SinkAccess: Sendable, Equatable {
  /// The value of `Authorization`.
  package var authorization: Secret?
  /// A file of certificates to trust in place of the system's.
  package var trusted: String?

  package init() {}

  /// Headers of every request.
  func headers(contentType: String) -> [(name: String, value: String)] {
    var headers = [(name: "Content-Type", value: contentType)]
    if let authorization {
      headers.append((name: "Authorization", value: String(decoding: authorization.reveal, as: UTF8.self)))
    }
    return headers
  }
}

/// The Alertmanagers that alerts go to.
package struct AlertmanagerSettings: Sendable, Equatable {
  /// Each gets everything.
  package var urls: [String]
  /// How often what is open is sent again; after four times as long without, it is over for the receiver.
  package var resend = Duration.seconds(60)
  /// Added to every alert.
  package var labels: [String: String] = [:]
  package var timeout = Duration.seconds(15)
  package var access = SinkAccess()

  /// Labels that are ours to set, and so not to be configured.
  package static var ownLabels: Set<String> { AlertmanagerNaming.own }

  package init(urls: [String]) { self.urls = urls }
}

/// Everything that is notified.
package struct SinkSettings: Sendable, Equatable {
  /// Sinks, each with a thread.
  package static let maximumSinks = 16

  package var alertmanager: AlertmanagerSettings?
  package var webhooks: [WebhookSettings] = []
  /// Where people reach this daemon's dashboard, without a slash at the end.
  package var externalURL: String?

  package init() {}

  package var count: Int { (alertmanager?.urls.count ?? 0) + webhooks.count }
}
