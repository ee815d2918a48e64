extension BinsDetector {
  /// Rows of a feature in each bin, missing first: since the change of one that is in alarm, else of all that was
  /// learnt.
  package func currentCounts(of column: Int) -> [UInt32] {
    if let change = verdicts[column].change {
      for index in 0..<calendar.count(in: column) {
        let start = calendar.start(index, in: column)
        if calendar.begin(of: start, in: column) == change.index {
          return table.counts(since: start, in: column)
        }
      }
    }
    return table.learntCounts(of: column)
  }
}
