/// One event of a `text/event-stream`.
package struct ServerEvent: Equatable, Sendable {
  package var name = "message"
  package var id: String?
  package var data = ""
}

/// Server-sent events out of bytes as they come (HTML Living Standard, 9.2.6).
///
/// Bounded: a line or an event above ``maximumEventBytes`` ends the stream.
package struct EventStreamParser: Sendable {
  /// One model's state has a few kilobytes; 1 MiB is far more than any event.
  static let maximumEventBytes = 1 << 20

  private var line: [UInt8] = []
  private var event = ServerEvent()
  private var hasData = false
  private var endedWithReturn = false

  package init() {}

  /// The events that these bytes complete.
  package mutating func take(_ bytes: [UInt8]) throws(HTTPFailure) -> [ServerEvent] {
    var events: [ServerEvent] = []
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\n") where endedWithReturn: endedWithReturn = false
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
        endedWithReturn = byte == UInt8(ascii: "\r")
        if let whole = takeLine() { events.append(whole) }
      default:
        endedWithReturn = false
        line.append(byte)
        guard line.count + event.data.utf8.count <= Self.maximumEventBytes else {
          throw .tooLarge(Self.maximumEventBytes)
        }
      }
    }
    return events
  }

  private mutating func takeLine() -> ServerEvent? {
    let text = String(decoding: line, as: UTF8.self)
    line.removeAll(keepingCapacity: true)
    guard !text.isEmpty else {
      defer { (event, hasData) = (ServerEvent(), false) }
      return hasData ? event : nil
    }
    let colon = text.firstIndex(of: ":")
    var value = colon.map { text[text.index(after: $0)...] } ?? ""
    if value.first == " " { value.removeFirst() }
    switch colon.map({ text[..<$0] }) ?? text[...] {
    case "event": event.name = String(value)
    case "id": event.id = String(value)
    case "data":
      event.data += (hasData ? "\n" : "") + value
      hasData = true
    default: break  // A comment that keeps the connection open, or a field of a later version.
    }
    return nil
  }
}
