import Events

/// Keeps one Alertmanager (API v2) told of what is open.
///
/// State rather than messages: each request says what fires and what no longer does, so that a lost one is made
/// good by the next. What fires is sent again every `resend`, and is over for the Alertmanager after four
/// times as long without: a daemon that died leaves no alert behind.
package struct AlertmanagerSink: Sink {
  /// How long an alert fires that is not sent again, in resends.
  package static let validResends = 4
  /// The longest pause between two attempts: a quarter of how long an alert fires by itself, or this.
  static let longestPause = Duration.seconds(60)

  package let name: String
  package private(set) var counts = SinkCounts()
  private let url: String
  private let settings: AlertmanagerSettings
  private let naming: AlertmanagerNaming
  private var table = AlertmanagerTable()
  private var backoff: Backoff
  private var remarks = SinkRemarks()
  private var end: UInt64 = 0
  private var attemptAt = Timestamp.min
  private var resendAt = Timestamp.min
  /// What the request under way speaks of, and how many alerts it has.
  private var underWay: (keys: [String], alerts: Int) = ([], 0)

  /// - Parameters:
  ///   - url: one of the settings'.
  ///   - instance: the daemon's name.
  package init(
    _ settings: AlertmanagerSettings, url: String, name: String, instance: String, externalURL: String?,
    random: any RandomNumberGenerator & Sendable
  ) {
    self.settings = settings
    self.name = name
    self.url = (url.hasSuffix("/") ? String(url.dropLast()) : url) + "/api/v2/alerts"
    naming = AlertmanagerNaming(instance: instance, labels: settings.labels, externalURL: externalURL)
    backoff = Backoff(limit: min(Self.longestPause, settings.resend), random: random)
  }

  package var finished: UInt64 { table.firstUnsent.map { $0 - 1 } ?? end }
  /// Of alerts only the last state is kept, and there is a limit on those.
  package var takes: Bool { true }
  package mutating func takeRemarks() -> [SinkRemark] { remarks.take() }

  // MARK: Messages

  package mutating func restore(
    _ messages: [SinkMessage], delivered: UInt64?, end: UInt64, at moment: SinkMoment
  ) {
    self.end = end
    for message in messages { enter(message, isDelivered: message.number <= delivered ?? 0) }
    // What fires there may be about to expire.
    resendAt = moment.now
    counts.waiting = table.unsentCount
  }

  package mutating func take(_ batch: SinkBatch, at moment: SinkMoment) {
    end = max(end, batch.end)
    if batch.lost > 0 {
      counts.dropped += batch.lost
      remarks.add(.warning("\(batch.lost) messages were lost before they could be sent"))
    }
    for message in batch.messages { enter(message, isDelivered: false) }
    counts.waiting = table.unsentCount
  }

  private mutating func enter(_ message: SinkMessage, isDelivered: Bool) {
    guard let event = EventHead(message.body), event.kind == .alert else { return }
    if table.enter(event, number: message.number, isDelivered: isDelivered) { return }
    counts.dropped += 1
    remarks.add(.warning("\(event.id) is not sent, \(AlertmanagerTable.capacity) alerts are open"))
  }

  // MARK: Requests

  package mutating func step(at moment: SinkMoment) -> SinkStep {
    guard moment.now >= attemptAt else { return .rest(until: attemptAt) }
    if moment.now >= resendAt {
      table.makeAllDue()
      resendAt = moment.now.advanced(by: settings.resend)
    }
    let keys = table.next()
    guard !keys.isEmpty else { return .rest(until: table.hasFiring ? resendAt : nil) }
    let alerts = table.alerts(
      keys, naming, validity: settings.resend * Self.validResends, wall: moment.wall)
    underWay = (keys, alerts.count)
    // An alert that opened and resolved before anybody was told.
    if alerts.isEmpty {
      taken()
      return step(at: moment)
    }
    return .post(
      HTTPPost(
        url: url, headers: settings.access.headers(contentType: "application/json"),
        body: AlertmanagerAlert.encoded(alerts), timeout: settings.timeout, trusted: settings.access.trusted))
  }

  package mutating func take(_ answer: HTTPAnswer, at moment: SinkMoment) {
    switch answer {
    case .status(200..<300, _, _):
      if counts.health == .failing {
        remarks.add(.notice("delivers again after \(backoff.failures) failures"))
      }
      counts.delivered += UInt64(underWay.alerts)
      succeed(at: moment)
    case .status(400, _, _):
      // It took those that it found right.
      counts.refused += 1
      remarks.add(.warning("some of \(underWay.alerts) alerts were refused: \(answer.words)"))
      succeed(at: moment)
    default: fail(answer, at: moment)
    }
  }

  private mutating func succeed(at moment: SinkMoment) {
    counts.lastSuccess = moment.wall
    counts.health = .ok
    backoff.succeed()
    taken()
  }

  private mutating func taken() {
    table.taken(underWay.keys)
    underWay = ([], 0)
    counts.waiting = table.unsentCount
  }

  private mutating func fail(_ answer: HTTPAnswer, at moment: SinkMoment) {
    if counts.health != .failing { remarks.add(.warning("cannot deliver, tries again: \(answer.words)")) }
    counts.health = .failing
    counts.retried += UInt64(underWay.alerts)
    underWay = ([], 0)
    var asked: Duration?
    if case .status(_, let header?, _) = answer { asked = RetryAfter.parse(header, wall: moment.wall) }
    attemptAt = moment.now.advanced(by: backoff.fail(asked: asked))
  }
}
