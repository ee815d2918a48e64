import Events
import Foundation
import TestSupport
import Testing

@testable import Sinks

@Suite struct AlertmanagerSinkTests {
  private func sink(_ labels: [String: String] = [:], externalURL: String? = nil) -> AlertmanagerSink {
    var settings = AlertmanagerSettings(urls: ["http://127.0.0.1:9093/"])
    settings.labels = labels
    return AlertmanagerSink(
      settings, url: settings.urls[0], name: "alertmanager", instance: "north", externalURL: externalURL,
      random: SeededGenerator(seed: 1))
  }

  /// `severity` of each alert in a request, with `+` when it fires and `-` when it is over.
  private func told(_ request: HTTPPost?, wall: String = "2026-01-01T00:00:00Z") -> [String] {
    (request?.alerts ?? []).map { ($0.endsAt > wall ? "+" : "-") + ($0.labels["severity"] ?? "?") }
  }

  @Test func anAlertSaysWhatItIsAndWhenItIsOver() throws {
    var sink = sink(["team": "risk"], externalURL: "https://monitor.example.org")
    sink.take([Build.Alert(number: 1, model: "fraud/eu").message])
    let request = try sink.required(at: Build.moment(90))
    #expect(request.url == "http://127.0.0.1:9093/api/v2/alerts")
    #expect(request.header("Content-Type") == "application/json")
    let alert = try #require(request.alerts.first)
    #expect(
      alert.labels == [
        "alertname": "TidemarkDataDrift", "instance": "north", "severity": "medium", "model": "fraud/eu",
        "version": "7", "monitor": "drift", "team": "risk",
      ])
    #expect(
      alert.annotations == [
        "summary": "data drift: fraud/eu@7",
        "description": "value 2.5, threshold 2, n 120, effect 0.07, evidence 10^4.5 to 1",
        "episode_id": "ep-1", "rev": "1",
      ])
    #expect(alert.startsAt == "2026-01-01T00:00:00Z")
    // 90 s and four times 60 s.
    #expect(alert.endsAt == "2026-01-01T00:05:30Z")
    #expect(alert.generatorURL == "https://monitor.example.org/#/models/fraud%2Feu/7")
  }

  @Test func whatOpenedAheadOfTheClockBeginsNow() throws {
    var sink = sink()
    sink.take([Build.Alert(number: 1).message])
    let request = try sink.required(at: Build.moment(-60))
    let alert = try #require(request.alerts.first)
    #expect(alert.startsAt == "2025-12-31T23:59:00Z")
  }

  @Test func whatIsOpenIsSentAgainAndWhatResolvedOnce() throws {
    var sink = sink()
    sink.take([Build.Alert(number: 1).message])
    #expect(sink.run(at: Build.moment(0)).count == 1)
    #expect(sink.step(at: Build.moment(59)) == .rest(until: Build.moment(60).now))
    #expect(told(sink.run(at: Build.moment(60)).first) == ["+medium"])
    sink.take([Build.Alert(number: 2, revision: 2, isResolved: true).message], at: Build.moment(61))
    let over = sink.run(at: Build.moment(61)).flatMap(\.alerts)
    #expect(over.map(\.endsAt) == ["2026-01-01T00:01:01Z"])
    #expect(sink.step(at: Build.moment(500)) == .rest(until: nil))
    #expect(sink.finished == 2 && sink.counts.delivered == 3)
  }

  /// To an Alertmanager another severity is another alert, so the old one is resolved in the same request.
  @Test func anotherSeverityResolvesTheOldOne() {
    var sink = sink()
    sink.take([Build.Alert(number: 1).message])
    _ = sink.run(at: Build.moment(0))
    sink.take([Build.Alert(number: 2, revision: 2, severity: .high).message])
    #expect(told(sink.run(at: Build.moment(0)).first) == ["-medium", "+high"])
    #expect(told(sink.run(at: Build.moment(60)).first) == ["+high"])
  }

  /// However many requests are lost in between, what an Alertmanager may believe is resolved.
  @Test func lostRequestsLeaveNothingBehind() {
    var sink = sink()
    sink.take([Build.Alert(number: 1, severity: .low).message])
    _ = sink.run(at: Build.moment(0))
    sink.take([Build.Alert(number: 2, revision: 2, severity: .medium).message])
    _ = sink.request(at: Build.moment(1))
    sink.take(.failed("timeout"), at: Build.moment(1))
    sink.take([Build.Alert(number: 3, revision: 3, isResolved: true).message])
    sink.take([Build.Alert(number: 4, episode: "ep-2", severity: .high).message])
    #expect(sink.request(at: Build.moment(1)) == nil, "it waits")
    #expect(sink.finished == 1)
    let request = sink.run(at: Build.moment(10)).first
    #expect(told(request, wall: "2026-01-01T00:00:10Z") == ["-low", "+high"])
    #expect(sink.finished == 4)
  }

  @Test func whatIsQuietIsResolvedThereAndFiresAgainAfterwards() {
    var sink = sink()
    sink.take([Build.Alert(number: 1).message])
    _ = sink.run(at: Build.moment(0))
    sink.take([Build.Alert(number: 2, revision: 2, flags: ["silenced"]).message])
    #expect(told(sink.run(at: Build.moment(0)).first) == ["-medium"])
    #expect(sink.request(at: Build.moment(60)) == nil)
    sink.take([Build.Alert(number: 3, revision: 3).message])
    #expect(told(sink.run(at: Build.moment(61)).first) == ["+medium"])
  }

  @Test func anOlderRevisionChangesNothing() {
    var sink = sink()
    sink.take([Build.Alert(number: 1, revision: 3, severity: .high).message])
    _ = sink.run(at: Build.moment(0))
    sink.take([Build.Alert(number: 2, revision: 2, severity: .low).message])
    #expect(sink.request(at: Build.moment(0)) == nil)
  }

  /// Of a change whose beginning nobody saw, every other severity may still fire there.
  @Test func aChangeOfSomethingUnknownResolvesWhateverItMayHaveBeen() {
    var sink = sink()
    sink.take([Build.Alert(number: 9, revision: 2, severity: .high).message])
    #expect(told(sink.request(at: Build.moment(0))) == ["-low", "-medium", "+high"])
    var other = self.sink()
    other.take([Build.Alert(number: 9, revision: 2, isResolved: true).message])
    #expect(told(other.request(at: Build.moment(0))) == ["-medium"])
  }

  @Test func openedAndResolvedBeforeAnybodyWasToldIsNotSent() {
    var sink = sink()
    sink.take([Build.Alert(number: 1).message, Build.Alert(number: 2, revision: 2, isResolved: true).message])
    #expect(sink.request(at: Build.moment(0)) == nil && sink.finished == 2)
  }

  // MARK: Restarts

  /// What was delivered is sent again at once, since it may be about to expire; what was not, as it is due.
  @Test func afterARestartItGoesOnFromWhatWasDelivered() {
    var sink = sink()
    sink.restore(
      [
        Build.Alert(number: 1).message, Build.Alert(number: 2, revision: 2, severity: .high).message,
        Build.Alert(number: 3, model: "churn", episode: "ep-2", severity: .low).message,
      ], delivered: 1, end: 3, at: Build.moment(0))
    #expect(sink.finished == 1)
    #expect(told(sink.run(at: Build.moment(0)).first) == ["-medium", "+high", "+low"])
    #expect(sink.finished == 3)
  }

  @Test func withoutACursorEverythingOpenIsNew() {
    var sink = sink()
    sink.restore([Build.Alert(number: 1).message], delivered: nil, end: 1, at: Build.moment(0))
    #expect(told(sink.run(at: Build.moment(0)).first) == ["+medium"])
  }

  // MARK: Failures and bounds

  @Test func aRefusedRequestIsNotRepeatedAtOnce() {
    var sink = sink()
    sink.take([Build.Alert(number: 1).message])
    _ = sink.request(at: Build.moment(0))
    sink.take(.status(400, words: "bad label"), at: Build.moment(0))
    #expect(sink.counts.refused == 1 && sink.request(at: Build.moment(1)) == nil)
    #expect(sink.takeRemarks().first?.words.contains("bad label") == true)
    #expect(sink.request(at: Build.moment(60)) != nil)
  }

  @Test func manyAlertsGoInParts() {
    var sink = sink()
    let count = 2 * AlertmanagerTable.perRequest + 7
    sink.take(
      (1...count).map { Build.Alert(number: UInt64($0), model: "m\($0)", episode: "ep-\($0)").message })
    #expect(sink.counts.waiting == count)
    let requests = sink.run(at: Build.moment(0))
    #expect(requests.map(\.alerts.count) == [500, 500, 7])
    #expect(Set(requests.flatMap(\.alerts).map { $0.labels["model"] }).count == count)
  }

  @Test func forMoreAlertsThanItHoldsThereIsNoRoom() throws {
    var table = AlertmanagerTable(capacity: 3)
    func enter(_ model: String, revision: Int = 1) throws -> Bool {
      let body = Build.Alert(number: 1, model: model, episode: model, revision: revision).message.body
      return table.enter(try #require(EventHead(body)), number: 1, isDelivered: false)
    }
    for model in ["a", "b", "c"] { #expect(try enter(model)) }
    #expect(try !enter("d"))
    // What is known goes on, and what is over makes room.
    #expect(try enter("a", revision: 2))
    let over = Build.Alert(number: 2, model: "b", episode: "b", revision: 2, isResolved: true).message.body
    #expect(table.enter(try #require(EventHead(over)), number: 2, isDelivered: false))
    table.taken(table.next())
    #expect(try enter("d"))
  }

  @Test(arguments: [
    ("data_drift", "TidemarkDataDrift"), ("no_data", "TidemarkNoData"),
    ("accuracy_degradation", "TidemarkAccuracyDegradation"),
  ])
  func typesBecomeNames(type: String, name: String) {
    #expect(AlertmanagerNaming.alertName(type) == name)
  }
}
