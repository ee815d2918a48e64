import Events
import Foundation

/// What a sink reads of an event that the daemon wrote itself; the rest it passes on unread.
struct EventHead: Decodable {
  struct Contents: Decodable {
    // Of alerts alone.
    var alertKey: String?
    var monitor: String?
    var metric: String?
    var kind: String?
    var state: String?
    var severity: String?
    var openedAt: String?
    var value: Double?
    var threshold: Double?
    var evidence: Proof?
    /// `silenced`, `inhibited`, `flapping` and others.
    var flags: [String]?
    // Of both.
    var revision: UInt64?

    enum CodingKeys: String, CodingKey {
      case alertKey = "alert_key"
      case kind = "type"
      case openedAt = "opened_at"
      case revision = "rev"
      case monitor, metric, state, severity, value, threshold, evidence, flags
    }
  }

  /// What preset `standard` says beside a value.
  struct Proof: Decodable {
    var log10: Double?
    var cases: Int?
    var effect: Double?

    enum CodingKeys: String, CodingKey {
      case log10 = "log10_e"
      case cases, effect
    }
  }

  var id: String
  var type: String
  var time: String
  var subject: String?
  var modelVersion: String?
  var correlation: String?
  var data: Contents

  enum CodingKeys: String, CodingKey {
    case modelVersion = "modelversion"
    case correlation = "correlationid"
    case id, type, time, subject, data
  }

  /// Nil when it is not the JSON of an output.
  init?(_ body: [UInt8]) {
    do { self = try JSONDecoder().decode(EventHead.self, from: Data(body)) } catch { return nil }
  }

  /// The first part of the type after `tidemark.`: `alert`, `decision`.
  var kind: WebhookSettings.Kind? {
    type.split(separator: ".").dropFirst().first.flatMap { .init(rawValue: String($0)) }
  }

  var severity: Severity? { data.severity.flatMap(Severity.init(rawValue:)) }
  var isResolved: Bool { data.state == "resolved" }

  /// Flags under which nobody is to be told.
  static let quieting: Set<String> = ["silenced", "inhibited", "flapping"]
  var isQuiet: Bool { data.flags.map { !Self.quieting.isDisjoint(with: $0) } ?? false }
}
