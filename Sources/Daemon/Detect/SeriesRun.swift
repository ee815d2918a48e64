package import Detection
import Foundation

/// Runs a detector over a series.
package struct SeriesRun: Sendable {
  package enum Choice: String, CaseIterable, Sendable {
    case bernoulli
    case bounded
    case glr
    case meanvar
    case bins
    case quantile
    case mmd
  }

  /// Rows in which one false alarm is allowed: those of error streams and of detectors with a baseline are many and
  /// cheap. ``RealSeries`` and ``TableSeries`` allow one in 100,000.
  static let rowsPerFalseAlarm = 1e6

  package let table: SeriesTable
  package let detector: Choice

  /// - Parameter detector: nil chooses by the data: `bernoulli` for a column of zeroes and ones, `meanvar` for
  ///   another one, `mmd` for several.
  package init(_ table: SeriesTable, detector: Choice?) throws(SeriesTable.Problem) {
    self.table = table
    self.detector =
      detector ?? (table.columns > 1 ? .mmd : table.isBinary ? .bernoulli : .meanvar)
    if self.detector != .mmd, table.columns > 1 {
      throw SeriesTable.Problem(
        description: "\(self.detector.rawValue) judges one column, the file has \(table.columns); "
          + "--columns chooses one, or take --detector mmd")
    }
    if self.detector == .bounded, !table.isShare {
      throw SeriesTable.Problem(
        description: "bounded judges values between 0 and 1; for other real values there is meanvar")
    }
    if self.detector == .bernoulli, !table.isBinary {
      throw SeriesTable.Problem(
        description: "bernoulli judges a column of zeroes and ones; for real values there is meanvar")
    }
  }

  /// - Parameter body: is given each row's number and what it came to.
  package func forEachRow(_ body: (Int, SeriesStep) -> Void) {
    var series = makeSeries()
    table.values.withUnsafeBufferPointer { values in
      for row in 0..<table.rows {
        body(
          row,
          series.next(UnsafeBufferPointer(rebasing: values[row * table.columns..<(row + 1) * table.columns])))
      }
    }
  }

  private func makeSeries() -> any SeriesDetector {
    switch detector {
    case .bernoulli:
      // The likeliest split sees falls as well, and what is learned slowly; the fixed baseline sees slow rises sooner.
      EitherSeries(
        ScalarSeries(GLRDetector(.rate, shareOfFalls: 0.1, observationsPerFalseAlarm: 4e6)),
        AnchoredSeries<BernoulliDetector>.bernoulli(rowsPerFalseAlarm: 3e5))
    case .bounded: AnchoredSeries<BoundedMeanDetector>.bounded(rowsPerFalseAlarm: Self.rowsPerFalseAlarm)
    case .bins: AnchoredSeries<BinnedColumnDetector>.bins(rowsPerFalseAlarm: Self.rowsPerFalseAlarm)
    case .quantile: AnchoredSeries<QuantileDetector>.quantile(rowsPerFalseAlarm: Self.rowsPerFalseAlarm)
    case .glr: table.isBinary ? ScalarSeries(GLRDetector(.rate)) : ScalarSeries(GLRDetector(.mean))
    case .meanvar: RealSeries()
    case .mmd: TableSeries(columns: table.columns)
    }
  }

  /// An alarm as a line of NDJSON.
  private struct Line: Encodable {
    var index: Int
    var changePoint: Int
    var columns: [String]?
    var detector: String
    var evidence: Double
    var kind: String
  }

  /// One JSON object; rows are counted from 0, the evidence is in nats.
  package func line(_ alarm: SeriesAlarm) -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = .sortedKeys
    let line = Line(
      index: alarm.index, changePoint: alarm.change.index,
      columns: alarm.columns.isEmpty ? nil : alarm.columns.map(table.name), detector: detector.rawValue,
      evidence: (alarm.evidence * 1_000).rounded() / 1_000, kind: alarm.change.kind.rawValue)
    // Text and finite numbers: they cannot fail to be written.
    return (try? encoder.encode(line)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// Evidence as `--scores` prints it: six decimals.
  package static func score(_ evidence: Double) -> String { String(format: "%.6f", evidence) }
}
