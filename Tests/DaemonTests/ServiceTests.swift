import Engine
import Events
import Foundation
import Journal
import Synchronization
import Testing
import ZeroMQ

@testable import Daemon

@Suite struct ServiceTests {
  @Test func readinessEndsBeforeAnythingElseAndDoesNotComeBack() throws {
    let state = ServiceState(revision: "a", at: .min)
    #expect(!state.isReady && !state.isStopping)
    let stop = try StopSignal()
    stop.onRequest { #expect(!stop.isRequested) }
    stop.onRequest { state.beginStopping() }
    state.beginServing()
    #expect(state.isReady)
    stop.request()
    #expect(!state.isReady && state.isStopping)
    state.beginServing()
    #expect(!state.isReady)
    // Who comes late is told at once.
    let late = ServiceState(revision: "a", at: .min)
    stop.onRequest { late.beginStopping() }
    #expect(late.isStopping)
  }

  @Test func reloadsAreAccountedFor() {
    let state = ServiceState(revision: "a", at: Timestamp(nanoseconds: 1))
    state.reloadFailed()
    #expect(!state.reloads.isLastSuccessful && state.reloads.failed == 1 && state.reloads.revision == "a")
    #expect(state.reloads.lastSuccess == Timestamp(nanoseconds: 1))
    state.reloaded(revision: "b", at: Timestamp(nanoseconds: 2))
    #expect(state.reloads.isLastSuccessful && state.reloads.revision == "b")
    #expect(state.reloads.lastSuccess == Timestamp(nanoseconds: 2) && state.reloads.succeeded == 1)
  }

  private static func at(_ milliseconds: Int64) -> Timestamp {
    Timestamp(nanoseconds: milliseconds * 1_000_000)
  }

  @Test func theStepsOfAnEndAreWithinThreeSeconds() {
    var drain = DrainSchedule()
    func turn(_ time: Int64, isDrained: Bool) -> Bool {
      drain.wantsTurn(at: Self.at(time), isDrained: isDrained)
    }
    #expect(turn(0, isDrained: true), "one turn at least")
    #expect(turn(100, isDrained: false))
    #expect(turn(109, isDrained: true), "something may still come")
    #expect(!turn(110, isDrained: true))
    #expect(!turn(300, isDrained: false), "a flood does not end")
    #expect(drain.end(of: DrainSchedule.committing, at: Self.at(900)) == Self.at(1_400))
    #expect(drain.linger(at: Self.at(400)) == .milliseconds(1_000))
    #expect(drain.linger(at: Self.at(1_700)) == .milliseconds(700))
    #expect(drain.left(for: DrainSchedule.recording, at: Self.at(2_500)) == .zero)
    // The control socket closes last, with 700 ms of its own.
    #expect(DrainSchedule.recording + .milliseconds(700) <= DrainSchedule.lingering)
    #expect(DrainSchedule.lingering < DrainSchedule.whole && DrainSchedule.whole < .seconds(3))
  }

  @Test func aHangupBeforeAnybodyListensIsNotLost() {
    final class Count: @unchecked Sendable { var value = 0 }
    let (hangups, count) = (Hangups(), Count())
    hangups.signal()
    hangups.signal()
    hangups.follow { count.value += 1 }
    #expect(count.value == 1)
    hangups.signal()
    #expect(count.value == 2)
  }

  @Test(
    arguments: [
      [:], ["NOTIFY_SOCKET": ""], ["NOTIFY_SOCKET": "relative"], ["NOTIFY_SOCKET": "@"],
      ["NOTIFY_SOCKET": "/" + String(repeating: "x", count: 200)],
    ] as [[String: String]]) func nobodyIsToldWhoIsNotThere(environment: [String: String])
  {
    #expect(ServiceNotice(environment) == nil)
  }

  @Test func theWatchdogIsThatOfThisProcess() throws {
    let interval = { (more: [String: String]) throws -> Duration? in
      try #require(ServiceNotice(["NOTIFY_SOCKET": "@tidemark"].merging(more) { $1 })).watchdogInterval
    }
    #expect(try interval([:]) == nil)
    #expect(try interval(["WATCHDOG_USEC": "3000000"]) == .milliseconds(1_500))
    #expect(
      try interval(["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "\(getpid())"]) == .milliseconds(1_500))
    #expect(try interval(["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"]) == nil)
    for wrong in ["", "0", "-5", "soon"] { #expect(try interval(["WATCHDOG_USEC": wrong]) == nil) }
  }

  @Test func whatARestartAloneCanChangeStaysAndIsNamed() throws {
    var old = Configuration(name: .init("a")!)
    old.journal = .init(directory: "x")
    var new = old
    #expect(old.reloaded(with: new).needRestart == [])
    new.engine.defaults.performance.window = 7
    new.log.level = .error
    #expect(old.reloaded(with: new).needRestart == [])
    new.name = .init("b")!
    new.journal = nil
    new.sockets.output = []
    new.sockets.control = []
    new.sockets.isControlConfigured = true
    new.checkpoints.events = 5
    new.wire.messageBytes = 5
    let (taken, keys) = old.reloaded(with: new)
    #expect(
      keys == [
        "name", "state", "journal.checkpoint_interval or checkpoint_events", "sockets.output",
        "sockets.control",
        "limits.message_bytes",
      ])
    #expect(
      taken.name == old.name && taken.journal == old.journal && taken.sockets.output == old.sockets.output)
    #expect(taken.engine.defaults.performance.window == 7 && taken.log.level == .error)
    new = old
    new.journal?.durability = .normal
    #expect(old.reloaded(with: new).needRestart == ["journal"])
  }

  @Test func aRevisionIsOfTheTextAndOfWhatItNames() throws {
    let folder = try TemporaryFolder()
    let text = "models:\n  - {name: m, baseline: {features: b.csv}}\n"
    let file = folder.file("c.yaml")
    let load = { (rows: String, text: String) throws -> String in
      try Data(rows.utf8).write(to: URL(fileURLWithPath: folder.file("b.csv")))
      try Data(text.utf8).write(to: URL(fileURLWithPath: file))
      return try Configuration.load(file, allowsPlaintext: false).engine.revision
    }
    let first = try load("x\n1\n2\n", text)
    #expect(first.count == 12)
    #expect(try load("x\n1\n2\n", text) == first)
    #expect(try load("x\n1\n3\n", text) != first)
    #expect(try load("x\n1\n2\n", text + "# \n") != first)
    // That of no file at all, as the shell makes it: the digest of an empty text and its length.
    let none = try Configuration.load(nil, allowsPlaintext: false).engine.revision
    #expect(none == "df3f619804a9")
  }
}
