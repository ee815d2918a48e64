package import Events
import GRDB

package final class JournalReader: Sendable {
  let queue: DatabaseQueue

  package init(directory: String) throws(JournalError) { throw .absent(directory) }
  package init(sharing database: JournalDatabase) { queue = database.queue }

  package func fetch(_ request: FetchRequest) throws(JournalError) -> FetchedMessages { throw .io("not yet") }
  package func metrics(
    of model: String? = nil, limit: Int
  ) throws(JournalError) -> [HistoryPoint<MetricsSample>] { [] }
  package func drift(
    of model: String? = nil, limit: Int
  ) throws(JournalError) -> [HistoryPoint<DriftSample>] { [] }
  package func decisions(of model: String? = nil, limit: Int) throws(JournalError) -> [DecisionRecord] { [] }
  package func summary(at now: Timestamp) throws(JournalError) -> JournalSummary { throw .io("not yet") }
}
