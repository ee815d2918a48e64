import Engine
import Events
import Foundation
import Wire

/// `tidemark replay`: recorded events through the same engine, with the file's own clock.
///
/// One CloudEvents JSON object a line in, one a line out, every assessment included. The same input
/// gives the same bytes.
package struct Replay: ~Copyable {
  private var decoder: PlainDecoder
  private var encoder: PublicationEncoder
  private var engine: MonitoringEngine
  private let limits: WireLimits
  private let terminal = Terminal(descriptor: 2)
  private var effects: [Effect] = []
  private var output = OutputBuffer(descriptor: 1)
  private var tally = Tally()
  /// Of the event before: where a refused line stands in time.
  private var clock = Timestamp.min

  package init(_ configuration: Configuration) {
    decoder = PlainDecoder(limits: configuration.wire)
    encoder = PublicationEncoder(name: configuration.name)
    var settings = configuration.engine
    settings.runsDecisionTimers = false
    engine = MonitoringEngine(settings: settings)
    limits = configuration.wire
  }

  /// - Parameters:
  ///   - path: an NDJSON file; `-` is standard input.
  ///   - isStrict: a rejected line makes the exit status `data`; the whole file is read all the same.
  package mutating func run(_ path: String, isStrict: Bool) -> ExitStatus {
    let descriptor = path == "-" ? 0 : open(path, O_RDONLY)
    guard descriptor >= 0 else {
      terminal.print("tidemark: \(path): \(String(cString: strerror(errno)))")
      return .noInput
    }
    defer { if descriptor != 0 { close(descriptor) } }
    var status = stat()
    let size = fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0

    var reader = LineReader(descriptor: descriptor, maximumBytes: limits.messageBytes)
    do throws(POSIXError) {
      while try take(&reader) {
        if tally.lines % 4_096 == 0 { showProgress(reader.consumed, of: size) }
      }
      try output.flush()
    } catch {
      terminal.clearProgress()
      terminal.print("tidemark: \(path): \(String(cString: strerror(error.code.rawValue)))")
      return error.code == .EISDIR ? .noInput : .system
    }
    terminal.clearProgress()
    terminal.print(tally.summary(models: engine.modelCount))
    return isStrict && tally.rejected > 0 ? .data : .success
  }

  private func showProgress(_ consumed: Int, of size: Int) {
    let share = size > 0 ? " \(min(100, consumed * 100 / size)) %" : ""
    terminal.progress("replay\(share) \(tally.lines) lines")
  }

  /// Takes one line. Returns false at the end.
  private mutating func take(_ reader: inout LineReader) throws(POSIXError) -> Bool {
    switch try reader.next() {
    case .end: return false
    case .tooLong:
      tally.lines += 1
      reject(Remark(.tooLarge, "more than \(limits.messageBytes) bytes"))
    case .line:
      tally.lines += 1
      let bytes = reader.bytes
      // An empty line is no event and no mistake.
      guard bytes.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0d }) else { return true }
      var event: Event?
      do throws(Remark) { event = try decoder.decode(topic: nil, body: bytes) } catch { reject(error) }
      if let event { try handle(event) }
    }
    return true
  }

  private mutating func handle(_ event: Event) throws(POSIXError) {
    var event = event
    if case .refused = event.body {
      // Its sequence number counts; its time moves nothing.
    } else if let time = event.header.time {
      clock = max(clock, time)
    } else {
      event.body = .refused(Remark(.missingTime, "an event without time cannot be put in order"))
    }
    // A jump in time can fire deadlines of every model: each is written before the next.
    effects.removeAll(keepingCapacity: true)
    while engine.fireDeadline(before: clock, into: &effects) {
      try perform()
      effects.removeAll(keepingCapacity: true)
    }
    engine.handle(event, at: clock, into: &effects)
    tally.taken += 1
    try perform()
  }

  private mutating func reject(_ remark: Remark) {
    tally.enter(remark)
    terminal.clearProgress()
    terminal.print("line \(tally.lines): \(remark)")
  }

  private mutating func perform() throws(POSIXError) {
    for effect in effects {
      switch effect {
      case .account(let remark):
        tally.enter(remark)
        if remark.reason.isRefusal {
          tally.taken -= 1
          terminal.clearProgress()
          terminal.print("line \(tally.lines): \(remark)")
        }
      case .answer: break
      case .publish(let publication):
        tally.enter(publication.output)
        encoder.encodeBody(of: publication)
        try output.append(encoder.body)
      }
    }
  }
}

/// What a replay came to.
private struct Tally {
  var lines = 0
  /// Events that were not refused.
  var taken = 0
  var rejected = 0
  private var reasons: [Reason: UInt64] = [:]
  private var assessments = 0
  private var opened = 0
  private var resolved = 0
  private var decisions = 0

  mutating func enter(_ remark: Remark) {
    reasons[remark.reason] = (reasons[remark.reason] ?? 0).addingSaturating(remark.count)
    if remark.reason.isRefusal { rejected += 1 }
  }

  mutating func enter(_ output: Output) {
    switch output {
    case .performance, .drift, .retrain: assessments += 1
    case .decision: decisions += 1
    case .decisionChange: break
    case .alert(let transition):
      switch transition.change {
      case .opened: opened += 1
      case .resolved: resolved += 1
      case .updated: break
      }
    }
  }

  func summary(models: Int) -> String {
    var text = "\(lines) lines: \(taken) events of \(models) models taken, \(rejected) lines rejected"
    let account = Reason.allCases.compactMap { reason in reasons[reason].map { "\(reason.rawValue) \($0)" } }
    if !account.isEmpty { text += " (\(account.joined(separator: ", ")))" }
    text += "\n\(assessments) assessments, \(opened) alerts opened, \(resolved) resolved, "
    return text + "\(decisions) decisions to retrain"
  }
}

/// Standard output in pieces of 64 KiB.
private struct OutputBuffer {
  private static let capacity = 1 << 16
  private let descriptor: Int32
  private var bytes: [UInt8] = []

  init(descriptor: Int32) {
    self.descriptor = descriptor
    bytes.reserveCapacity(Self.capacity)
  }

  mutating func append(_ line: [UInt8]) throws(POSIXError) {
    bytes.append(contentsOf: line)
    bytes.append(0x0a)
    if bytes.count >= Self.capacity { try flush() }
  }

  mutating func flush() throws(POSIXError) {
    var start = 0
    while start < bytes.count {
      let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + start, $0.count - start) }
      if written < 0 && errno == EINTR { continue }
      guard written >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
      start += written
    }
    bytes.removeAll(keepingCapacity: true)
  }
}
