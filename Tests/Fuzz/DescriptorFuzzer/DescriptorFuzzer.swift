import CFuzzDriver
import Events
import Wire

@main enum DescriptorFuzzer {
  static func main() {
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    _ = LLVMFuzzerRunDriver(&count, &arguments, fuzzDescriptor)
  }
}

nonisolated(unsafe) private var decoder = FramedDecoder()

/// A descriptor behind a good topic and header; the first byte says of which kind and how many tensors, which
/// are empty, follow.
private func fuzzDescriptor(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let data, size > 0 else { return 0 }
  let kinds: [FramedHeader.Kind] = [.metrics, .features, .baseline, .head, .bye]
  let kind = kinds[Int(data[0] & 7) % kinds.count]
  let isSign = kind == .head || kind == .bye
  let tensors = isSign ? 0 : Int(data[0] >> 4) % 14
  let header = FramedHeader(kind: kind.rawValue, frames: 3 + tensors, epoch: 1, number: 1)
  let descriptor = UnsafeMutableRawBufferPointer.allocate(byteCount: size - 1, alignment: 1)
  defer { descriptor.deallocate() }
  descriptor.copyMemory(from: UnsafeRawBufferPointer(start: data + 1, count: size - 1))
  let topic = Array("\(kind.word)/\(isSign ? "-" : "m")/-/s".utf8)
  topic.withUnsafeBytes { topic in
    header.bytes.withUnsafeBytes { header in
      let empty = UnsafeRawBufferPointer(start: nil, count: 0)
      let frames =
        [topic, header, UnsafeRawBufferPointer(descriptor)] + Array(repeating: empty, count: tensors)
      frames.withUnsafeBufferPointer { frames in
        do throws(Remark) { _ = try decoder.decode(frames) } catch {}
      }
    }
  }
  return 0
}
