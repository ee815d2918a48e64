import Engine
import Events
import Journal
import Wire

@testable import Daemon

/// What the journal holds in the end is what one engine says that never crashed, given what the surviving history
/// took and nothing else.
///
/// The surviving history: of each process, what its last commit includes, and then that of the next process. A
/// message that was refused for its number, since it came twice or too early, is left out, so that the order in
/// which an engine is given events is the order of their numbers; times of arrival are those at which they were
/// taken for good. Compared are topic, body, number, prev and event time of every message: all but when it was
/// sent.
struct ReplayEqualsLive {
  private let world: World

  init(_ world: World) { self.world = world }

  func finish(
    _ history: [SimulatedDaemon.Input], _ accepted: AcceptedHistory, until end: Timestamp,
    settings: EngineSettings, epoch: UInt64, stored: [StoredMessage]
  ) {
    var engine = MonitoringEngine(settings: settings)
    engine.reportsAssessments = false
    var outbox = Outbox(name: SimulatedDaemon.name, epoch: epoch)
    var decoder = MessageDecoder()
    var effects: [Effect] = []
    var replayed: [StoredMessage] = []
    func give(_ body: (inout MonitoringEngine, inout [Effect]) -> Void) {
      effects.removeAll(keepingCapacity: true)
      body(&engine, &effects)
      for case .publish(let publication) in effects where !publication.output.isOnDemand {
        // When it was sent is not compared, and until when it holds follows from that.
        let sentAt = replayed.count < stored.count ? stored[replayed.count].time : World.start
        replayed.append(outbox.add(publication, at: sentAt))
      }
    }
    for (input, isTaken) in zip(history, accepted.isTaken) where isTaken {
      switch input {
      case .settle(let time):
        give {
          $0.settle(at: time)
          $0.advance(to: time, into: &$1)
        }
      case .time(let time): give { $0.advance(to: time, into: &$1) }
      case .hold(let isHeld, let time):
        give { $0.advance(to: time, into: &$1) }
        engine.isHeld = isHeld
      case .message(let message, let isReliable, let time):
        Frames.with(message) { frames in
          guard let event = try? decoder.decode(frames) else { return }
          give { $0.handle(event, at: time, isReliable: isReliable, into: &$1) }
        }
      case .report(let message, let time):
        Frames.with(message) { frames in
          guard let request = try? ControlRequest(parsing: frames) else { return }
          switch request.body {
          case .fetch: return
          case .feedback(let feedback):
            give { $0.handle(feedback, of: request.header, at: time, into: &$1) }
          case .silence(let silence):
            give { $0.handle(silence, of: request.header, at: time, into: &$1) }
          }
        }
      }
    }
    give { $0.advance(to: end, into: &$1) }
    compare(replayed, stored)
  }

  private func compare(_ replayed: [StoredMessage], _ stored: [StoredMessage]) {
    for (expected, found) in zip(replayed, stored) {
      guard expected.topic == found.topic, expected.body == found.body else {
        let words = [found, expected].map { String(decoding: $0.body, as: UTF8.self).prefix(700) }
        let detail = "message \(found.number) is stored as\n\(words[0])\nand replayed as\n\(words[1])"
        return world.violate(.replayEqualsLive, detail)
      }
      let headers = [expected, found].map { message in
        var header = FramedHeader(message.header)
        header?.sendTime = 0
        return header
      }
      world.require(
        headers[0] == headers[1], .replayEqualsLive,
        "message \(found.number) has another header than replayed")
    }
    world.require(
      replayed.count == stored.count, .replayEqualsLive,
      "\(stored.count) messages are stored, \(replayed.count) replayed")
  }
}
