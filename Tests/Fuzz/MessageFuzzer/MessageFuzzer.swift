import CFuzzDriver
import Events
import Wire

@main enum MessageFuzzer {
  static func main() {
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    _ = LLVMFuzzerRunDriver(&count, &arguments, fuzzMessage)
  }
}

/// One decoder for all inputs, so that its tables fill as a daemon's do.
nonisolated(unsafe) private var decoder = MessageDecoder(limits: limits)
private let limits: WireLimits = {
  var limits = WireLimits()
  // Small, so that inputs of libFuzzer's size reach both of them.
  (limits.frameBytes, limits.messageBytes) = (2_048, 3_072)
  return limits
}()

/// A message, as frames of a two-byte big-endian length and as many bytes each; a length beyond the end takes
/// the rest. The header's magic, version and number of frames are made right when the first bit of the input
/// says so, since chance would not find them.
private func fuzzMessage(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let data, size > 0 else { return 0 }
  var frames: [[UInt8]] = []
  var rest = UnsafeBufferPointer(start: data + 1, count: size - 1)[...]
  while rest.count >= 2, frames.count < 16 {
    let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
    rest = rest.dropFirst(2)
    frames.append(Array(rest.prefix(length)))
    rest = rest.dropFirst(length)
  }
  if data[0] & 1 == 1, frames.count > 1, frames[1].count == FramedHeader.size {
    frames[1].replaceSubrange(0..<5, with: FramedHeader.magic + [FramedHeader.major])
    frames[1].replaceSubrange(12..<16, with: [0, 0, 0, UInt8(frames.count)])
  }
  decode(frames)
  return 0
}

/// Frames in allocations of exactly their size, so that a read beyond one is seen.
private func decode(_ frames: [[UInt8]]) {
  let buffers = frames.map { frame in
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 1)
    buffer.copyBytes(from: frame)
    return UnsafeRawBufferPointer(buffer)
  }
  defer { for buffer in buffers { buffer.deallocate() } }
  do throws(Remark) {
    let event = try buffers.withUnsafeBufferPointer { (frames) throws(Remark) in try decoder.decode(frames) }
    read(event)
  } catch {
    precondition(error.detail.utf8.count <= Remark.maximumDetailBytes + 4)
  }
  // The same bytes on the control socket.
  buffers.withUnsafeBufferPointer { frames in
    guard let request = try? ControlRequest(parsing: frames) else { return }
    precondition(request.number > 0 && request.epoch > 0)
    if case .fetch(let fetch) = request.body {
      precondition(fetch.from > 0 && fetch.prefixes.count <= ControlFetch.maximumPrefixes)
    }
  }
}

/// Reads every value, and holds the event to what its type promises.
private func read(_ event: Event) {
  precondition(!event.header.id.description.isEmpty)
  var batch: FeatureBatch?
  if case .features(let features) = event.body { batch = features }
  if case .baseline(let update) = event.body { batch = update.features }
  guard let batch else { return }
  precondition(batch.rows > 0 && batch.columns > 0)
  precondition(batch.names.map { $0.count == batch.columns } ?? true)
  for block in batch.blocks { precondition(block.values.count == block.rows * block.columns) }
  precondition(batch.textNames.map { $0.count == batch.textColumns } ?? true)
  for block in batch.texts {
    precondition(block.rows == batch.rows)
    var cells = 0
    var bytes = 0
    block.eachCell { column, cell in
      precondition(column == cells % block.columns)
      (cells, bytes) = (cells + 1, cell.reduce(bytes) { $0 &+ Int($1) })
    }
    precondition(cells == block.rows * block.columns && bytes >= 0)
  }
}
