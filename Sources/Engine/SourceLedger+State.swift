import Decisions
import Events

// How a source's account lies in the journal. Its clock is not kept: another process measures anew.
extension SourceLedger {
  /// Of the record. The second adds the course of its alert, and only who has one writes it.
  private static let version: UInt8 = 2

  func encode(to writer: inout StateWriter) {
    writer.write(rivalry.hasCourse ? Self.version : 1)
    writer.write(source.text)
    writer.write(lastHeard)
    writer.write(lastInForce)
    for figure in [
      counts.received, counts.rejected, counts.lost, counts.duplicate, counts.stale, counts.late,
      counts.unsequenced, counts.restarts, counts.dropped,
    ] {
      writer.write(figure)
    }
    writer.write(counts.rejectedBy.sorted { $0.key.index < $1.key.index }) { writer, entry in
      writer.write(entry.key.rawValue)
      writer.write(entry.value)
    }
    for place in [position, displaced] {
      writer.write(place) { writer, place in
        writer.write(place.epoch)
        writer.write(place.number)
      }
    }
    writer.write(headInterval) { $0.write($1) }
    writer.write(hasEnded)
    writer.write(isReliable)
    recent.encode(to: &writer)
    rivalry.encode(to: &writer)
    if rivalry.hasCourse { rivalry.encodeCourse(to: &writer) }
  }

  init(serial: Int64, _ record: [UInt8]) throws(StateError) {
    var reader = StateReader(record)
    let version = try reader.readVersion(upTo: Self.version, of: "a source")
    guard let source = SourceName(try reader.readText()) else { throw StateError("no source") }
    self.init(serial: serial, source: source, at: try reader.readTimestamp())
    lastInForce = try reader.readTimestamp()
    counts.received = try reader.read()
    counts.rejected = try reader.read()
    counts.lost = try reader.read()
    counts.duplicate = try reader.read()
    counts.stale = try reader.read()
    counts.late = try reader.read()
    counts.unsequenced = try reader.read()
    counts.restarts = try reader.read()
    counts.dropped = try reader.read()
    let entries = try reader.readArray { (reader) throws(StateError) in
      (try reader.readWord(Reason.self), try reader.read(UInt64.self))
    }
    for (reason, count) in entries { counts.rejectedBy[reason] = count }
    position = try Self.readPlace(&reader)
    displaced = try Self.readPlace(&reader)
    headInterval = try reader.readOptional { (reader) throws(StateError) in try reader.readDuration() }
    hasEnded = try reader.readBool()
    isReliable = try reader.readBool()
    recent = try RecentIDs(from: &reader)
    rivalry = try EpochRivalry(from: &reader)
    if version > 1 { try rivalry.restoreCourse(from: &reader) }
    try reader.end()
  }

  private static func readPlace(_ reader: inout StateReader) throws(StateError) -> SequenceNumber? {
    try reader.readOptional { (reader) throws(StateError) in
      SequenceNumber(epoch: try reader.read(), number: try reader.read())
    }
  }
}
