import Events

/// Sends each alert and decision as it was published to one URL, in order, one at a time, until it is taken.
///
/// At least once: what the receiver took and could not say so comes again, under the same `webhook-id`. What is
/// not taken stands before everything after it; a message that is too old for another attempt, or that the
/// receiver will not have, is left out and counted.
package struct WebhookSink: Sink {
  /// The longest pause between two attempts, unless the receiver asks for a longer one.
  package static let longestPause = Duration.seconds(300)

  package let name: String
  package private(set) var counts = SinkCounts()
  private let settings: WebhookSettings
  private var memory = EpisodeMemory()
  private var backoff: Backoff
  private var remarks = SinkRemarks()
  /// At most one turn of the feed.
  private var pending: [(message: SinkMessage, id: String)] = []
  private var end: UInt64 = 0
  private var attemptAt = Timestamp.min

  package init(_ settings: WebhookSettings, random: any RandomNumberGenerator & Sendable) {
    self.settings = settings
    name = settings.name
    backoff = Backoff(limit: Self.longestPause, random: random)
  }

  package var finished: UInt64 { pending.first.map { $0.message.number - 1 } ?? end }
  package var takes: Bool { pending.isEmpty && counts.health != .gone }
  package mutating func takeRemarks() -> [SinkRemark] { remarks.take() }

  package mutating func restore(
    _ messages: [SinkMessage], delivered: UInt64?, end: UInt64, at moment: SinkMoment
  ) {
    self.end = end
    for message in messages { _ = identifier(ofWanted: message) }
  }

  // MARK: Messages

  package mutating func take(_ batch: SinkBatch, at moment: SinkMoment) {
    end = max(end, batch.end)
    if batch.lost > 0 {
      counts.dropped += batch.lost
      remarks.add(.warning("\(batch.lost) messages were lost before they could be sent"))
    }
    for message in batch.messages {
      if let id = identifier(ofWanted: message) { pending.append((message, id)) }
    }
    counts.waiting = pending.count
  }

  /// Nil when it is not to be sent.
  private mutating func identifier(ofWanted message: SinkMessage) -> String? {
    guard let event = EventHead(message.body), let kind = event.kind, settings.kinds.contains(kind),
      settings.models.isEmpty || settings.models.contains(event.subject ?? ""),
      kind == .decision || memory.admits(event, from: settings.minimumSeverity)
    else { return nil }
    return event.id
  }

  // MARK: Attempts

  package mutating func step(at moment: SinkMoment) -> SinkStep {
    guard let (message, id) = pending.first, counts.health != .gone else { return .rest(until: nil) }
    guard moment.now >= attemptAt else { return .rest(until: attemptAt) }
    let signing = settings.signing ?? StandardWebhook(keys: [])
    let headers =
      settings.access.headers(contentType: "application/cloudevents+json")
      + signing.headers(id: id, wall: moment.wall, body: message.body)
    return .post(
      HTTPPost(
        url: settings.url, headers: headers, body: message.body, timeout: settings.timeout,
        trusted: settings.access.trusted))
  }

  package mutating func take(_ answer: HTTPAnswer, at moment: SinkMoment) {
    switch WebhookVerdict(answer) {
    case .delivered: delivered(at: moment)
    case .refused:
      counts.refused += 1
      remarks.add(.warning("\(pending[0].id) was refused and is left out: \(answer.words)"))
      backoff.succeed()
      leaveFirst()
    case .gone:
      counts.refused += 1
      counts.health = .gone
      remarks.add(.warning("status 410: it is gone, nothing is sent until the daemon begins anew"))
    case .again: failed(answer, at: moment)
    }
  }

  private mutating func delivered(at moment: SinkMoment) {
    if counts.health == .failing {
      remarks.add(.notice("delivers again after \(backoff.failures) failures"))
    }
    counts.delivered += 1
    counts.lastSuccess = moment.wall
    counts.health = .ok
    backoff.succeed()
    leaveFirst()
  }

  private mutating func failed(_ answer: HTTPAnswer, at moment: SinkMoment) {
    if counts.health != .failing { remarks.add(.warning("cannot deliver, tries again: \(answer.words)")) }
    counts.health = .failing
    var asked: Duration?
    if case .status(_, let header?, _) = answer { asked = RetryAfter.parse(header, wall: moment.wall) }
    attemptAt = moment.now.advanced(by: backoff.fail(asked: asked))
    let (message, id) = pending[0]
    guard message.time.duration(to: moment.now) >= settings.giveUpAfter else {
      counts.retried += 1
      return
    }
    counts.dropped += 1
    remarks.add(.warning("\(id) is given up, it is too old for another attempt"))
    leaveFirst()
  }

  private mutating func leaveFirst() {
    pending.removeFirst()
    counts.waiting = pending.count
  }
}

/// What an answer means for a webhook.
enum WebhookVerdict: Equatable {
  case delivered
  /// It will not have this message, whenever it is sent.
  case refused
  case gone
  /// It may have it later.
  case again

  init(_ answer: HTTPAnswer) {
    guard case .status(let status, _, _) = answer else {
      self = .again
      return
    }
    switch status {
    case 200..<300: self = .delivered
    case 410: self = .gone
    // What somebody can put right at the receiver, or that passes.
    case 401, 403, 404, 407, 408, 421, 425, 429: self = .again
    case 400..<500: self = .refused
    default: self = .again
    }
  }
}
