import Events
import Foundation
import Journal
import TestSupport

/// A directory of a test's own, removed with the value.
final class ScratchDirectory: Sendable {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("journal-\(UUID().uuidString)").path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var settings: JournalSettings { JournalSettings(directory: path) }
  var databasePath: String { path + "/journal.sqlite" }

  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

  static func mode(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
  }
}

/// Noon of a day in 2025.
let noon = Timestamp(nanoseconds: 1_750_000_000_000_000_000 / 86_400_000_000_000 * 86_400_000_000_000)
  .advanced(by: .seconds(43_200))

func message(
  _ number: UInt64, topic: String = "alert/m/1/d", bytes: Int = 100, at time: Timestamp = noon,
  subject: String? = nil, closes: Bool = false
) -> StoredMessage {
  StoredMessage(
    number: number, topic: Array(topic.utf8),
    header: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 64),
    body: [UInt8](repeating: UInt8(truncatingIfNeeded: number >> 8), count: bytes), time: time,
    subject: subject,
    closesSubject: closes)
}

func transaction(_ messages: [StoredMessage]) -> JournalTransaction {
  var transaction = JournalTransaction()
  transaction.messages = messages
  return transaction
}

extension JournalDatabase {
  /// Maintains until nothing is left; fails by not ending only when that never comes.
  func maintainAll(at now: Timestamp) throws -> Maintenance {
    var sum = Maintenance()
    repeat {
      let turn = try maintain(at: now)
      sum.thinned += turn.thinned
      sum.forgotten += turn.forgotten
      sum.unreadable += turn.unreadable
      sum.isMoreLeft = turn.isMoreLeft
    } while sum.isMoreLeft
    return sum
  }
}

extension JournalReader {
  /// Everything that matches, asked for as a client does.
  func fetchAll(
    from first: UInt64 = 1, limit: Int = 512, prefixes: [String] = [], onlyOpen: Bool = false
  ) throws -> [StoredMessage] {
    var request = FetchRequest(
      epoch: nil, from: first, limit: limit, prefixes: prefixes.map { Array($0.utf8) }, onlyOpen: onlyOpen)
    var messages: [StoredMessage] = []
    while true {
      let answer = try fetch(request)
      messages += answer.messages
      guard answer.status == .more else { return messages }
      request.from = answer.next
    }
  }
}
