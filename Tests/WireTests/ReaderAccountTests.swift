import TestSupport
import Testing

@testable import Wire

/// Every golden stream of numbers, as readers see it.
@Suite struct ReaderAccountTests {
  @Test func everyStreamIsCounted() throws {
    let streams = try Golden.protocolLines("readers", version: "1.0")
    #expect(streams.count >= 10)
    for stream in streams {
      var account = ReaderAccount(isExact: stream["exact"].flag == true)
      for (index, step) in stream["steps"].list.enumerated() {
        let context: Comment = "\(stream["name"].text ?? "?"), step \(index)"
        let isMessage = !step["message"].isNull
        let said = isMessage ? step["message"] : step["head"]
        let header = FramedHeader(
          kind: 16, frames: 3, epoch: UInt64(said["epoch"].text ?? "") ?? 0,
          number: UInt64(said["seq"].text ?? "") ?? 0, previous: UInt64(said["prev"].text ?? "0") ?? 0)
        guard isMessage else {
          #expect(Double(account.takeSign(header)) == step["lost"].number, context)
          continue
        }
        let verdict = Array((said["topic"].text ?? "").utf8).withUnsafeBytes {
          account.take(header, topic: $0)
        }
        if step["duplicate"].flag == true {
          #expect(verdict == .duplicate, context)
        } else {
          #expect(verdict == .taken(lost: UInt64(exactly: step["lost"].number ?? -1) ?? .max), context)
        }
      }
    }
  }

  /// More topics than are remembered: the account begins anew and claims no loss.
  @Test func topicsAreBounded() {
    var account = ReaderAccount(isExact: false)
    for number in 1...UInt64(ReaderAccount.maximumTopics) + 10 {
      let header = FramedHeader(kind: 16, frames: 3, epoch: 1, number: number)
      let verdict = Array("alert/\(number)".utf8).withUnsafeBytes { account.take(header, topic: $0) }
      #expect(verdict == .taken(lost: 0))
    }
  }
}
