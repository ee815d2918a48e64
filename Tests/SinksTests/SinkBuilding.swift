import Events
import Foundation
import Synchronization

@testable import Sinks

/// Makers of messages as the daemon publishes them, and of moments.
enum Build {
  static let start = Timestamp(nanoseconds: 1_767_225_600_000_000_000)

  static func moment(_ seconds: Double) -> SinkMoment {
    let time = start.advanced(by: .seconds(seconds))
    return SinkMoment(now: time, wall: time)
  }

  /// What an alert's message says; the type follows from the revision and the state.
  struct Alert {
    var number: UInt64
    var model = "fraud"
    var episode = "ep-1"
    var revision = 1
    var severity = Severity.medium
    var isResolved = false
    var flags: [String] = []

    var message: SinkMessage {
      let change = isResolved ? "resolved" : revision == 1 ? "opened" : "updated"
      let data: [String: Any] = [
        "alert_key": "\(model)/7/drift", "episode_id": episode, "rev": revision, "monitor": "drift",
        "type": "data_drift", "state": isResolved ? "resolved" : "firing", "severity": severity.rawValue,
        "opened_at": "2026-01-01T00:00:00Z", "value": 2.5, "threshold": 2.0, "top_k": [Any](), "flags": flags,
        "evidence": ["log10_e": 4.5, "cases": 120, "effect": 0.07],
      ]
      return Build.message(
        number, "tidemark.alert.\(change).v1", id: "\(episode).\(revision)", model: model,
        correlation: episode, data)
    }
  }

  static func decision(_ number: UInt64, _ id: String, model: String = "fraud") -> SinkMessage {
    message(
      number, "tidemark.decision.retrain.issued.v1", id: id, model: model, correlation: id, ["rev": 1])
  }

  static func message(
    _ number: UInt64, _ type: String, id: String, model: String, correlation: String, _ data: [String: Any]
  ) -> SinkMessage {
    let event: [String: Any] = [
      "specversion": "1.0", "type": type, "source": "example", "id": id, "time": "2026-01-01T00:00:00Z",
      "subject": model, "modelversion": "7", "correlationid": correlation, "data": data,
    ]
    // Nothing but JSON stands in it.
    let body = (try? JSONSerialization.data(withJSONObject: event, options: .sortedKeys)) ?? Data()
    return SinkMessage(number: number, time: start, topic: [], body: [UInt8](body))
  }
}

extension Sink {
  /// Takes messages with consecutive numbers.
  mutating func take(_ messages: [SinkMessage], at moment: SinkMoment = Build.moment(0)) {
    take(SinkBatch(messages: messages, end: messages.last?.number ?? finished), at: moment)
  }

  /// The request that it makes now; nil when it rests.
  mutating func request(at moment: SinkMoment) -> HTTPPost? {
    guard case .post(let request) = step(at: moment) else { return nil }
    return request
  }

  /// The request that it makes now; an error when it rests.
  mutating func required(at moment: SinkMoment) throws -> HTTPPost {
    guard let request = request(at: moment) else { throw Resting() }
    return request
  }

  /// Answers requests until it rests, and gives what was asked.
  mutating func run(at moment: SinkMoment, _ answer: HTTPAnswer = .status(200)) -> [HTTPPost] {
    var requests: [HTTPPost] = []
    while let request = request(at: moment), requests.count < 1_000 {
      requests.append(request)
      take(answer, at: moment)
    }
    return requests
  }
}

private struct Resting: Error {}

extension HTTPPost {
  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

  var alerts: [AlertmanagerAlert] {
    (try? JSONDecoder().decode([AlertmanagerAlert].self, from: Data(body))) ?? []
  }
}

/// A transport that answers as it is told, notes what was sent, and can hang until it is cancelled.
final class ScriptedTransport: Transport {
  private struct State {
    var requests: [HTTPPost] = []
    var isCancelled = false
  }

  private let state = Mutex(State())
  private let changed = DispatchSemaphore(value: 0)
  private let hangs: Bool
  private let answer: @Sendable (HTTPPost) -> HTTPAnswer
  private let cancelled = DispatchSemaphore(value: 0)

  init(hangs: Bool = false, answer: @escaping @Sendable (HTTPPost) -> HTTPAnswer = { _ in .status(200) }) {
    (self.hangs, self.answer) = (hangs, answer)
  }

  func post(_ request: HTTPPost) -> HTTPAnswer {
    state.withLock { $0.requests.append(request) }
    changed.signal()
    guard !hangs else {
      cancelled.wait()
      return .failed("cancelled")
    }
    return answer(request)
  }

  func cancel() {
    state.withLock { $0.isCancelled = true }
    cancelled.signal()
  }

  var requests: [HTTPPost] { state.withLock { $0.requests } }
  var isCancelled: Bool { state.withLock { $0.isCancelled } }

  /// Waits for the next request; false when none comes for long.
  func waitForRequest() -> Bool { changed.wait(timeout: .now() + .seconds(20)) == .success }
}

/// A folder that goes with the value.
final class Folder {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("tm-\(UUID().uuidString)")
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String, _ text: String, mode: Int = 0o600) throws -> URL {
    let file = url.appendingPathComponent(name)
    try Data(text.utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
    return file
  }
}
