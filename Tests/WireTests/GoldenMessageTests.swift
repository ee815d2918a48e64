import Events
import Foundation
import TestSupport
import Testing

@testable import Wire

extension Frames {
  /// Hands over copies of `frames`, as a socket would.
  static func with<Result, Failure: Error>(
    _ frames: [[UInt8]], _ body: (Frames) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let buffers = frames.map { frame in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 1)
      buffer.copyBytes(from: frame)
      return buffer
    }
    defer { for buffer in buffers { buffer.deallocate() } }
    return try buffers.map { UnsafeRawBufferPointer($0) }.withUnsafeBufferPointer(body)
  }
}

/// Everything that an event says, so that two can be compared; NaN equals NaN.
struct Told: Equatable {
  var header: String
  var body: [String]

  /// - Parameter leavesTextOut: as golden events do, which say what preset `reference` judges.
  init(_ event: Event, leavesTextOut: Bool = false) {
    let says = { (batch: FeatureBatch) in Self.batch(batch, leavesTextOut) }
    let header = event.header
    self.header =
      "\(header.id) \(header.origin) \(header.time as Any) \(header.sequence as Any) \(header.traceParent as Any)"
    switch event.body {
    case .metrics(let metrics): body = ["\(metrics)"]
    case .features(let batch): body = says(batch)
    case .baseline(let update):
      body = ["\(update.accuracy as Any) \(update.latencyMilliseconds as Any)"]
      body += update.features.map(says) ?? []
    case .feedback(let feedback): body = ["\(feedback)"]
    case .head(let head): body = ["head \(head)"]
    case .bye(let head): body = ["bye \(head)"]
    case .tombstone: body = ["tombstone"]
    case .refused(let remark): body = ["refused \(remark.reason)"]
    }
  }

  /// Side by side, whatever the blocks; a missing value is one, however it was written.
  private static func batch(_ batch: FeatureBatch, _ leavesTextOut: Bool) -> [String] {
    let rows = (0..<batch.rows).map { row in
      batch.blocks.flatMap { block in block.values[row * block.columns..<(row + 1) * block.columns] }
        .map { $0.isFinite ? "\($0)" : "-" }.joined(separator: " ")
    }
    let told = ["\(batch.names?.names as Any)"] + rows
    guard !leavesTextOut, !batch.texts.isEmpty else { return told }
    var cells = [[String]](repeating: [], count: batch.textColumns)
    var first = 0
    for block in batch.texts {
      block.eachCell { column, cell in cells[first + column].append(String(decoding: cell, as: UTF8.self)) }
      first += block.columns
    }
    return told + ["\(batch.textNames?.names as Any)"] + cells.map { "\($0)" }
  }
}

/// Every golden message of version 1.0: what is taken says what the plain encoding of the same event
/// says, and what is refused is refused for the reason written down.
@Suite struct GoldenMessageTests {
  private static func frames(_ message: JSON) -> [[UInt8]] {
    message["frames"].list.map { frame in
      let digits = Array((frame.text ?? "").utf8)
      return stride(from: 0, to: digits.count, by: 2).map {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
      }
    }
  }

  /// As the daemon sees it: the socket refuses what has more frames than it holds.
  private static func decode(_ frames: [[UInt8]]) throws(Remark) -> Event {
    guard frames.count <= 16 else { throw Remark(.malformed) }
    var decoder = MessageDecoder()
    return try Frames.with(frames) { (frames) throws(Remark) in
      var event = try decoder.decode(frames)
      event.body = event.body.copied
      return event
    }
  }

  @Test func everyIncomingMessageIsUnderstood() throws {
    var taken = 0
    var refused = 0
    for message in try Golden.protocolLines("messages", version: "1.0")
    where message["direction"].text == "in" {
      let name = Comment(rawValue: message["name"].text ?? "?")
      let frames = Self.frames(message)
      if let reason = message["refused"].text {
        refused += 1
        do throws(Remark) {
          let event = try Self.decode(frames)
          guard case .refused(let remark) = event.body else {
            Issue.record("\(name): taken")
            continue
          }
          #expect(remark.reason.rawValue == reason && message["counted"].flag == true, name)
        } catch {
          #expect(error.reason.rawValue == reason && message["counted"].flag == false, "\(name): \(error)")
        }
        continue
      }
      taken += 1
      let event = try Self.decode(frames)
      try compare(event, message["expect"], name)
      try encodesAgain(event, frames, name)
    }
    #expect(taken > 50 && refused > 100)
  }

  private func compare(_ event: Event, _ expected: JSON, _ name: Comment) throws {
    if !expected["event"].isNull {
      // The same event in the plain encoding, as its own decoder reads it.
      let plain = try JSONSerialization.data(withJSONObject: expected["event"].foundation)
      let same = try Frames.with([[], Array(plain)]) { (frames) throws(Remark) in
        var decoder = MessageDecoder()
        return try decoder.decode(frames)
      }
      #expect(Told(event, leavesTextOut: !expected["header"].isNull) == Told(same), name)
    } else if expected["tombstone"].flag == true {
      #expect(Told(event).body == ["tombstone"], name)
    } else {
      var head: Head?
      if case .head(let said) = event.body { head = said }
      if case .bye(let said) = event.body { head = said }
      #expect(head?.dropped == expected["descriptor"]["dropped"].number.map { UInt64($0) }, name)
      let interval = expected["descriptor"]["interval_ms"].number.map { Duration.milliseconds($0) }
      #expect(head?.interval == interval, name)
      #expect(String(event.header.sequence?.number ?? 0) == expected["header"]["seq"].text, name)
    }
    let text = expected["remarks"].list.contains { $0.text == "text_ignored" }
    if case .features(let batch) = event.body { #expect((batch.textColumns > 0) == text, name) }
  }

  /// What our own encoder writes of it is read as the same event; and where it was written as the
  /// protocol says a publisher writes, with 64-bit figures, it is the same bytes.
  private func encodesAgain(_ event: Event, _ frames: [[UInt8]], _ name: Comment) throws {
    guard frames[1].starts(with: FramedHeader.magic) else { return }
    let header = try #require(frames[1].withUnsafeBytes { FramedHeader(parsing: $0) })
    #expect(header.bytes[0..<56] == frames[1][0..<56], "\(name): the header's own round trip")
    var encoder = FramedEncoder()
    let again = encoder.encode(event, previous: header.previous, sendTime: header.sendTime)
    guard let again else {
      if case .tombstone = event.body { return }
      if case .metrics(let metrics) = event.body {
        #expect(metrics == Metrics(), name)
        return
      }
      if case .baseline = event.body { return }
      Issue.record("\(name): not encoded")
      return
    }
    #expect(try Told(Self.decode(again)) == Told(event), name)
    if name.rawValue.hasSuffix(".steady") { #expect(again == frames, name) }
  }
}

extension EventBody {
  /// With values of its own, so that it outlives the message.
  var copied: EventBody {
    func copy(_ batch: FeatureBatch) -> FeatureBatch {
      var copy = FeatureBatch(
        names: batch.names,
        blocks: batch.blocks.map { Matrix(rows: $0.rows, columns: $0.columns, values: $0.values) })
      copy.texts = batch.texts.map { text in
        var cells: [String] = []
        text.eachCell { _, cell in cells.append(String(decoding: cell, as: UTF8.self)) }
        return TextBlock(rows: text.rows, columns: text.columns, cells: cells)
      }
      copy.textNames = batch.textNames
      return copy
    }
    switch self {
    case .features(let batch): return .features(copy(batch))
    case .baseline(var update):
      update.features = update.features.map(copy)
      return .baseline(update)
    default: return self
    }
  }
}

extension JSON {
  /// For JSONSerialization.
  fileprivate var foundation: Any {
    if isNull { return NSNull() }
    if let flag { return flag }
    if let number { return number }
    if let text { return text }
    if let members { return members.mapValues(\.foundation) }
    return list.map(\.foundation)
  }
}
