import Events
import Foundation
import Wire

/// `tidemark decode`: the frames of messages, explained field by field.
///
/// Reads a frame a line in hexadecimal, `-` for an empty one; anything behind `#` is a comment, and an
/// empty line ends a message.
package struct FrameDump {
  private let out = Terminal(descriptor: 1)
  private var decoder = MessageDecoder()
  private var frames: [[UInt8]] = []
  private var isAnyRefused = false

  /// Values of a tensor that are shown.
  private static let shownValues = 8

  package init() {}

  /// - Parameter path: `-` is standard input.
  /// - Returns: `data` when a line is no frame, or a message would be refused.
  package mutating func run(_ path: String) -> ExitStatus {
    let notes = Terminal(descriptor: 2)
    guard
      let data = path == "-"
        ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: path)
    else {
      notes.print("tidemark: \(path) cannot be read")
      return .noInput
    }
    for (number, line) in String(decoding: data, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).enumerated() {
      let text = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
      if text.isEmpty {
        // A line of comment alone belongs to the message around it.
        if !line.contains("#") { explain() }
      } else if text == "-" {
        frames.append([])
      } else if let bytes = Hexadecimal.bytes(text) {
        frames.append(bytes)
      } else {
        notes.print("tidemark: \(path):\(number + 1): no frame in hexadecimal")
        return .data
      }
    }
    explain()
    return isAnyRefused ? .data : .success
  }

  private mutating func explain() {
    guard !frames.isEmpty else { return }
    defer { frames = [] }
    out.print("message of \(frames.count) frames")
    out.print("  0  topic       \(String(decoding: frames[0], as: UTF8.self))")
    let header = frames.count > 1 ? frames[1].withUnsafeBytes { FramedHeader(parsing: $0) } : nil
    if let header {
      explain(header)
      for index in frames.indices.dropFirst(2) { explainBody(index, header) }
    } else {
      for index in frames.indices.dropFirst() {
        out.print("  \(index)  \(Self.text(frames[index]))")
      }
    }
    judge(header)
    out.print("")
  }

  private func explain(_ header: FramedHeader) {
    let kind = FramedHeader.Kind(rawValue: header.kind)?.word.description ?? "reserved or unknown"
    var flags: [String] = []
    if header.flags.contains(.replayed) { flags.append("replayed") }
    if header.flags.contains(.acknowledgementWanted) { flags.append("ack-wanted") }
    if header.flags.contains(.firstOfEpoch) { flags.append("first-of-epoch") }
    if header.flags.contains(.tombstone) { flags.append("tombstone") }
    let encoding =
      header.descriptorEncoding == 0 ? "none" : header.descriptorEncoding == 1 ? "JSON" : "unknown"
    for (offset, name, value) in [
      (0, "magic", "TIDE"), (4, "version", "\(header.majorVersion).\(header.minorVersion)"),
      (6, "kind", "\(header.kind) \(kind)"), (7, "descriptor", "\(header.descriptorEncoding) \(encoding)"),
      (8, "flags", "\(header.flags.rawValue)" + (flags.isEmpty ? "" : " " + flags.joined(separator: ", "))),
      (12, "frames", "\(header.frames)"),
      (16, "epoch", Self.time(Int64(clamping: header.epoch), "\(header.epoch)")),
      (24, "seq", "\(header.number)"), (32, "prev", header.previous == 0 ? "0 none" : "\(header.previous)"),
      (40, "event time", Self.time(header.eventTime, "\(header.eventTime)")),
      (48, "send time", Self.time(header.sendTime, "\(header.sendTime)")),
    ] {
      let label = name.padding(toLength: 10, withPad: " ", startingAt: 0)
      out.print("  1  header  \(offset < 10 ? " " : "")\(offset)  \(label)  \(value)")
    }
  }

  private static func time(_ nanoseconds: Int64, _ digits: String) -> String {
    nanoseconds == 0 ? "0 not given" : "\(digits) \(RFC3339.string(Timestamp(nanoseconds: nanoseconds)))"
  }

  private func explainBody(_ index: Int, _ header: FramedHeader) {
    let frame = frames[index]
    guard index > 2, let tensor = tensor(index - 3) else {
      out.print("  \(index)  \(index == 2 ? "descriptor " : "tensor     ") \(Self.text(frame))")
      return
    }
    let shape = (tensor["shape"] as? [Any] ?? []).map { "\($0)" }.joined(separator: " × ")
    let name = tensor["name"] as? String ?? "?"
    let datatype = tensor["datatype"] as? String ?? "?"
    out.print(
      "  \(index)  tensor      \(name) \(datatype) \(shape): \(Self.values(frame, datatype)) (\(frame.count) bytes)"
    )
  }

  /// What the descriptor says of a tensor; nil when it says nothing that can be read.
  private func tensor(_ index: Int) -> [String: Any]? {
    let object = try? JSONSerialization.jsonObject(with: Data(frames[2])) as? [String: Any]
    guard let list = object?["tensors"] as? [[String: Any]], list.indices.contains(index) else { return nil }
    return list[index]
  }

  private static func values(_ frame: [UInt8], _ datatype: String) -> String {
    guard let format = Matrix.Format(datatype: datatype) else { return text(frame) }
    let count = min(frame.count / format.size, shownValues)
    let shown = frame.withUnsafeBytes { bytes in
      Matrix(
        rows: 1, columns: count, format: format,
        received: UnsafeRawBufferPointer(rebasing: bytes[0..<count * format.size])
      ).values.map { "\($0)" }
    }
    return shown.joined(separator: " ") + (frame.count / format.size > count ? " …" : "")
  }

  private static func text(_ frame: [UInt8]) -> String {
    guard !frame.isEmpty else { return "empty" }
    let shown = frame.prefix(400)
    let isText = shown.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    let text =
      isText ? String(decoding: shown, as: UTF8.self) : shown.prefix(32).map(Hexadecimal.digits).joined()
    return text + (frame.count > 400 ? " … (\(frame.count) bytes)" : "")
  }

  /// What a daemon makes of it, of a message that goes to one.
  private mutating func judge(_ header: FramedHeader?) {
    if let header, (16...19).contains(header.kind) {
      return out.print("  →  an output of a daemon")
    }
    let copies = frames.map { frame in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 8)
      buffer.copyBytes(from: frame)
      return UnsafeRawBufferPointer(buffer)
    }
    defer { for copy in copies { copy.deallocate() } }
    let said: String
    do throws(Remark) {
      let event = try copies.withUnsafeBufferPointer { (frames) throws(Remark) in try decoder.decode(frames) }
      if case .refused(let remark) = event.body {
        isAnyRefused = true
        said = "refused, and counted in its source's account: \(remark)"
      } else {
        said =
          "taken: \(event.body.kind?.word.description ?? "a tombstone") \(event.header.id) of \(event.header.origin)"
      }
    } catch {
      isAnyRefused = true
      said = "refused: \(error)"
    }
    out.print("  →  \(said)")
  }
}

extension Matrix.Format {
  /// Nil for a name that is none of a number's.
  fileprivate init?(datatype: String) {
    guard let format = Self.allCases.first(where: { $0.datatype == datatype }) else { return nil }
    self = format
  }
}
