import Events
import Foundation
import Synchronization
import Wire

/// A message about an alert or a decision, as it was published; its content is read once, by whoever first asks.
final class ToldMessage: Sendable {
  let kind: Chronicle.Kind
  let epoch: UInt64
  let number: UInt64
  /// The id of its episode or decision.
  let subject: String?
  /// JSON, a CloudEvent.
  let body: [UInt8]
  private let read = Mutex<Content??>(nil)

  init(kind: Chronicle.Kind, epoch: UInt64, number: UInt64, subject: String?, body: [UInt8]) {
    (self.kind, self.epoch, self.number, self.subject, self.body) = (kind, epoch, number, subject, body)
  }

  /// Nil when it is none of this version's, as from a journal of another one.
  var content: Content? {
    read.withLock { read in
      if let read { return read }
      var content: Content?
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      do { content = try decoder.decode(Content.self, from: Data(body)) } catch { content = nil }
      read = .some(content)
      return content
    }
  }

  /// The members that answers are made of.
  struct Content: Decodable, Sendable {
    var time: String
    var subject: String?
    var modelversion: String?
    var data: Details
  }

  struct Details: Decodable, Sendable {
    var rev: UInt64
    var state: String
    // Of alerts.
    var flags: [String]?
    var inhibitedBy: [String]?
    /// Why it ended; of decisions, why it failed.
    var reason: String?
    var episodeId: String?
    var alertKey: String?
    var monitor: String?
    var metric: String?
    var type: String?
    var severity: String?
    var openedAt: String?
    var value: Double?
    var threshold: Double?
    var topK: [Feature]?
    // Of decisions.
    var decisionId: String?
    var model: String?
    var version: String?
    var issuedAt: String?
    var reasonCodes: [String]?
    var triggerReasons: [String]?
    var severityScore: Double?
    var dryRun: Bool?
    var attempt: Int?
    var coverage: Double?
    var at: String?
    var owner: String?
    var final: Bool?
  }

  struct Feature: Decodable, Sendable {
    var name: String
    var driftScore: Double?
  }
}
