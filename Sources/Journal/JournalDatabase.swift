import Foundation
package import Events
import GRDB

package final class JournalDatabase: @unchecked Sendable {
  let queue: DatabaseQueue
  init(_ queue: DatabaseQueue) { self.queue = queue }

  package static func open(
    _ settings: JournalSettings, name: String, now: Timestamp
  ) throws(JournalError) -> (JournalDatabase, RecoveredJournal) { throw .io("not yet") }

  package static func inMemory(
    _ settings: JournalSettings = JournalSettings(directory: ""), name: String, now: Timestamp
  ) throws(JournalError) -> (JournalDatabase, RecoveredJournal) { throw .io("not yet") }

  package func recover() throws(JournalError) -> RecoveredJournal { throw .io("not yet") }
  package func apply(_ transaction: JournalTransaction) throws(JournalError) { throw .io("not yet") }
  /// - Returns: whether more is left to do.
  package func maintain(at now: Timestamp) throws(JournalError) -> Bool { throw .io("not yet") }
  package func setMaximumPages(_ pages: Int) throws(JournalError) { throw .io("not yet") }
  package var size: Int64 { 0 }
}
