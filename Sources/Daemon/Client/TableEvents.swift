import Events
import Foundation
import Wire

/// A CSV file as events: a row a measurement, or rows in feature batches, or all of it a baseline.
struct TableEvents {
  private let request: PublishFile.Request

  init(_ request: PublishFile.Request) { self.request = request }

  /// One line of 65,536 columns of 24 characters.
  private static let lineBytes = 2 << 20
  /// A baseline is sent whole, in one message.
  private static let baselineRows = 1 << 20

  /// - Returns: 0, since everything is numbered by the sender.
  func send(through sender: inout EventSender) throws -> Int {
    guard let model = request.model else { throw PublishFile.Problem(message: "needs --model") }
    let descriptor = request.path == "-" ? 0 : open(request.path, O_RDONLY)
    guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    defer { if descriptor != 0 { close(descriptor) } }
    var reader = LineReader(descriptor: descriptor, maximumBytes: Self.lineBytes)
    var rows = Rows(request)
    var line = 0
    while true {
      let found = try reader.next()
      if found == .end { break }
      line += 1
      guard found == .line else {
        throw PublishFile.Problem(line: line, message: "longer than \(Self.lineBytes) bytes")
      }
      guard let text = String(validating: reader.bytes, as: UTF8.self) else {
        throw PublishFile.Problem(line: line, message: "no UTF-8")
      }
      if text.allSatisfy(\.isWhitespace) { continue }
      do {
        if let ready = try rows.take(text) { try sender.send(ready.body, of: model, at: ready.time) }
      } catch var problem as PublishFile.Problem {
        problem.line = line
        throw problem
      }
    }
    if let last = try rows.finish() { try sender.send(last.body, of: model, at: last.time) }
    return 0
  }

  /// Rows on their way into events.
  private struct Rows {
    typealias Ready = (body: EventBody, time: Timestamp?)

    private let request: PublishFile.Request
    private var columns: [String]?
    private var timePlace: Int?
    private var kind = PublishFile.Kind.features
    private var names: FeatureNames?
    private var values: [Double] = []
    private var count = 0
    private var time: Timestamp?

    init(_ request: PublishFile.Request) { self.request = request }

    /// Takes one line; returns an event when one is whole.
    mutating func take(_ line: String) throws -> Ready? {
      let cells = line.split(separator: ",", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      guard let columns else {
        try begin(cells)
        return nil
      }
      guard cells.count == columns.count else {
        throw PublishFile.Problem(message: "\(cells.count) cells, the header has \(columns.count)")
      }
      if let timePlace { time = try Self.time(cells[timePlace]) }
      if kind == .metrics { return (.metrics(try metrics(cells)), time) }
      for (place, cell) in cells.enumerated() where place != timePlace {
        guard let value = BaselineTable.number(cell) else {
          throw PublishFile.Problem(message: "'\(cell.prefix(64))' in column \(columns[place]) is no number")
        }
        values.append(value)
      }
      count += 1
      guard kind == .baseline || count < request.batchRows else { return try batch() }
      guard count <= TableEvents.baselineRows else {
        throw PublishFile.Problem(message: "a baseline of more than \(TableEvents.baselineRows) rows")
      }
      return nil
    }

    mutating func finish() throws -> Ready? {
      guard columns != nil else { throw PublishFile.Problem(message: "no header") }
      return count > 0 ? try batch() : nil
    }

    private mutating func begin(_ header: [String]) throws {
      let columns = header.map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"\u{feff}")) }
      if let name = request.timeColumn {
        guard let place = columns.firstIndex(of: name) else {
          throw PublishFile.Problem(message: "no column '\(name.prefix(64))' in the header")
        }
        timePlace = place
      }
      self.columns = columns
      let counted = columns.contains("correct") && columns.contains("total")
      let measured = columns.contains("accuracy") || columns.contains("latency_ms") || counted
      kind = request.kind ?? (measured ? .metrics : .features)
      guard kind != .metrics || measured else {
        throw PublishFile.Problem(
          message: "metrics need a column accuracy or latency_ms, or correct and total")
      }
      guard kind != .metrics else { return }
      let features = columns.indices.filter { $0 != timePlace }.map { columns[$0] }
      guard features.count <= WireLimits.columns, let names = FeatureNames(features), !features.isEmpty else {
        throw PublishFile.Problem(message: "no columns, more than \(WireLimits.columns), or a name twice")
      }
      self.names = names
    }

    private func metrics(_ cells: [String]) throws -> Metrics {
      func value(_ name: String) throws -> Double? {
        guard let place = columns?.firstIndex(of: name) else { return nil }
        guard let value = BaselineTable.number(cells[place]) else {
          throw PublishFile.Problem(message: "'\(cells[place].prefix(64))' in column \(name) is no number")
        }
        return value
      }
      let told = Metrics(accuracy: try value("accuracy"), latencyMilliseconds: try value("latency_ms"))
      guard let correct = try value("correct"), let total = try value("total"), !correct.isNaN || !total.isNaN
      else { return told }
      guard let counts = CaseCounts(correct: correct, total: total) else {
        throw PublishFile.Problem(message: "\(correct) correct of \(total)")
      }
      return Metrics(
        accuracy: told.accuracy, latencyMilliseconds: told.latencyMilliseconds, counts: counts)
    }

    private mutating func batch() throws -> Ready {
      let columns = values.count / count
      let matrix = Matrix(rows: count, columns: columns, values: values)
      defer { (values, count) = ([], 0) }
      let batch = FeatureBatch(names: names, matrix: matrix)
      guard kind == .baseline else { return (.features(batch), time) }
      return (.baseline(BaselineUpdate(features: batch)), time)
    }

    private static func time(_ cell: String) throws -> Timestamp {
      if let seconds = Double(cell), abs(seconds) < 9e9 {
        return Timestamp(nanoseconds: Int64((seconds * 1e9).rounded()))
      }
      guard let time = RFC3339.parse(cell) else {
        throw PublishFile.Problem(
          message: "'\(cell.prefix(64))' is no time, want RFC 3339 or seconds since 1970")
      }
      return time
    }
  }
}
