package import Events
import Foundation
import Wire
import ZeroMQ

/// `tidemark publish`: a file's events into a running daemon.
package struct PublishFile {
  package enum Kind: String, CaseIterable, Sendable {
    case metrics, features, baseline
  }

  package enum Format: String, CaseIterable, Sendable {
    case csv, ndjson, npy

    /// By the end of a file's name; nil when that says nothing.
    package init?(ofFile path: String) {
      let ending = URL(fileURLWithPath: path).pathExtension.lowercased()
      self.init(rawValue: ending == "jsonl" ? "ndjson" : ending)
    }
  }

  /// What is published, and as what.
  package struct Request: Sendable {
    package var path: String
    package var format: Format
    /// Nil: metrics for a table with a column `accuracy` or `latency_ms`, else features.
    package var kind: Kind?
    /// Not of NDJSON, whose events name their own.
    package var model: ModelKey?
    package var source: SourceName
    /// Rows of a feature batch.
    package var batchRows = 1_000
    /// The column of a table that says when; RFC 3339, or seconds since 1970.
    package var timeColumn: String?
    /// Of the columns of an .npy file.
    package var names: [String]?

    /// - Parameter source: nil takes one of this process alone, so that two runs do not share numbers.
    /// - Returns: nil for a source that is no name.
    package init?(path: String, format: Format, source: String?) {
      guard let source = SourceName(source ?? "tidemark-publish-\(getpid())") else { return nil }
      self.path = path
      self.format = format
      self.source = source
    }

    /// Returns false for what is no name or version.
    package mutating func setModel(_ name: String, version: String?) -> Bool {
      guard let name = ModelName(name) else { return false }
      guard let version else {
        model = ModelKey(name: name)
        return true
      }
      guard let version = ModelVersion(version) else { return false }
      model = ModelKey(name: name, version: version)
      return true
    }
  }

  /// A file that is not what it should be, with its line where there is one.
  struct Problem: Error {
    var line: Int?
    var message: String
  }

  private let request: Request
  private let ingest: ClientEndpoint
  private let output: ClientEndpoint
  private let patience: Duration
  private let notes = Terminal(descriptor: 2)

  /// - Parameters:
  ///   - output: where the daemon's account is asked for at the end.
  ///   - patience: the longest wait for the daemon at any one point.
  package init(
    _ request: Request, to ingest: ClientEndpoint, confirming output: ClientEndpoint, patience: Duration
  ) {
    self.request = request
    self.ingest = ingest
    self.output = output
    self.patience = patience
  }

  package func run() -> ExitStatus {
    do {
      let context = try Context()
      var sender = try EventSender(context, ingest, source: request.source, patience: patience)
      let plain: Int
      switch request.format {
      case .ndjson: plain = try EventLines(request).send(through: &sender, notes)
      case .csv: plain = try TableEvents(request).send(through: &sender)
      case .npy: plain = try ArrayEvents(request).send(through: &sender)
      }
      try sender.finish()
      return try confirm(sender.identity, sent: UInt64(plain) + sender.sent)
    } catch let problem as Problem {
      notes.print("tidemark: \(request.path)\(problem.line.map { ":\($0)" } ?? ""): \(problem.message)")
      return .data
    } catch let error as POSIXError {
      notes.print("tidemark: \(request.path): \(String(cString: strerror(error.code.rawValue)))")
      return .noInput
    } catch EventSender.Failure.unheard {
      notes.print("tidemark: no daemon took events on \(ingest) within \(patience.secondsValue) s")
      return .unavailable
    } catch {
      notes.print("tidemark: \(error)")
      return .system
    }
  }

  /// Waits until the daemon's account shows our end, which came behind everything else on the connection.
  private func confirm(
    _ identity: (source: SourceName, epoch: UInt64), sent: UInt64
  ) throws -> ExitStatus {
    let end = ContinuousClock.now + patience
    while ContinuousClock.now < end {
      guard let report = try SourcesTable.ask(output, .seconds((end - .now) / .seconds(1))) else { break }
      guard
        let ours = report.sources.first(where: { $0["source"] as? String == identity.source.text }),
        ours["epoch"] as? String == String(identity.epoch), ours["state"] as? String == "ended"
      else { continue }
      let rejected = ours["rejected"] as? Int ?? 0
      let lost = ours["lost"] as? Int ?? 0
      notes.print(
        "\(sent) events sent and read by the daemon; of its own numbers \(rejected) rejected, \(lost) lost")
      return lost == 0 ? .success : .unavailable
    }
    notes.print("\(sent) events sent; no account came from \(output), so nobody confirms that all were read")
    return .unavailable
  }
}

/// The lines of an NDJSON file, each an event of its own, sent as they are in the plain encoding.
private struct EventLines {
  private let request: PublishFile.Request

  init(_ request: PublishFile.Request) { self.request = request }

  /// - Returns: how many were sent. Lines that are no event are told and left out.
  func send(through sender: inout EventSender, _ notes: Terminal) throws -> Int {
    let descriptor = request.path == "-" ? 0 : open(request.path, O_RDONLY)
    guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    defer { if descriptor != 0 { close(descriptor) } }
    let limits = WireLimits()
    var reader = LineReader(descriptor: descriptor, maximumBytes: limits.messageBytes)
    var decoder = PlainDecoder(limits: limits)
    var number = 0
    var sent = 0
    while true {
      let line = try reader.next()
      if line == .end { return sent }
      number += 1
      guard line == .line else {
        notes.print("line \(number): too_large")
        continue
      }
      guard !reader.bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) else { continue }
      let topic: [UInt8]
      do throws(Remark) {
        topic = try Self.topic(of: reader.bytes, &decoder)
      } catch {
        notes.print("line \(number): \(error)")
        continue
      }
      try sender.send([topic, Array(reader.bytes)])
      sent += 1
    }
  }

  /// - Throws: why the daemon would refuse the line.
  private static func topic(
    of line: UnsafeRawBufferPointer, _ decoder: inout PlainDecoder
  ) throws(Remark) -> [UInt8] {
    let event = try decoder.decode(topic: nil, body: line)
    if case .refused(let remark) = event.body { throw remark }
    return FramedEncoder.topic(event.body.kind ?? .metrics, event.header.origin)
  }
}
