package import Events

/// What a journal holds and how much room it takes.
package struct JournalSummary: Sendable, Equatable {
  package struct Table: Sendable, Equatable {
    /// As SQLite has it: `messages`, `states`, `decisions`, `metrics_raw`, `metrics_minutes`,
    /// `metrics_hours`, `drift_raw`, `drift_hours`.
    package var name: String
    package var rows: UInt64
    /// The time of the oldest row; nil when there is none or rows have no time.
    package var oldest: Timestamp?
    /// Bytes a day by which it grows: the rows of the last 24 hours times the bytes of a row, or 0 when its
    /// retention takes as much away.
    package var growth: Double

    package init(name: String, rows: UInt64, oldest: Timestamp?, growth: Double) {
      self.name = name
      self.rows = rows
      self.oldest = oldest
      self.growth = growth
    }
  }

  package var name: String
  package var epoch: UInt64
  package var first: UInt64
  package var head: UInt64
  package var tables: [Table]
  /// On disk, with the write-ahead log; in memory, of the pages.
  package var bytes: Int64

  /// Bytes a day.
  package var growth: Double { tables.reduce(0) { $0 + $1.growth } }
}
