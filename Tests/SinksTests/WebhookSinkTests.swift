import Events
import Foundation
import TestSupport
import Testing

@testable import Sinks

@Suite struct WebhookSinkTests {
  private func sink(_ change: (inout WebhookSettings) -> Void = { _ in }) -> WebhookSink {
    var settings = WebhookSettings(name: "incidents", url: "https://example.org/hook")
    settings.signing = StandardWebhook(keys: [Secret([UInt8](repeating: 7, count: 24))])
    change(&settings)
    return WebhookSink(settings, random: SeededGenerator(seed: 1))
  }

  private func ids(_ requests: [HTTPPost]) -> [String] { requests.compactMap { $0.header("webhook-id") } }

  @Test func aMessageIsSentAsItWasPublished() throws {
    var sink = sink { $0.access.authorization = Secret(Array("Bearer t".utf8)) }
    let message = Build.Alert(number: 1).message
    sink.take([message])
    let request = try sink.required(at: Build.moment(5))
    #expect(request.body == message.body && request.url == "https://example.org/hook")
    #expect(request.header("Content-Type") == "application/cloudevents+json")
    #expect(request.header("Authorization") == "Bearer t")
    #expect(request.header("webhook-id") == "ep-1.1")
    #expect(request.header("webhook-timestamp") == "1767225605")
    #expect(request.header("webhook-signature")?.hasPrefix("v1,") == true)
  }

  @Test func messagesGoInOrderOneAtATime() {
    var sink = sink()
    sink.take((1...20).map { Build.decision($0, "rt-\($0)") })
    #expect(ids(sink.run(at: Build.moment(0))) == (1...20).map { "rt-\($0)" })
    #expect(sink.counts.delivered == 20 && sink.finished == 20 && sink.counts.waiting == 0)
  }

  /// What is not taken is tried again under its id and stands before all others; each attempt is signed anew.
  @Test func whatFailsComesAgainBeforeWhatFollows() throws {
    var sink = sink()
    sink.take([Build.decision(1, "rt-1"), Build.decision(2, "rt-2")])
    var now = 0.0
    var signatures: Set<String> = []
    for answer: HTTPAnswer in [
      .failed("refused"), .status(500), .status(429), .status(302), .status(401), .status(408),
    ] {
      let request = try sink.required(at: Build.moment(now))
      #expect(request.header("webhook-id") == "rt-1")
      signatures.insert(try #require(request.header("webhook-signature")))
      sink.take(answer, at: Build.moment(now))
      #expect(sink.request(at: Build.moment(now)) == nil, "it waits")
      guard case .rest(let until?) = sink.step(at: Build.moment(now)) else {
        Issue.record("no time")
        return
      }
      now = Build.start.duration(to: until).secondsValue + 1
    }
    #expect(signatures.count == 6 && sink.counts.retried == 6 && sink.counts.health == .failing)
    #expect(sink.finished == 0 && sink.counts.delivered == 0)
    #expect(ids(sink.run(at: Build.moment(now))) == ["rt-1", "rt-2"])
    #expect(sink.counts.health == .ok)
    #expect(sink.takeRemarks().map(\.level) == [.warning, .notice], "when it begins and when it is over")
  }

  @Test func aReceiverThatAsksForTimeGetsIt() throws {
    var sink = sink()
    sink.take([Build.decision(1, "rt-1")])
    _ = try sink.required(at: Build.moment(0))
    sink.take(.status(429, retryAfter: "90"), at: Build.moment(0))
    #expect(sink.step(at: Build.moment(89.9)) == .rest(until: Build.moment(90).now))
    #expect(sink.request(at: Build.moment(90)) != nil)
  }

  @Test func whatTheReceiverWillNotHaveIsLeftOut() {
    for status in [400, 404 + 1, 413, 415, 422] {
      var sink = sink()
      sink.take([Build.decision(1, "rt-1"), Build.decision(2, "rt-2")])
      _ = sink.request(at: Build.moment(0))
      sink.take(.status(status), at: Build.moment(0))
      #expect(sink.counts.refused == 1 && sink.counts.retried == 0)
      #expect(ids(sink.run(at: Build.moment(0))) == ["rt-2"], "\(status)")
    }
  }

  /// 410: nothing more is sent, and the place is kept for whoever puts it right.
  @Test func aReceiverThatIsGoneIsLeftAlone() {
    var sink = sink()
    sink.take([Build.decision(1, "rt-1"), Build.decision(2, "rt-2")])
    _ = sink.request(at: Build.moment(0))
    sink.take(.status(410), at: Build.moment(0))
    #expect(sink.step(at: Build.moment(1e6)) == .rest(until: nil))
    #expect(!sink.takes && sink.finished == 0 && sink.counts.health == .gone && sink.counts.refused == 1)
  }

  /// After a day the message in front is left out with its next failure; what is younger stays.
  @Test func anOldMessageIsGivenUpAfterItsLastAttempt() throws {
    var sink = sink()
    var young = Build.decision(2, "rt-2")
    young.time = Build.moment(80_000).now
    sink.take([Build.decision(1, "rt-1"), young])
    _ = try sink.required(at: Build.moment(86_399))
    sink.take(.failed("dead"), at: Build.moment(86_399))
    #expect(sink.counts.dropped == 0 && sink.counts.retried == 1)
    _ = try sink.required(at: Build.moment(86_401))
    sink.take(.failed("dead"), at: Build.moment(86_401))
    #expect(sink.counts.dropped == 1 && sink.finished == 1)
    #expect(ids(sink.run(at: Build.moment(87_000))) == ["rt-2"])
  }

  @Test func lostMessagesAreCounted() {
    var sink = sink()
    sink.take(SinkBatch(messages: [], end: 40, lost: 40), at: Build.moment(0))
    #expect(sink.counts.dropped == 40 && sink.finished == 40)
  }

  // MARK: Filters

  @Test func kindsAndModelsAreFiltered() {
    var sink = sink { ($0.kinds, $0.models) = ([.alert], ["fraud"]) }
    sink.take([
      Build.decision(1, "rt-1"), Build.Alert(number: 2, model: "churn", episode: "ep-2").message,
      Build.Alert(number: 3).message,
    ])
    #expect(ids(sink.run(at: Build.moment(0))) == ["ep-1.1"] && sink.finished == 3)
  }

  /// Who was told that an alert is high is told that it is no longer.
  @Test func whatWasToldIsToldToItsEndHoweverMildItBecomes() {
    var sink = sink { $0.minimumSeverity = .high }
    sink.take([
      Build.Alert(number: 1, severity: .medium).message,
      Build.Alert(number: 2, revision: 2, severity: .high).message,
      Build.Alert(number: 3, revision: 3, severity: .low).message,
      Build.Alert(number: 4, revision: 4, severity: .low, isResolved: true).message,
      Build.Alert(number: 5, episode: "ep-2", severity: .low).message,
      Build.Alert(number: 6, episode: "ep-2", revision: 2, severity: .low, isResolved: true).message,
    ])
    #expect(ids(sink.run(at: Build.moment(0))) == ["ep-1.2", "ep-1.3", "ep-1.4"])
  }

  @Test func whatIsPublishedAgainIsNotToldTwice() {
    var sink = sink()
    sink.take([
      Build.Alert(number: 1).message, Build.Alert(number: 2).message,
      Build.Alert(number: 3, revision: 2, isResolved: true).message,
      Build.Alert(number: 4, revision: 2, isResolved: true).message,
    ])
    #expect(ids(sink.run(at: Build.moment(0))) == ["ep-1.1", "ep-1.2"])
  }

  @Test(arguments: ["silenced", "inhibited", "flapping"])
  func whatIsQuietIsNotToldUntilItIsNot(flag: String) {
    var sink = sink()
    sink.take([
      Build.Alert(number: 1, flags: [flag]).message, Build.Alert(number: 2, revision: 2).message,
      Build.Alert(number: 3, revision: 3, severity: .high, flags: ["stale", flag]).message,
      Build.Alert(number: 4, revision: 4, isResolved: true, flags: [flag]).message,
      Build.Alert(number: 5, episode: "ep-2", flags: [flag]).message,
      Build.Alert(number: 6, episode: "ep-2", revision: 2, isResolved: true, flags: [flag]).message,
    ])
    #expect(ids(sink.run(at: Build.moment(0))) == ["ep-1.2", "ep-1.4"])
  }

  /// After a restart it knows what it told before.
  @Test func whatWasOpenAtTheStartIsRemembered() {
    var sink = sink { $0.minimumSeverity = .high }
    sink.restore(
      [Build.Alert(number: 1, severity: .high).message], delivered: 1, end: 1, at: Build.moment(0))
    #expect(sink.request(at: Build.moment(0)) == nil && sink.finished == 1)
    sink.take([Build.Alert(number: 2, revision: 2, severity: .low, isResolved: true).message])
    #expect(ids(sink.run(at: Build.moment(0))) == ["ep-1.2"])
  }
}
